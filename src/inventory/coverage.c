/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/coverage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_NS 86400000000000u

void coverage_done(struct coverage *c)
{
	free(c->piece);
	*c = (struct coverage){0};
}

static uint64_t missing(const struct feed_counts *now, uint64_t folded)
{
	uint64_t counted = now->calls + now->connects;

	return counted > folded ? counted - folded : 0;
}

static void take_counts(const struct feed_counts *now, uint64_t folded, uint64_t count[static COVERAGE_COUNTS])
{
	count[COVERAGE_CALLS] = now->calls;
	count[COVERAGE_CALLS_V1] = now->calls_v1;
	count[COVERAGE_CALLS_V2] = now->calls_v2;
	count[COVERAGE_CALLS_UNKNOWN] = now->calls_unknown;
	count[COVERAGE_CONNECTS] = now->connects;
	count[COVERAGE_DENIED] = now->denied;
	count[COVERAGE_LOST] = now->lost;
	count[COVERAGE_TRUNCATED] = now->truncated;
	count[COVERAGE_EVICTED] = now->evicted;
	count[COVERAGE_OPEN_AT_START] = now->open_at_start;
	count[COVERAGE_DROPPED] = now->dropped;
	count[COVERAGE_MISSING] = missing(now, folded);
}

static void begin_new(struct coverage_run *run, const struct feed_counts *now, uint64_t folded)
{
	*run = (struct coverage_run){.folded = folded};
	memcpy(run->run_id, now->run_id, sizeof(run->run_id));
	memcpy(run->boot_id, now->boot_id, sizeof(run->boot_id));
	run->run_id[sizeof(run->run_id) - 1] = '\0';
	run->boot_id[sizeof(run->boot_id) - 1] = '\0';
	run->attached_from = now->attached_since;
	run->attached_to = now->attached_since;
	if (missing(now, folded) == 0)
		return;
	/* What was before is a gap, and not charged to today. */
	run->attached_from = run->attached_to = now->time;
	run->folded = now->calls + now->connects;
	take_counts(now, run->folded, run->count);
}

void coverage_begin(struct coverage *c, const struct feed_counts *now, const struct coverage_run *stored,
		    uint64_t folded)
{
	c->pieces = 0;
	c->known = true;
	c->news = true;
	if (stored) {
		c->run = *stored;
		c->run.folded += folded;
	} else {
		begin_new(&c->run, now, folded);
	}
}

/* The piece of this day, begun at `from` when there is none yet. */
static struct coverage_piece *piece_of(struct coverage *c, uint64_t day, uint64_t from)
{
	struct coverage_piece *grown;
	size_t capacity = c->capacity ? c->capacity * 2 : 2;

	if (c->pieces > 0 && c->piece[c->pieces - 1].day == day)
		return &c->piece[c->pieces - 1];
	if (c->pieces == c->capacity) {
		grown = realloc(c->piece, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		c->piece = grown;
		c->capacity = capacity;
	}
	c->piece[c->pieces] = (struct coverage_piece){.day = day, .attached_from = from, .attached_to = from};
	return &c->piece[c->pieces++];
}

/* Calls belong to the last of its days; a loss may be of any of them: each is charged. */
static int extend(struct coverage *c, uint64_t to, const int64_t delta[static COVERAGE_COUNTS])
{
	uint64_t from = c->run.attached_to;

	for (;;) {
		uint64_t day = from / DAY_NS, end = (day + 1) * DAY_NS;
		struct coverage_piece *p = piece_of(c, day, from);

		if (!p)
			return -ENOMEM;
		p->attached_to = to < end ? to : end;
		for (unsigned i = 0; i < COVERAGE_COUNTS; i++)
			p->count[i] += i >= COVERAGE_LOST || to < end ? delta[i] : 0;
		c->run.attached_to = p->attached_to;
		if (to < end)
			return 0;
		from = end;
	}
}

/* Drops are counted anew when the settings of the sink have changed; what is missing can become less. */
static int64_t since(const struct coverage *c, unsigned i, uint64_t count)
{
	uint64_t before = c->run.count[i];

	return (int64_t)(count < before && i != COVERAGE_MISSING ? count : count - before);
}

int coverage_update(struct coverage *c, const struct feed_counts *now)
{
	uint64_t count[COVERAGE_COUNTS];
	int64_t delta[COVERAGE_COUNTS];
	/* A clock that was set back does not take back what was covered. */
	uint64_t to = now->time > c->run.attached_to ? now->time : c->run.attached_to;
	int r;

	take_counts(now, c->run.folded, count);
	for (unsigned i = 0; i < COVERAGE_COUNTS; i++) {
		delta[i] = since(c, i, count[i]);
		c->news |= delta[i] != 0;
	}
	r = extend(c, to, delta);
	if (r < 0)
		return r;
	memcpy(c->run.count, count, sizeof(count));
	c->news |= now->last && !c->run.ended;
	c->run.ended = now->last;
	return 0;
}

void coverage_clean(struct coverage *c)
{
	c->pieces = 0;
	c->news = false;
}
