/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: who calls, folded into one row for each kind of call (docs/inventory.md). Events are folded in memory
 * and go to the database once a second, in one transaction with what proves that none is missing. While the database
 * cannot be written, folding goes on within the bounds of the memory, and is made up for later.
 */
#pragma once

#include "base/problem.h"
#include "config/settings.h"
#include "feed/frame.h"
#include "sink/row.h"

struct inventory;

/* 0, or -errno with `problem`. */
int inventory_open(const struct inventory_settings *settings, struct inventory **ret_inventory,
		   struct problem *problem);

/* Takes one event. Does not wait. */
void inventory_event(struct inventory *i, const struct row *row);

/* An event that could not be read. */
void inventory_lose(struct inventory *i);

void inventory_counts(struct inventory *i, const struct feed_counts *counts);

/* Does what is due; returns after how many ms it wants to be called again, -1: not without an event. */
int inventory_idle(struct inventory *i);

/* Writes what is held now. 0, or -errno: it is kept, and tried again. */
int inventory_flush(struct inventory *i);

/* Takes out what is too old, and gives back room: what inventory_idle() does once a minute. */
int inventory_tidy(struct inventory *i);

/* The file may have been moved away: opens it again. */
void inventory_reopen(struct inventory *i);

void inventory_report(const struct inventory *i, struct feed_state *ret_state);

/* Writes what can be written within `wait_ms`, and frees. NULL is fine. */
void inventory_close(struct inventory *i, unsigned wait_ms);
