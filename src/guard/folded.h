/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the inventory (docs/inventory.md), as imdsnitch-inventory prints them (inventory/callers.h), read back as
 * what is known of the calls a row stands for. A line may hold anything: one that is no row is counted and passed over.
 *
 * What a row has in its key holds for all of its calls; the rest is of the last one, and known of all only where there
 * was but one, or where no call has it.
 */
#pragma once

#include "base/lines.h"

#define FOLDED_DATABASE "/var/lib/imdsnitch/inventory.db"
#define FOLDED_LINE_MAX (4U << 20)

/* Spans are valid during the callback, and may hold any byte. Absent ones are not known. */
struct folded {
	uint64_t count, first, last; /* ns since the epoch */

	/* As they are in the database. */
	struct span user, executable, place_kind, place, request;
	struct span service, version, class;

	/* What holds for every call, as it was sent. */
	bool has_user;
	uint32_t uid;
	struct span exe;             /* an absolute path */
	struct span unit, container; /* empty: in none */
	bool in_container;           /* in one, whether it is known in which or not */
	bool connect;                /* connections without a request */
	bool tcp;                    /* of these: to the port of an endpoint */
	struct span method, path;
};

struct folded_reader {
	uint64_t since, before; /* ns: rows last seen before the one, or first seen from the other on, are left out */
	void (*row)(void *context, const struct folded *row);
	void *context;
	uint64_t rows, unusable; /* that were read, left out or not; lines that are no rows, among them a torn one */

	struct lines lines;  /* private */
	struct buffer texts; /* private */
};

/* Bytes, cut anywhere, and their end. 0 or -ENOMEM. */
int folded_feed(struct folded_reader *r, struct span bytes);
int folded_end(struct folded_reader *r);

void folded_done(struct folded_reader *r);
