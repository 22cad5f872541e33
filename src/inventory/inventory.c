/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/inventory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "inventory/room.h"
#include "inventory/store.h"

/* What is folded and not written yet; beside it, as much again may be known rows. */
#define FOLD_ROWS    8192
#define FOLD_BYTES   ((size_t)4 << 20)

#define SECOND       UINT64_C(1000000000)
#define FLUSH_TIME   SECOND
#define QUIET_TIME   (10 * SECOND) /* nothing new but the time */
#define REOPEN_TIME  (5 * SECOND)
#define PATIENCE     (10 * SECOND) /* for a lock of somebody else, before it is said */
#define TIDY_TIME    (60 * SECOND)
#define DAMAGE_SHOWN (3600 * SECOND)

struct inventory {
	struct inventory_settings settings;
	struct database database;
	struct fold fold;
	struct coverage coverage;
	struct feed_counts counts; /* the last */
	bool counted;              /* there is one */
	uint64_t early;            /* events folded before the run was known */
	uint64_t written, unwritten;
	uint64_t flushed_at, tried_at, tidied_at, damaged_at; /* ns, CLOCK_MONOTONIC; 0: never */
	uint64_t failing_since;
	bool said;   /* the trouble was told */
	int trouble; /* SQLite's; SQLITE_OK: none */
	char reason[200];
};

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t wall_clock(const struct inventory *i)
{
	struct timespec t;

	if (i->counted)
		return i->counts.time;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static int open_database(struct inventory *i, struct problem *problem)
{
	int r = database_open(&i->database, problem);

	fold_forget_ids(&i->fold);
	if (r < 0)
		return r;
	if (store_open(&i->database) == SQLITE_OK)
		return 0;
	problem_set(problem, 0, "the inventory %s: its tables are not as they should be (%s); move it away",
		    i->database.path, sqlite3_errmsg(i->database.db));
	database_close(&i->database);
	return -EINVAL;
}

int inventory_open(const struct inventory_settings *settings, struct inventory **ret_inventory, struct problem *problem)
{
	struct inventory *i = calloc(1, sizeof(*i));
	int r;

	if (!i || fold_init(&i->fold, FOLD_ROWS, FOLD_BYTES) < 0) {
		free(i);
		return problem_set(problem, -ENOMEM, "the inventory: out of memory");
	}
	i->settings = *settings;
	database_init(&i->database, i->settings.path, i->settings.max_size);
	r = open_database(i, problem);
	if (r < 0) {
		fold_done(&i->fold);
		free(i);
		return r;
	}
	if (i->database.set_aside[0])
		i->damaged_at = monotonic();
	*ret_inventory = i;
	return 0;
}

void inventory_event(struct inventory *i, const struct row *row)
{
	if (fold_add(&i->fold, row) < 0)
		i->unwritten++;
	else if (i->coverage.known)
		i->coverage.run.folded++;
	else
		i->early++;
}

void inventory_lose(struct inventory *i)
{
	i->unwritten++;
}

static const char *advice(int r)
{
	switch (r) {
	case SQLITE_FULL:
		return "the disk is full";
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "another program holds a lock on it";
	default:
		return sqlite3_errstr(r);
	}
}

/* Says a trouble once, and again only after it was over. */
static void note_trouble(struct inventory *i, int r, const char *text)
{
	uint64_t now = monotonic();

	if (i->trouble == SQLITE_OK)
		i->failing_since = now;
	i->trouble = r;
	snprintf(i->reason, sizeof(i->reason), "%.199s", text);
	if (i->said || (r == SQLITE_BUSY && now < i->failing_since + PATIENCE))
		return;
	i->said = true;
	log_line(
		"inventory: %s cannot be written: %s. Calls are kept in memory, %d kinds of them at most, until it can",
		i->settings.path, text, FOLD_ROWS);
}

static void note_success(struct inventory *i)
{
	if (i->said)
		log_line("inventory: %s is written again; %llu events were lost meanwhile", i->settings.path,
			 (unsigned long long)i->unwritten);
	i->said = false;
	i->trouble = SQLITE_OK;
}

/* A failure that is not over by waiting: the next attempt opens the file anew. */
static bool needs_reopening(int r)
{
	return r != SQLITE_BUSY && r != SQLITE_LOCKED && r != SQLITE_FULL && r != SQLITE_NOMEM;
}

/* After a failure with r: sets a damaged database aside. True: try again now. */
static bool repair(struct inventory *i, int r)
{
	struct problem problem = {0};
	int error;

	if (r != SQLITE_CORRUPT && r != SQLITE_NOTADB) {
		note_trouble(i, r, advice(r));
		if (needs_reopening(r))
			database_close(&i->database);
		return false;
	}
	error = database_put_aside(&i->database, sqlite3_errstr(r));
	i->damaged_at = monotonic();
	if (error < 0)
		snprintf(problem.text, sizeof(problem.text), "it is damaged, and cannot be set aside: %s",
			 strerror(-error));
	else if (open_database(i, &problem) == 0)
		return true;
	note_trouble(i, r, problem.text);
	return false;
}

static bool is_open(struct inventory *i)
{
	struct problem problem = {0};

	if (database_is_moved(&i->database)) {
		log_line("inventory: %s was moved away or replaced, and is opened again", i->settings.path);
		database_close(&i->database);
	}
	if (i->database.db)
		return true;
	if (open_database(i, &problem) == 0)
		return true;
	note_trouble(i, SQLITE_CANTOPEN, problem.text);
	return false;
}

static int write_held(struct inventory *i)
{
	return store_write(&i->database, &i->fold, &i->coverage, i->settings.max_rows);
}

int inventory_flush(struct inventory *i)
{
	int r;

	i->tried_at = monotonic();
	if (!is_open(i))
		return -EIO;
	if (!database_checkpoint(&i->database)) {
		note_trouble(i, SQLITE_BUSY, "somebody has read it for so long that the log beside it is at its bound");
		return -EBUSY;
	}
	r = write_held(i);
	if (r != SQLITE_OK && repair(i, r)) {
		r = write_held(i);
		if (r != SQLITE_OK)
			note_trouble(i, r, advice(r));
	}
	if (r != SQLITE_OK)
		return r == SQLITE_BUSY ? -EBUSY : (r == SQLITE_FULL ? -ENOSPC : -EIO);
	i->written += i->fold.events;
	i->flushed_at = i->tried_at;
	fold_clean(&i->fold);
	coverage_clean(&i->coverage);
	note_success(i);
	return 0;
}

/* What the database knows of this run decides what its record begins with. */
static void begin_run(struct inventory *i)
{
	struct coverage_run stored;
	bool found = false;
	int r = SQLITE_CANTOPEN;

	if (is_open(i))
		r = store_load_run(&i->database, i->counts.run_id, &stored, &found);
	if (i->database.db && r != SQLITE_OK && repair(i, r))
		r = store_load_run(&i->database, i->counts.run_id, &stored, &found);
	if (r != SQLITE_OK)
		return;
	coverage_begin(&i->coverage, &i->counts, found ? &stored : NULL, i->early);
	i->early = 0;
}

void inventory_counts(struct inventory *i, const struct feed_counts *counts)
{
	i->counts = *counts;
	i->counts.run_id[sizeof(i->counts.run_id) - 1] = '\0';
	i->counts.boot_id[sizeof(i->counts.boot_id) - 1] = '\0';
	i->counted = true;
	if (i->coverage.known && strcmp(i->coverage.run.run_id, i->counts.run_id) != 0) {
		inventory_flush(i);
		i->coverage.known = false;
	}
	if (!i->coverage.known)
		begin_run(i);
	if (i->coverage.known && coverage_update(&i->coverage, &i->counts) < 0)
		log_line("inventory: out of memory");
}

int inventory_tidy(struct inventory *i)
{
	bool more = false;
	int r;

	i->tidied_at = monotonic();
	if (!is_open(i))
		return -EIO;
	r = room_expire(&i->database, wall_clock(i), i->settings.max_age, &more);
	if (r == SQLITE_OK)
		r = room_shrink(&i->database);
	if (more)
		i->tidied_at -= TIDY_TIME - SECOND;
	if (r == SQLITE_OK)
		return 0;
	/* A lock or a full disk is told by the writing. */
	if (needs_reopening(r))
		repair(i, r);
	return -EIO;
}

/* When to write next; 0: nothing to write. */
static uint64_t due(const struct inventory *i)
{
	uint64_t wait = FLUSH_TIME;

	if (i->fold.dirty_rows == 0 && i->coverage.pieces == 0)
		return 0;
	if (i->trouble != SQLITE_OK)
		return i->tried_at + (i->database.db ? FLUSH_TIME : REOPEN_TIME);
	if (fold_is_pressed(&i->fold))
		return 1;
	if (i->fold.dirty_rows == 0 && !i->coverage.news)
		wait = QUIET_TIME;
	return i->flushed_at + wait;
}

int inventory_idle(struct inventory *i)
{
	uint64_t now = monotonic(), next = due(i);

	if (next != 0 && now >= next) {
		inventory_flush(i);
		next = due(i);
	}
	if (i->trouble == SQLITE_OK && now >= i->tidied_at + TIDY_TIME)
		inventory_tidy(i);
	if (next == 0)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000) + 1;
}

void inventory_reopen(struct inventory *i)
{
	inventory_flush(i);
	database_close(&i->database);
	if (!is_open(i))
		i->tried_at = monotonic();
}

void inventory_report(const struct inventory *i, struct feed_state *ret_state)
{
	ret_state->written = i->written;
	ret_state->unwritten = i->unwritten;
	ret_state->held = i->fold.events;
	if (i->trouble != SQLITE_OK)
		snprintf(ret_state->failure, sizeof(ret_state->failure), "%s", i->reason);
	else if (i->damaged_at && monotonic() < i->damaged_at + DAMAGE_SHOWN)
		snprintf(ret_state->failure, sizeof(ret_state->failure),
			 "was damaged, and begun anew; the old one is %.180s", i->database.set_aside);
}

void inventory_close(struct inventory *i, unsigned wait_ms)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	uint64_t until = monotonic() + (uint64_t)wait_ms * 1000000;
	int r = 0;

	if (!i)
		return;
	while (i->fold.dirty_rows > 0 || i->coverage.pieces > 0) {
		r = inventory_flush(i);
		if (r == 0 || monotonic() >= until)
			break;
		nanosleep(&pause, NULL);
	}
	if (r < 0)
		log_line("inventory: %s cannot be written: %s; %llu events are lost with it", i->settings.path,
			 i->reason, (unsigned long long)i->fold.events);
	database_close(&i->database);
	fold_done(&i->fold);
	coverage_done(&i->coverage);
	free(i);
}
