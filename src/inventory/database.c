/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/database.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "inventory/schema.h"

#define MODE      0640
/* Above this, looking at every page at the start takes longer than a second; damage is then found when it is met. */
#define CHECK_MAX ((off_t)256 << 20)
#define WAL_MIN   256U /* pages, bounds of the bound */
#define WAL_MAX   4096U

void database_init(struct database *d, const char *path, uint64_t max_size)
{
	*d = (struct database){.path = path, .max_pages = max_size / DATABASE_PAGE};
}

int database_run(struct database *d, const char *sql)
{
	return sqlite3_exec(d->db, sql, NULL, NULL, NULL) & 0xff;
}

int database_number(struct database *d, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *statement;
	int r = sqlite3_prepare_v2(d->db, sql, -1, &statement, NULL), end;

	if (r != SQLITE_OK)
		return r & 0xff;
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(statement, 0);
	end = sqlite3_finalize(statement);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : end & 0xff;
}

int database_end(struct database *d, int r)
{
	if (r == SQLITE_OK)
		r = database_run(d, "COMMIT");
	if (r != SQLITE_OK && !sqlite3_get_autocommit(d->db))
		database_run(d, "ROLLBACK");
	return r;
}

void database_close(struct database *d)
{
	for (unsigned i = 0; i < sizeof(d->statement) / sizeof(d->statement[0]); i++) {
		sqlite3_finalize(d->statement[i]);
		d->statement[i] = NULL;
	}
	sqlite3_close(d->db);
	d->db = NULL;
	d->wal_pages = 0;
}

/* Keeps room for one more. Names sort by time. */
static void drop_oldest_aside(const struct database *d)
{
	char pattern[PATH_MAX + 64], name[PATH_MAX + 64];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s.corrupt-*Z", d->path);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i + DATABASE_ASIDE <= found.gl_pathc; i++) {
		static const char *const suffixes[] = {"", "-wal", "-shm"};

		log_line("inventory: removing %s: %d later ones are kept", found.gl_pathv[i], DATABASE_ASIDE);
		for (unsigned k = 0; k < 3; k++) {
			snprintf(name, sizeof(name), "%s%s", found.gl_pathv[i], suffixes[k]);
			unlink(name);
		}
	}
	globfree(&found);
}

/* A second later when the name is taken. */
static void choose_name(struct database *d)
{
	time_t now = time(NULL);
	struct tm tm;

	do {
		gmtime_r(&now, &tm);
		snprintf(d->set_aside, sizeof(d->set_aside), "%s.corrupt-%04d%02d%02dT%02d%02d%02dZ", d->path,
			 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		now++;
	} while (access(d->set_aside, F_OK) == 0);
}

int database_put_aside(struct database *d, const char *why)
{
	static const char *const companions[] = {"-wal", "-shm"};
	char from[PATH_MAX + 8], to[sizeof(d->set_aside) + 8];

	database_close(d);
	drop_oldest_aside(d);
	choose_name(d);
	/* The companions last: a crash in between leaves a log without a database, which SQLite ignores. */
	if (rename(d->path, d->set_aside) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s%s", d->path, companions[i]);
		snprintf(to, sizeof(to), "%s%s", d->set_aside, companions[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			unlink(from);
	}
	log_line("INVENTORY DAMAGED: %s (%s). It was set aside as %s and a new one is begun; what it held can be "
		 "read with: sqlite3 %s .recover",
		 d->path, why, d->set_aside, d->set_aside);
	return 0;
}

/* Creates the file, so that its mode is ours, and refuses what is no file. */
static int prepare_file(const struct database *d, struct stat *ret_st, struct problem *problem)
{
	_cleanup_close_ int fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);

	if (fd >= 0 && fchmod(fd, MODE) < 0)
		return problem_set(problem, -errno, "the inventory %s: its mode cannot be set: %s", d->path,
				   strerror(errno));
	if (fd < 0 && errno == ENOENT)
		return problem_set(problem, -ENOENT, "the inventory %s: its folder does not exist; create it", d->path);
	if (fd < 0 && errno != EEXIST)
		return problem_set(problem, -errno, "the inventory %s cannot be created: %s", d->path, strerror(errno));
	if (lstat(d->path, ret_st) < 0)
		return problem_set(problem, -errno, "the inventory %s: %s", d->path, strerror(errno));
	if (!S_ISREG(ret_st->st_mode))
		return problem_set(problem, -EEXIST, "the inventory %s is no regular file; name another path", d->path);
	return 0;
}

static int check_pages(struct database *d)
{
	sqlite3_stmt *statement;
	int r = sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &statement, NULL), end;
	const unsigned char *answer;

	if (r != SQLITE_OK)
		return r & 0xff;
	r = sqlite3_step(statement);
	answer = r == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
	if (r == SQLITE_ROW && (!answer || strcmp((const char *)answer, "ok") != 0))
		r = SQLITE_CORRUPT;
	end = sqlite3_finalize(statement);
	return r == SQLITE_ROW ? SQLITE_OK : (r == SQLITE_CORRUPT ? r : end & 0xff);
}

static int on_wal(void *context, sqlite3 *db, const char *name, int pages)
{
	struct database *d = context;

	d->wal_pages = (uint32_t)pages;
	return SQLITE_OK;
}

static int set_up(struct database *d, bool empty)
{
	char sql[512];
	int r = SQLITE_OK;

	/* In this order: an auto_vacuum of a database that has pages changes nothing. */
	if (empty) {
		snprintf(sql, sizeof(sql), "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL", DATABASE_PAGE);
		r = database_run(d, sql);
	}
	snprintf(sql, sizeof(sql),
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;"
		 "PRAGMA cache_size = -512; PRAGMA journal_size_limit = 1048576; PRAGMA trusted_schema = OFF;"
		 "PRAGMA max_page_count = %llu",
		 (unsigned long long)d->max_pages);
	if (r == SQLITE_OK)
		r = database_run(d, sql);
	sqlite3_wal_hook(d->db, on_wal, d);
	return r;
}

static int look(struct database *d, const struct stat *st, enum schema_state *ret_state, struct problem *problem)
{
	int version = 0, r = schema_look(d->db, &schema_current, ret_state, &version) & 0xff;

	if (r == SQLITE_OK && *ret_state == SCHEMA_FOREIGN)
		problem_set(
			problem, -EEXIST,
			"the inventory %s is a database of another program, and is left as it is; name another path",
			d->path);
	if (r == SQLITE_OK && *ret_state == SCHEMA_NEW)
		problem_set(problem, -EEXIST,
			    "the inventory %s is of a later imdsnitch (schema %d, this one knows %d), and is left as "
			    "it is; install that version, or move the file away",
			    d->path, version, schema_current.version);
	if (r == SQLITE_OK && (*ret_state == SCHEMA_OURS || *ret_state == SCHEMA_OLD) && st->st_size <= CHECK_MAX)
		r = check_pages(d);
	if (r == SQLITE_OK && *ret_state == SCHEMA_OLD)
		log_line("inventory: %s is brought from schema %d to %d", d->path, version, schema_current.version);
	return r;
}

static int note_set_aside(struct database *d)
{
	sqlite3_stmt *statement;
	int r;

	if (!d->set_aside[0])
		return SQLITE_OK;
	r = sqlite3_prepare_v2(d->db, "INSERT OR REPLACE INTO meta VALUES('set_aside', ?)", -1, &statement, NULL);
	if (r != SQLITE_OK)
		return r & 0xff;
	sqlite3_bind_text(statement, 1, d->set_aside, -1, SQLITE_STATIC);
	sqlite3_step(statement);
	return sqlite3_finalize(statement) & 0xff;
}

/* SQLite's result, or SQLITE_OK with a problem: not to be used. */
static int try_open(struct database *d, const struct stat *st, struct problem *problem)
{
	enum schema_state state = SCHEMA_EMPTY;
	int64_t rows = 0;
	int r = sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) & 0xff;

	if (r != SQLITE_OK)
		return r;
	sqlite3_busy_timeout(d->db, DATABASE_BUSY_MS);
	r = look(d, st, &state, problem);
	if (r != SQLITE_OK || problem->text[0])
		return r;
	r = set_up(d, state == SCHEMA_EMPTY);
	if (r == SQLITE_OK && state != SCHEMA_OURS)
		r = schema_bring_up(d->db, &schema_current) & 0xff;
	if (r == SQLITE_OK)
		r = database_number(d, "SELECT count(*) FROM callers", &rows);
	if (r == SQLITE_OK)
		r = note_set_aside(d);
	d->rows = (uint64_t)rows;
	return r;
}

static bool is_damaged(int r)
{
	return r == SQLITE_CORRUPT || r == SQLITE_NOTADB;
}

int database_open(struct database *d, struct problem *problem)
{
	struct problem local = {0};
	struct stat st = {0};
	int r = SQLITE_OK, error;

	if (!problem)
		problem = &local;
	problem->text[0] = '\0';
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		error = prepare_file(d, &st, problem);
		if (error < 0)
			return error;
		r = try_open(d, &st, problem);
		if (r == SQLITE_OK && !problem->text[0])
			return 0;
		if (!is_damaged(r) || attempt > 0)
			break;
		error = database_put_aside(d, sqlite3_errstr(r));
		if (error < 0)
			return problem_set(problem, error, "the inventory %s is damaged, and cannot be set aside: %s",
					   d->path, strerror(-error));
	}
	if (problem->text[0]) {
		database_close(d);
		return -EEXIST;
	}
	problem_set(problem, 0, "the inventory %s cannot be opened: %s", d->path,
		    d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(r));
	database_close(d);
	return r == SQLITE_BUSY ? -EBUSY : -EIO;
}

bool database_is_moved(struct database *d)
{
	int moved = 0;

	return d->db && sqlite3_file_control(d->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

static uint32_t wal_bound(const struct database *d)
{
	uint64_t pages = d->max_pages / 4;

	if (pages < WAL_MIN)
		return WAL_MIN;
	return pages < WAL_MAX ? (uint32_t)pages : WAL_MAX;
}

bool database_checkpoint(struct database *d)
{
	uint32_t bound = wal_bound(d);

	if (d->wal_pages < bound / 4)
		return true;
	if (d->wal_pages < bound) {
		sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		return true;
	}
	if (sqlite3_wal_checkpoint_v2(d->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
		return false;
	d->wal_pages = 0;
	return true;
}
