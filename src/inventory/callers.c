/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/callers.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "inventory/schema.h"

#define BUSY_MS  5000
#define TEXT_MAX (64 << 10)
#define PIECE    65536

static const char *const texts[] = {"executable", "user_id", "place_kind", "place", "service",   "version",
				    "class",      "verdict", "user_name",  "unit",  "container", "request"};
static const char *const numbers[] = {"count", "first_seen", "last_seen"};

#define TEXTS   ((int)(sizeof(texts) / sizeof(*texts)))
#define NUMBERS ((int)(sizeof(numbers) / sizeof(*numbers)))

static const char query[] = "SELECT executable, user_id, place_kind, place, service, version, class, verdict,"
			    " user_name, unit, container, request, count, first_seen, last_seen"
			    " FROM callers ORDER BY id";

/* A URI that names this file and no other, whatever its name is. */
static void put_uri(struct buffer *b, const char *path, const char *options)
{
	buffer_string(b, path[0] == '/' ? "file:" : "file:./");
	for (const char *c = path; *c; c++)
		buffer_printf(b, *c == '/' ? "%c" : "%%%02X", (unsigned char)*c);
	buffer_string(b, options);
	buffer_byte(b, '\0');
}

static int set_up(sqlite3 *db)
{
	int r;

	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, TEXT_MAX);
	r = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return r == SQLITE_OK ? sqlite3_exec(db, "PRAGMA trusted_schema = OFF", NULL, NULL, NULL) : r;
}

static int try_open(const char *path, const char *options, sqlite3 **ret_db, enum schema_state *ret_state,
		    int *ret_version)
{
	struct buffer uri = {0};
	int r = SQLITE_NOMEM;

	put_uri(&uri, path, options);
	if (!uri.failed)
		r = sqlite3_open_v2(uri.data, ret_db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
				    NULL);
	buffer_done(&uri);
	if (r == SQLITE_OK)
		r = set_up(*ret_db);
	return r == SQLITE_OK ? schema_look(*ret_db, &schema_current, ret_state, ret_version) : r;
}

/* Bytes in the write-ahead log; -1: there is none. */
static off_t log_size(const char *path)
{
	struct buffer log = {0};
	struct stat st = {0};
	bool missing;

	buffer_printf(&log, "%s-wal", path);
	buffer_byte(&log, '\0');
	missing = !log.failed && stat(log.data, &st) < 0 && errno == ENOENT;
	buffer_done(&log);
	return missing ? -1 : st.st_size;
}

/*
 * While the service runs, what it has beside the database is read as well. After it has ended there is nothing, and
 * SQLite would make it anew: then nobody writes, and the database alone is all there is.
 */
static int open_database(const char *path, sqlite3 **ret_db, enum schema_state *ret_state, int *ret_version)
{
	off_t log = log_size(path);
	int r = SQLITE_CANTOPEN;

	if (log >= 0)
		r = try_open(path, "?mode=ro&readonly_shm=1", ret_db, ret_state, ret_version);
	if ((r & 0xff) != SQLITE_CANTOPEN || log > 0)
		return r;
	sqlite3_close(*ret_db);
	*ret_db = NULL;
	return try_open(path, "?mode=ro&immutable=1", ret_db, ret_state, ret_version);
}

static void put_text(struct json *j, const char *key, sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	size_t length = (size_t)sqlite3_column_bytes(s, column);

	if (text && length)
		json_put_span(j, key, (struct span){text, length});
}

static void put_number(struct json *j, const char *key, sqlite3_stmt *s, int column)
{
	sqlite3_int64 number = sqlite3_column_int64(s, column);

	json_put_number(j, key, number > 0 ? (uint64_t)number : 0);
}

static void put_row(struct buffer *out, sqlite3_stmt *s)
{
	struct json j = json_into(out);

	json_open_object(&j, NULL);
	for (int i = 0; i < TEXTS; i++)
		put_text(&j, texts[i], s, i);
	for (int i = 0; i < NUMBERS; i++)
		put_number(&j, numbers[i], s, TEXTS + i);
	json_close_object(&j);
	buffer_byte(out, '\n');
}

/* 0 or -errno. */
static int flush(struct buffer *out)
{
	bool written;

	if (out->failed)
		return -ENOMEM;
	written = fwrite(out->data, 1, out->length, stdout) == out->length && fflush(stdout) == 0;
	buffer_reset(out);
	return written ? 0 : -errno;
}

/* SQLite's result; *ret_error: of stdout. */
static int print(sqlite3 *db, int *ret_error)
{
	struct buffer out = {0};
	sqlite3_stmt *s;
	int r = sqlite3_prepare_v2(db, query, -1, &s, NULL);

	*ret_error = 0;
	if (r != SQLITE_OK)
		return r;
	while (*ret_error == 0 && sqlite3_step(s) == SQLITE_ROW) {
		put_row(&out, s);
		if (out.length > PIECE)
			*ret_error = flush(&out);
	}
	r = sqlite3_finalize(s);
	if (*ret_error == 0 && out.length)
		*ret_error = flush(&out);
	buffer_done(&out);
	return r;
}

static int tell_state(const char *path, enum schema_state state, int version)
{
	if (state == SCHEMA_FOREIGN || state == SCHEMA_EMPTY)
		log_line("%s is no inventory of imdsnitch", path);
	else
		log_line("the inventory %s is of another imdsnitch (schema %d, this one reads %d)", path, version,
			 schema_current.version);
	return 1;
}

static int tell_failure(const char *path, sqlite3 *db, int r)
{
	log_line("the inventory %s cannot be read: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(r));
	return 1;
}

static int print_database(const char *path, sqlite3 *db)
{
	int error, r = print(db, &error);

	if (r != SQLITE_OK)
		return tell_failure(path, db, r);
	if (error < 0)
		log_errno(error, "the rows of %s cannot be written", path);
	return error < 0 ? 1 : 0;
}

int callers_print(const char *path)
{
	enum schema_state state = SCHEMA_EMPTY;
	int version = 0, status, r;
	sqlite3 *db = NULL;

	r = sandbox_enter(0);
	if (r < 0) {
		log_errno(r, "the sandbox cannot be entered");
		return 1;
	}
	r = open_database(path, &db, &state, &version);
	if (r != SQLITE_OK)
		status = tell_failure(path, db, r);
	else if (state != SCHEMA_OURS)
		status = tell_state(path, state, version);
	else
		status = print_database(path, db);
	sqlite3_close(db);
	return status;
}
