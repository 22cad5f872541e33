/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls folded in memory: what the next transaction adds to the database. One row for each key, bounded in rows and
 * in bytes. Texts are escaped (base/escape.h), so that people can read the database on a terminal, and bounded; what
 * was cut ends in "…".
 */
#pragma once

#include "sink/row.h"

enum fold_key {
	FOLD_EXECUTABLE, /* the program's name where its path is not known */
	FOLD_USER_ID,
	FOLD_PLACE_KIND, /* "image", "unit", "pod", "container": what FOLD_PLACE is, the first of these that is known */
	FOLD_PLACE,
	FOLD_SERVICE,
	FOLD_VERSION,
	FOLD_CLASS, /* "connect": a connection without a request */
	FOLD_VERDICT,
	FOLD_SDK, /* "NAME/VERSION" */
	FOLD_KEYS
};

/* Of the last call that has one. */
enum fold_text {
	FOLD_PROVIDER,
	FOLD_PROGRAM,
	FOLD_USER,
	FOLD_UNIT,
	FOLD_IMAGE,
	FOLD_CONTAINER,
	FOLD_RUNTIME,
	FOLD_POD,
	FOLD_SDK_SUPPORTS_V2,
	FOLD_ARGUMENTS,
	FOLD_REQUEST, /* "GET /latest/…" */
	FOLD_REASON,
	FOLD_RULE,
	FOLD_TEXTS
};

#define FOLD_STATUSES 8 /* of one row between two transactions; beyond: status 0 */
#define FOLD_CAUSES   5 /* by enum call_cause */
#define FOLD_DAYS     64

/* Since the last fold_clean(). */
struct fold_counts {
	uint64_t count, failed, unanswered, incomplete, forwarded;
	uint64_t first, last; /* ns since the epoch */
	uint64_t delays, delay_sum, delay_min, delay_max;
	unsigned statuses;
	struct {
		uint32_t status;
		uint64_t count;
	} status[FOLD_STATUSES];
	uint64_t cause[FOLD_CAUSES];
};

struct fold_row {
	struct fold_row *hash_next, *dirty_next;
	uint64_t hash;
	int64_t id; /* in the database; 0: not known */
	bool dirty;
	struct fold_counts now;
	uint64_t last;          /* whole life; which call the texts are of */
	char *text[FOLD_TEXTS]; /* NULL: none */
	size_t key_length;
	char key[]; /* FOLD_KEYS strings, each with its NUL */
};

struct fold_day {
	uint64_t day; /* since the epoch, UTC */
	uint64_t calls, calls_v1, calls_v2, calls_unknown, connects, denied, would_deny;
};

struct fold {
	size_t max_rows, max_bytes;
	size_t rows, bytes;
	struct fold_row *dirty;
	size_t dirty_rows;
	uint64_t events; /* since the last fold_clean() */
	unsigned days;
	struct fold_day day[FOLD_DAYS];
	/* fold.c's own */
	uint64_t seed;
	size_t buckets;
	struct fold_row **bucket;
	struct buffer key, scratch;
};

/* 0 or -ENOMEM. */
int fold_init(struct fold *f, size_t max_rows, size_t max_bytes);
void fold_done(struct fold *f);

/* 0; -ENOBUFS: a bound is reached, nothing was changed; -ENOMEM. */
int fold_add(struct fold *f, const struct row *row);

/* More than half of a bound is used by what is not in the database yet: write soon. */
bool fold_is_pressed(const struct fold *f);

/* All is in the database: counts start anew. Rows are kept for their ids as long as there is room. */
void fold_clean(struct fold *f);

/* Ids are not valid any more. */
void fold_forget_ids(struct fold *f);

/* The strings of row->key. */
void fold_row_keys(const struct fold_row *row, const char *keys[static FOLD_KEYS]);
