/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/automaton.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "guard/partition.h"

#define STATES_MAX (1U << 17) /* before those that are alike are made one */
#define SLOTS      (1U << 19)
#define MEMORY_MAX (256U << 20) /* of all states' bytes */
#define EMPTY      UINT32_MAX

struct explorer {
	const struct automaton_source *source;
	struct buffer bytes; /* of all states, one behind the other */
	size_t *at;          /* at[n], at[n + 1]: where state n is in them */
	uint32_t *slot;      /* hash table of states */
	uint32_t count;
	uint32_t *next;
	int *mark;
};

static uint32_t hash_bytes(uint32_t h, const void *data, size_t length)
{
	const unsigned char *c = data;
	uint32_t word;

	for (; length >= sizeof(word); length -= sizeof(word), c += sizeof(word)) {
		memcpy(&word, c, sizeof(word));
		h = (h ^ word) * 16777619U;
		h ^= h >> 13;
	}
	for (size_t i = 0; i < length; i++)
		h = (h ^ c[i]) * 16777619U;
	return h ^ (h >> 15);
}

static struct span state_of(const struct explorer *e, uint32_t n)
{
	size_t length = e->at[n + 1] - e->at[n];

	return (struct span){length ? e->bytes.data + e->at[n] : "", length};
}

/* The number of the state with these bytes, a new one when it is met for the first time. */
static int find_state(struct explorer *e, struct span state, uint32_t *ret_number)
{
	uint32_t i = hash_bytes(2166136261U, state.data, state.length) % SLOTS;

	for (; e->slot[i] != EMPTY; i = (i + 1) % SLOTS)
		if (span_equal(state_of(e, e->slot[i]), state)) {
			*ret_number = e->slot[i];
			return 0;
		}
	if (e->count == STATES_MAX || e->bytes.length + state.length > MEMORY_MAX)
		return -E2BIG;
	buffer_span(&e->bytes, state);
	if (e->bytes.failed)
		return -ENOMEM;
	e->slot[i] = e->count;
	e->at[++e->count] = e->bytes.length;
	*ret_number = e->count - 1;
	return 0;
}

/* A byte of each class. */
static void representatives(const struct automaton_source *source, uint8_t byte[static 256])
{
	for (unsigned c = 256; c-- > 0;)
		byte[source->class_of[c]] = (uint8_t)c;
}

static int explore(struct explorer *e)
{
	const struct automaton_source *s = e->source;
	struct buffer from = {0}, to = {0};
	uint8_t byte[256];
	uint32_t start;
	int r;

	representatives(s, byte);
	s->start(s->data, &from);
	r = from.failed ? -ENOMEM : find_state(e, buffer_view(&from), &start);
	for (uint32_t n = 0; r == 0 && n < e->count; n++) {
		buffer_reset(&from); /* a copy: the states move when there are more of them */
		buffer_span(&from, state_of(e, n));
		for (unsigned class = 0; r == 0 && class < s->classes; class ++) {
			buffer_reset(&to);
			s->step(s->data, buffer_view(&from), byte[class], &to);
			r = from.failed || to.failed ? -ENOMEM : 0;
			if (r == 0)
				r = find_state(e, buffer_view(&to), &e->next[n * s->classes + class]);
		}
		e->mark[n] = r == 0 ? s->mark(s->data, buffer_view(&from)) : 0;
		if (r == 0 && e->mark[n] < 0)
			r = e->mark[n];
	}
	buffer_done(&from);
	buffer_done(&to);
	return r;
}

/* Classes whose bytes lead to the same from everywhere are one. */
static void merge_classes(struct automaton_text *a)
{
	uint8_t class_of[256];
	unsigned kept = 0, *column = calloc(a->classes, sizeof(*column));

	for (unsigned c = 0; column && c < a->classes; c++) {
		unsigned k = 0;

		for (; k < kept; k++) {
			uint32_t n = 0;

			while (n < a->count && a->next[n * a->classes + c] == a->next[n * a->classes + column[k]])
				n++;
			if (n == a->count)
				break;
		}
		if (k == kept)
			column[kept++] = c;
		class_of[c] = (uint8_t)k;
	}
	for (uint32_t n = 0; column && n < a->count; n++)
		for (unsigned k = 0; k < kept; k++)
			a->next[n * kept + k] = a->next[n * a->classes + column[k]];
	for (unsigned c = 0; column && c < 256; c++)
		a->class_of[c] = class_of[a->class_of[c]];
	a->classes = column ? (uint16_t)kept : a->classes;
	free(column);
}

static int write_text(const struct explorer *e, const uint32_t *group, const uint32_t *first, uint32_t groups,
		      struct automaton_text *ret_text)
{
	const struct automaton_source *s = e->source;
	struct automaton_text a = {.count = groups, .classes = (uint16_t)s->classes, .start = (uint16_t)group[0]};

	a.next = calloc((size_t)groups * s->classes, sizeof(*a.next));
	a.mark = calloc(groups, sizeof(*a.mark));
	if (!a.next || !a.mark) {
		automaton_text_done(&a);
		return -ENOMEM;
	}
	memcpy(a.class_of, s->class_of, sizeof(a.class_of));
	for (uint32_t g = 0; g < groups; g++) {
		a.mark[g] = e->mark[first[g]];
		for (unsigned c = 0; c < s->classes; c++)
			a.next[g * s->classes + c] = group[e->next[(size_t)first[g] * s->classes + c]];
	}
	merge_classes(&a);
	*ret_text = a;
	return 0;
}

static int minimise(struct explorer *e, struct automaton_text *ret_text)
{
	_cleanup_free_ uint32_t *group = calloc(e->count, sizeof(*group)), *first = calloc(e->count, sizeof(*first));
	int groups;

	if (!group || !first)
		return -ENOMEM;
	groups = partition_states(e->count, e->source->classes, e->next, e->mark, group, first);
	return groups < 0 ? groups : write_text(e, group, first, (uint32_t)groups, ret_text);
}

int automaton_build(const struct automaton_source *source, struct automaton_text *ret_text)
{
	struct explorer e = {.source = source};
	int r = -ENOMEM;

	e.at = calloc(STATES_MAX + 1, sizeof(*e.at));
	e.slot = malloc(SLOTS * sizeof(*e.slot));
	e.next = calloc((size_t)STATES_MAX * source->classes, sizeof(*e.next));
	e.mark = calloc(STATES_MAX, sizeof(*e.mark));
	if (e.at && e.slot && e.next && e.mark) {
		memset(e.slot, 0xff, SLOTS * sizeof(*e.slot));
		r = explore(&e);
		if (r == 0)
			r = minimise(&e, ret_text);
	}
	buffer_done(&e.bytes);
	free(e.at);
	free(e.slot);
	free(e.next);
	free(e.mark);
	return r;
}

void automaton_text_done(struct automaton_text *a)
{
	free(a->next);
	free(a->mark);
	*a = (struct automaton_text){0};
}
