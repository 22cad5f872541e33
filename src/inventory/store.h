/* SPDX-License-Identifier: Apache-2.0 */
/* What was folded, added to the database in one transaction. Results are SQLite's (inventory/database.h). */
#pragma once

#include "inventory/coverage.h"
#include "inventory/database.h"
#include "inventory/fold.h"

/* Prepares the statements. */
int store_open(struct database *d);

/*
 * Adds all of it, and takes out the rows beyond max_rows that were seen longest ago. On failure nothing was added, and
 * the ids in `f` are forgotten. Neither `f` nor `c` are cleaned. A coverage that is not known is not written.
 */
int store_write(struct database *d, struct fold *f, const struct coverage *c, uint64_t max_rows);

/* *ret_found tells whether the database knows the run. */
int store_load_run(struct database *d, const char *run_id, struct coverage_run *ret_run, bool *ret_found);
