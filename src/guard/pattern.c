/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/pattern.h"

#include <ctype.h>
#include <stdlib.h>

#define NODES_MAX (1U << 20)

void nodes_done(struct nodes *n)
{
	free(n->node);
	free(n->start);
	free(n->seen);
	*n = (struct nodes){0};
}

static bool make_room(struct nodes *n)
{
	uint32_t room = n->room ? n->room * 2 : 256;
	struct node *node;
	uint8_t *seen;

	if (n->count < n->room)
		return true;
	if (room > NODES_MAX)
		return false;
	node = reallocarray(n->node, room, sizeof(*node));
	if (!node)
		return false;
	n->node = node;
	seen = realloc(n->seen, room);
	if (!seen)
		return false;
	n->seen = seen;
	memset(n->seen + n->room, 0, room - n->room);
	n->room = room;
	return true;
}

uint32_t nodes_add(struct nodes *n, enum node_kind kind, uint8_t byte, uint32_t to)
{
	if (n->failed || !make_room(n)) {
		n->failed = true;
		return 0;
	}
	n->node[n->count] = (struct node){.kind = (uint8_t)kind, .byte = byte, .to = to};
	return n->count++;
}

void nodes_begin(struct nodes *n)
{
	uint32_t room = n->starts_room ? n->starts_room * 2 : 64;
	uint32_t *start;

	if (n->starts == n->starts_room) {
		start = reallocarray(n->start, room, sizeof(*n->start));
		if (!start) {
			n->failed = true;
			return;
		}
		n->start = start;
		n->starts_room = room;
	}
	n->start[n->starts++] = n->count;
}

static void goes_to(struct nodes *n, uint32_t place, uint32_t to)
{
	if (!n->failed)
		n->node[place].to = to;
}

void nodes_text(struct nodes *n, struct span text, bool fold)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		nodes_add(n, fold && letter ? NODE_FOLD : NODE_BYTE, fold && letter ? c | 0x20 : c, 0);
	}
}

/* "/" + "**" in front of a slash: nothing, or a slash and whatever follows. */
static void any_depth(struct nodes *n)
{
	uint32_t skip = nodes_add(n, NODE_SKIP, 0, 0);

	nodes_add(n, NODE_BYTE, '/', 0);
	nodes_add(n, NODE_ALL, 0, 0);
	goes_to(n, skip, n->count);
}

void nodes_glob(struct nodes *n, const char *text)
{
	while (*text) {
		if (strncmp(text, "/**/", 4) == 0) {
			any_depth(n);
			text += 3;
		} else if (text[0] == '*') {
			size_t stars = strspn(text, "*");

			nodes_add(n, stars > 1 ? NODE_ALL : NODE_SEGMENT, 0, 0);
			text += stars;
		} else if (*text == '?') {
			nodes_add(n, NODE_ANY, 0, 0);
			text++;
		} else {
			nodes_add(n, NODE_BYTE, (uint8_t)*text++, 0);
		}
	}
}

void nodes_choice(struct nodes *n, const char *const *texts)
{
	uint32_t jump[64], skip;
	unsigned jumps = 0;

	for (; texts[1] && jumps < 64; texts++) {
		skip = nodes_add(n, NODE_SKIP, 0, 0);
		nodes_text(n, span_of(*texts), false);
		jump[jumps++] = nodes_add(n, NODE_JUMP, 0, 0);
		goes_to(n, skip, n->count);
	}
	nodes_text(n, span_of(*texts), false);
	while (jumps)
		goes_to(n, jump[--jumps], n->count);
}

/* Up to the next '/' or '$'. */
static const char *path_segment(struct nodes *n, const char *pattern, bool fold)
{
	size_t length = strcspn(pattern, "/$");

	if (length == 1 && *pattern == '*') {
		nodes_add(n, NODE_ANY, 0, 0);
		nodes_add(n, NODE_SEGMENT, 0, 0);
	} else {
		nodes_text(n, (struct span){pattern, length}, fold);
	}
	return pattern + length;
}

void nodes_path(struct nodes *n, const char *pattern, bool fold, uint32_t id)
{
	uint32_t skip;

	nodes_begin(n);
	if (strncmp(pattern, "**/", 3) == 0) {
		skip = nodes_add(n, NODE_SKIP, 0, 0);
		nodes_add(n, NODE_ALL, 0, 0);
		nodes_add(n, NODE_BYTE, '/', 0);
		goes_to(n, skip, n->count);
		pattern += 3;
	}
	while (*(pattern = path_segment(n, pattern, fold)) == '/') {
		nodes_add(n, NODE_BYTE, '/', 0);
		pattern++;
	}
	if (*pattern == '$') {
		nodes_add(n, NODE_END, 0, id);
		return;
	}
	nodes_add(n, NODE_PREFIX, 0, id);
	nodes_add(n, NODE_REST, 0, id);
}

/* Notes that the text may stand at `place`, and wherever that leads without a byte. */
static void stand_at(struct nodes *n, uint32_t place, struct buffer *out)
{
	const struct node *node;

	while (place < n->count && !n->seen[place]) {
		node = &n->node[place];
		n->seen[place] = 1;
		if (!buffer_reserve(out, sizeof(place)))
			return;
		memcpy(out->data + out->length, &place, sizeof(place));
		out->length += sizeof(place);
		switch (node->kind) {
		case NODE_JUMP:
			place = node->to;
			break;
		case NODE_SKIP:
			stand_at(n, node->to, out);
			place++;
			break;
		case NODE_SEGMENT:
		case NODE_NOT:
		case NODE_ALL:
			place++;
			break;
		default:
			return;
		}
	}
}

/* Steps leave places nearly in order. */
static void sort(uint32_t *place, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t p = place[i];
		size_t k = i;

		for (; k > 0 && place[k - 1] > p; k--)
			place[k] = place[k - 1];
		place[k] = p;
	}
}

/* What was appended behind `from`: sorted, and without nodes that wait for nothing. */
static void settle(struct nodes *n, struct buffer *out, size_t from)
{
	size_t count = (out->length - from) / sizeof(uint32_t), kept = 0;
	uint32_t *place;

	if (out->failed || count == 0)
		return;
	place = (uint32_t *)(void *)(out->data + from);
	for (size_t i = 0; i < count; i++) {
		uint8_t kind = n->node[place[i]].kind;

		n->seen[place[i]] = 0;
		if (kind != NODE_JUMP && kind != NODE_SKIP)
			place[kept++] = place[i];
	}
	sort(place, kept);
	out->length = from + kept * sizeof(*place);
}

void nodes_enter(struct nodes *n, struct buffer *out)
{
	size_t from = out->length;

	for (uint32_t i = 0; i < n->starts; i++)
		stand_at(n, n->start[i], out);
	settle(n, out, from);
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Where byte `c` leads from a place: 0 nowhere, 1 to the next one, 2 nowhere else. */
static int moves(const struct node *node, uint8_t c)
{
	switch (node->kind) {
	case NODE_BYTE:
		return c == node->byte;
	case NODE_FOLD:
		return (c | 0x20) == node->byte;
	case NODE_ANY:
		return c != '/';
	case NODE_HEX:
		return is_hex(c);
	case NODE_SEGMENT:
		return c != '/' ? 2 : 0;
	case NODE_NOT:
		return c != node->byte ? 2 : 0;
	case NODE_ALL:
	case NODE_REST:
		return 2;
	case NODE_PREFIX:
		return c == '/';
	default:
		return 0;
	}
}

void nodes_step(struct nodes *n, struct span state, uint8_t c, struct buffer *out)
{
	size_t from = out->length;

	for (size_t i = 0; i + sizeof(uint32_t) <= state.length; i += sizeof(uint32_t)) {
		uint32_t place;
		int move;

		memcpy(&place, state.data + i, sizeof(place));
		move = moves(&n->node[place], c);
		if (move)
			stand_at(n, move == 1 ? place + 1 : place, out);
	}
	settle(n, out, from);
}

void nodes_matched(const struct nodes *n, struct span state, void (*told)(void *data, uint32_t id), void *data)
{
	for (size_t i = 0; i + sizeof(uint32_t) <= state.length; i += sizeof(uint32_t)) {
		uint32_t place;
		uint8_t kind;

		memcpy(&place, state.data + i, sizeof(place));
		kind = n->node[place].kind;
		if (kind == NODE_PREFIX || kind == NODE_REST || kind == NODE_END)
			told(data, n->node[place].to);
	}
}

unsigned classes_split(uint8_t class_of[static 256], unsigned classes, const bool in[static 256])
{
	int other[256];

	memset(other, -1, sizeof(other));
	for (unsigned class = 0, before = classes; class < before; class ++) {
		bool inside = false, outside = false;

		for (unsigned c = 0; c < 256; c++)
			if (class_of[c] == class)
				*(in[c] ? &inside : &outside) = true;
		if (inside && outside)
			other[class] = (int)classes++;
	}
	for (unsigned c = 0; c < 256; c++)
		if (in[c] && other[class_of[c]] >= 0)
			class_of[c] = (uint8_t)other[class_of[c]];
	return classes;
}

unsigned nodes_classes(const struct nodes *n, uint8_t class_of[static 256], unsigned classes)
{
	bool told[256] = {['/'] = true}, folded[256] = {0}, in[256] = {0};

	for (uint32_t i = 0; i < n->count; i++) {
		if (n->node[i].kind == NODE_BYTE || n->node[i].kind == NODE_NOT)
			told[n->node[i].byte] = true;
		if (n->node[i].kind == NODE_FOLD)
			folded[n->node[i].byte] = true;
	}
	for (unsigned c = 0; c < 256; c++) {
		in[c] = is_hex((uint8_t)c);
	}
	classes = classes_split(class_of, classes, in);
	for (unsigned c = 0; c < 256; c++) {
		memset(in, 0, sizeof(in));
		in[c] = true;
		if (told[c])
			classes = classes_split(class_of, classes, in);
		in[c & ~0x20U] = true;
		if (folded[c])
			classes = classes_split(class_of, classes, in);
	}
	return classes;
}
