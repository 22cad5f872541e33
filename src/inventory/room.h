/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves the database: what is too old, and what there is no room for. Results are SQLite's. */
#pragma once

#include "inventory/database.h"

/* Takes out the `count` rows of callers that were seen longest ago; counts them in meta. In a transaction. */
int room_drop(struct database *d, uint64_t count);

/* In a transaction that adds rows, every few of them: keeps a tenth of the file's bound free. */
int room_keep(struct database *d);

/* A database that is larger than its bound (which was lowered), or mostly free, gets smaller, a step at a time. */
int room_shrink(struct database *d);

/*
 * Takes out what is older than `age` before `now` (both ns), of each table some thousand rows at most. *ret_more: call
 * again.
 */
int room_expire(struct database *d, uint64_t now, uint64_t age, bool *ret_more);
