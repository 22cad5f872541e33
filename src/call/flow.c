/* SPDX-License-Identifier: Apache-2.0 */
#include "call/flow.h"

#include <stdlib.h>

struct segment {
	struct segment *next;
	int64_t offset;
	uint32_t length;
	char data[];
};

static struct segment *segment_free(struct flow *f, struct budget *budget, struct segment *s)
{
	struct segment *next = s->next;

	f->held_bytes -= s->length;
	f->held_segments--;
	budget->used -= sizeof(*s) + s->length;
	explicit_bzero(s->data, s->length);
	free(s);
	return next;
}

/* In order of offset; false when it cannot be held. */
static bool hold(struct flow *f, struct budget *budget, int64_t offset, struct span data)
{
	struct segment **link = &f->held, *s;

	if (f->held_segments >= FLOW_HELD_SEGMENTS || data.length > FLOW_HELD_BYTES - f->held_bytes ||
	    !budget_take(budget, sizeof(*s) + data.length))
		return false;
	s = malloc(sizeof(*s) + data.length);
	if (!s) {
		budget->used -= sizeof(*s) + data.length;
		return false;
	}
	while (*link && (*link)->offset <= offset)
		link = &(*link)->next;
	*s = (struct segment){.next = *link, .offset = offset, .length = (uint32_t)data.length};
	memcpy(s->data, data.data, data.length);
	*link = s;
	f->held_bytes += s->length;
	f->held_segments++;
	return true;
}

/* Delivers a segment: its hole first, then the part not yet delivered. */
static void deliver(struct flow *f, int64_t offset, struct span data, const struct flow_events *events, void *context)
{
	int64_t end = offset + (int64_t)data.length, from;

	if (end <= f->next)
		return;
	if (offset > f->next) {
		from = f->next;
		f->next = offset;
		events->gap(context, (uint64_t)(offset - from));
	}
	from = f->next - offset;
	f->next = end;
	events->data(context, (struct span){data.data + from, data.length - (size_t)from}, from == 0);
}

/* Delivers held segments that begin up to `limit`, and all without a hole before them. */
static void drain(struct flow *f, struct budget *budget, int64_t limit, const struct flow_events *events, void *context)
{
	while (f->held && (f->held->offset <= limit || f->held->offset <= f->next)) {
		struct segment *s = f->held;

		deliver(f, s->offset, (struct span){s->data, s->length}, events, context);
		f->held = segment_free(f, budget, s);
	}
}

void flow_feed(struct flow *f, struct budget *budget, uint32_t offset, struct span data, bool wait,
	       const struct flow_events *events, void *context)
{
	int64_t at = f->next + (int32_t)(offset - (uint32_t)f->next);

	if (data.length == 0)
		return;
	if (wait && at > f->next && hold(f, budget, at, data))
		return;
	drain(f, budget, at, events, context);
	deliver(f, at, data, events, context);
	drain(f, budget, wait ? f->next : INT64_MAX, events, context);
}

void flow_expect(struct flow *f, uint32_t offset, const struct flow_events *events, void *context)
{
	int32_t missing = (int32_t)(offset - (uint32_t)f->next);

	if (missing <= 0)
		return;
	f->next += missing;
	events->gap(context, (uint64_t)missing);
}

void flow_flush(struct flow *f, struct budget *budget, const struct flow_events *events, void *context)
{
	drain(f, budget, INT64_MAX, events, context);
}

void flow_done(struct flow *f, struct budget *budget)
{
	while (f->held)
		f->held = segment_free(f, budget, f->held);
}
