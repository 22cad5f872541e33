/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database as a file: opened, checked, set aside when it is damaged, and kept within its bound. Results are
 * SQLite's, without the extended part: SQLITE_OK, SQLITE_BUSY, SQLITE_FULL, SQLITE_CORRUPT …
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/problem.h"

#define DATABASE_PAGE    4096
#define DATABASE_BUSY_MS 200 /* what one attempt waits for a lock of somebody else */
#define DATABASE_ASIDE   4   /* damaged databases that are kept; the oldest goes */

struct database {
	sqlite3 *db; /* NULL: not open */
	const char *path;
	uint64_t max_pages;
	uint64_t rows;               /* of callers */
	uint32_t wal_pages;          /* in the write-ahead log, since it was last begun */
	char set_aside[4200];        /* the new name of the last damaged database; "": none */
	sqlite3_stmt *statement[16]; /* store.c's */
};

/* `path` is borrowed. Nothing is opened yet. */
void database_init(struct database *d, const char *path, uint64_t max_size);

/*
 * Opens; creates when there is none; migrates an older one; sets a damaged one aside, says so, and begins a new one.
 * 0, or -errno with `problem`: -EEXIST when the file is somebody else's or of a later version, and was left as it is.
 */
int database_open(struct database *d, struct problem *problem);
void database_close(struct database *d);

/* Closes, and moves the damaged file away. 0 or -errno. */
int database_put_aside(struct database *d, const char *why);

int database_run(struct database *d, const char *sql);
int database_number(struct database *d, const char *sql, int64_t *ret_number);

/* Commits when r is SQLITE_OK, otherwise takes all back. Returns r, or what the commit failed with. */
int database_end(struct database *d, int r);

/* The file was moved away or replaced. */
bool database_is_moved(struct database *d);

/* Moves the write-ahead log into the database when it has grown. False: a reader keeps it from becoming shorter, and it
 * is at its bound. */
bool database_checkpoint(struct database *d);
