/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was watched, and what of it is missing: by run of the service, and by UTC day. A day is proven by its pieces, so
 * one bad day does not spoil those before and after it, however long the run.
 *
 * `missing` is what makes the record independent of how an event got lost between the service's count and the
 * database (a full queue, a killed sink, a full disk): events the service has counted and nobody folded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed/frame.h"

enum coverage_count {
	COVERAGE_CALLS,
	COVERAGE_CALLS_V1,
	COVERAGE_CALLS_V2,
	COVERAGE_CALLS_UNKNOWN,
	COVERAGE_CONNECTS,
	COVERAGE_DENIED,
	COVERAGE_LOST,
	COVERAGE_TRUNCATED,
	COVERAGE_EVICTED,
	COVERAGE_OPEN_AT_START,
	COVERAGE_DROPPED,
	COVERAGE_MISSING,
	COVERAGE_COUNTS
};

/* A run, with counts since its start. */
struct coverage_run {
	char run_id[40], boot_id[40];
	uint64_t attached_from, attached_to; /* ns since the epoch */
	bool ended;
	uint64_t folded; /* events that are in the database, or on the way there with these counts */
	uint64_t count[COVERAGE_COUNTS];
};

/* What is added to the record of one day. */
struct coverage_piece {
	uint64_t day; /* since the epoch, UTC */
	uint64_t attached_from, attached_to;
	int64_t count[COVERAGE_COUNTS]; /* `missing` can shrink again: an event was only late */
};

struct coverage {
	bool known; /* `run` was begun */
	bool news;  /* something beside the time has changed since the last coverage_clean() */
	struct coverage_run run;
	size_t pieces, capacity; /* not in the database yet */
	struct coverage_piece *piece;
};

void coverage_done(struct coverage *c);

/*
 * Begins with a run, at these counts. `stored`: what the database knows of it; NULL: nothing. `folded`: events folded
 * since. When the events of a new run are not all here, the record begins with now, and what was before is a gap.
 */
void coverage_begin(struct coverage *c, const struct feed_counts *now, const struct coverage_run *stored,
		    uint64_t folded);

/* The run of coverage_begin() goes on. 0 or -ENOMEM. */
int coverage_update(struct coverage *c, const struct feed_counts *now);

/* All is in the database. */
void coverage_clean(struct coverage *c);
