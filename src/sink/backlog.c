/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/backlog.h"

#define KEEP_AT_REST ((size_t)64 * 1024)

/* Before each message. */
struct head {
	uint64_t mark;
	uint64_t length;
};

static struct head head_at(const struct backlog *b, size_t at)
{
	struct head h;

	memcpy(&h, b->bytes.data + at, sizeof(h));
	return h;
}

static size_t held(const struct backlog *b)
{
	return b->bytes.length - b->first;
}

static bool has_room(struct backlog *b, size_t more)
{
	if (b->full && held(b) <= BACKLOG_MAX / 2)
		b->full = false;
	if (b->messages > 0 && held(b) + more > BACKLOG_MAX)
		b->full = true;
	return !b->full;
}

/* The bytes of released messages are given back when they are the larger part. */
static void compact(struct backlog *b)
{
	if (b->first == 0 || b->first < held(b))
		return;
	memmove(b->bytes.data, b->bytes.data + b->first, held(b));
	b->bytes.length -= b->first;
	b->next -= b->first;
	b->first = 0;
	if (b->bytes.length == 0 && b->bytes.capacity > KEEP_AT_REST)
		buffer_done(&b->bytes);
}

bool backlog_put(struct backlog *b, struct span head, struct span body)
{
	const struct head h = {.length = head.length + body.length};
	size_t before;

	compact(b);
	before = b->bytes.length;
	if (has_room(b, sizeof(h) + (size_t)h.length)) {
		buffer_append(&b->bytes, &h, sizeof(h));
		buffer_span(&b->bytes, head);
		buffer_span(&b->bytes, body);
		if (!b->bytes.failed) {
			b->messages++;
			b->waiting++;
			return true;
		}
		b->bytes.length = before;
		b->bytes.failed = false;
	}
	b->dropped++;
	return false;
}

struct span backlog_next(const struct backlog *b)
{
	if (b->waiting == 0)
		return (struct span){0};
	return (struct span){b->bytes.data + b->next + sizeof(struct head), (size_t)head_at(b, b->next).length};
}

void backlog_underway(struct backlog *b, uint64_t mark)
{
	struct head h = head_at(b, b->next);

	h.mark = mark;
	memcpy(b->bytes.data + b->next, &h, sizeof(h));
	b->next += sizeof(h) + (size_t)h.length;
	b->waiting--;
}

uint64_t backlog_release(struct backlog *b, uint64_t mark)
{
	uint64_t released = 0;

	while (b->messages > b->waiting) {
		struct head h = head_at(b, b->first);

		if (h.mark > mark)
			break;
		b->first += sizeof(h) + (size_t)h.length;
		b->messages--;
		released++;
	}
	if (b->messages == 0)
		compact(b);
	return released;
}

void backlog_rewind(struct backlog *b)
{
	b->next = b->first;
	b->waiting = b->messages;
}

void backlog_done(struct backlog *b)
{
	buffer_done(&b->bytes);
	*b = (struct backlog){.dropped = b->dropped};
}
