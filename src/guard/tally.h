/* SPDX-License-Identifier: Apache-2.0 */
/* How often something happened, first and last, by a key of any bytes. Bounded: what is one too many is only counted.
 */
#pragma once

#include "base/buffer.h"

#define TALLY_MAX 8192

struct tally_row {
	struct span key;
	uint64_t count, first, last; /* ns since the epoch */
	uint64_t marks;              /* all that was given, ORed */
};

struct tally {
	struct tally_row *row; /* TALLY_MAX of them */
	uint32_t *slot;        /* 1 + row, by hash; 0: free */
	unsigned count;
	uint64_t others; /* happened, but there was no room for the key */
};

/* When memory is out it is counted in `others`, too. */
void tally_add(struct tally *t, struct span key, uint64_t time, uint64_t marks);

/* The same for what happened `number` times, first and last then. */
void tally_add_many(struct tally *t, struct span key, uint64_t number, uint64_t first, uint64_t last);

/* A key of several texts: what is behind a NUL in one is left out. Taken in the same order; absent: empty. */
void tally_put_part(struct buffer *key, struct span part);
struct span tally_take_part(struct span *key);

/* Brings the rows into an order; nothing can be added afterwards. */
void tally_sort_by_count(struct tally *t); /* the highest first, then by key */
void tally_sort_by_key(struct tally *t);

void tally_done(struct tally *t);
