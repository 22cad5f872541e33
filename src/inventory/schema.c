/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/schema.h"

#include <stdint.h>
#include <stdio.h>

static const char create[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE callers("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" executable TEXT NOT NULL, user_id TEXT NOT NULL, place_kind TEXT NOT NULL, place TEXT NOT NULL,"
	" service TEXT NOT NULL, version TEXT NOT NULL, class TEXT NOT NULL, verdict TEXT NOT NULL,"
	" sdk TEXT NOT NULL,"
	" count INTEGER NOT NULL, failed INTEGER NOT NULL, unanswered INTEGER NOT NULL,"
	" incomplete INTEGER NOT NULL, forwarded INTEGER NOT NULL,"
	" first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
	" delays INTEGER NOT NULL, delay_sum INTEGER NOT NULL, delay_min INTEGER, delay_max INTEGER,"
	" provider TEXT, program TEXT, user_name TEXT, unit TEXT, image TEXT, container TEXT, runtime TEXT, pod TEXT,"
	" sdk_supports_v2 TEXT, arguments TEXT, request TEXT, reason TEXT, rule TEXT,"
	" UNIQUE(executable, user_id, place_kind, place, service, version, class, verdict, sdk));"
	"CREATE INDEX callers_last_seen ON callers(last_seen);"
	"CREATE TABLE statuses(caller INTEGER NOT NULL, status INTEGER NOT NULL, count INTEGER NOT NULL,"
	" PRIMARY KEY(caller, status)) WITHOUT ROWID;"
	"CREATE TABLE causes(caller INTEGER NOT NULL, cause TEXT NOT NULL, count INTEGER NOT NULL,"
	" PRIMARY KEY(caller, cause)) WITHOUT ROWID;"
	"CREATE TRIGGER callers_gone AFTER DELETE ON callers BEGIN"
	" DELETE FROM statuses WHERE caller = old.id; DELETE FROM causes WHERE caller = old.id; END;"
	"CREATE TABLE days(day TEXT PRIMARY KEY NOT NULL, calls INTEGER NOT NULL, calls_v1 INTEGER NOT NULL,"
	" calls_v2 INTEGER NOT NULL, calls_unknown INTEGER NOT NULL, connects INTEGER NOT NULL,"
	" denied INTEGER NOT NULL, would_deny INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE runs(run_id TEXT PRIMARY KEY NOT NULL, boot_id TEXT NOT NULL,"
	" attached_from INTEGER NOT NULL, attached_to INTEGER NOT NULL, ended INTEGER NOT NULL,"
	" folded INTEGER NOT NULL, calls INTEGER NOT NULL, calls_v1 INTEGER NOT NULL, calls_v2 INTEGER NOT NULL,"
	" calls_unknown INTEGER NOT NULL, connects INTEGER NOT NULL, denied INTEGER NOT NULL, lost INTEGER NOT NULL,"
	" truncated INTEGER NOT NULL, evicted INTEGER NOT NULL, open_at_start INTEGER NOT NULL,"
	" dropped INTEGER NOT NULL, missing INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE coverage(day TEXT NOT NULL, run_id TEXT NOT NULL,"
	" attached_from INTEGER NOT NULL, attached_to INTEGER NOT NULL, calls INTEGER NOT NULL,"
	" calls_v1 INTEGER NOT NULL, calls_v2 INTEGER NOT NULL, calls_unknown INTEGER NOT NULL,"
	" connects INTEGER NOT NULL, denied INTEGER NOT NULL, lost INTEGER NOT NULL, truncated INTEGER NOT NULL,"
	" evicted INTEGER NOT NULL, open_at_start INTEGER NOT NULL, dropped INTEGER NOT NULL,"
	" missing INTEGER NOT NULL, PRIMARY KEY(day, run_id)) WITHOUT ROWID;"
	/* callers, for people */
	"CREATE VIEW inventory AS SELECT executable, coalesce(user_name, user_id) AS user, place, service, version,"
	" class, verdict, sdk, count,"
	" strftime('%Y-%m-%dT%H:%M:%SZ', first_seen / 1000, 'unixepoch') AS first_seen,"
	" strftime('%Y-%m-%dT%H:%M:%SZ', last_seen / 1000, 'unixepoch') AS last_seen,"
	" (SELECT group_concat(CASE status WHEN 0 THEN 'other' ELSE status END || ':' || s.count, ' ')"
	"  FROM statuses AS s WHERE s.caller = c.id) AS statuses,"
	" (SELECT group_concat(cause || ':' || s.count, ' ') FROM causes AS s WHERE s.caller = c.id) AS causes,"
	" failed, unanswered, delay_min / 1000.0 AS delay_min_ms,"
	" CASE WHEN delays > 0 THEN delay_sum / 1000.0 / delays END AS delay_mean_ms,"
	" delay_max / 1000.0 AS delay_max_ms, sdk_supports_v2, request, reason, arguments"
	" FROM callers AS c;"
	/* times nobody watched, between two that somebody did, and from the last one to now */
	"CREATE VIEW gaps AS SELECT strftime('%Y-%m-%dT%H:%M:%fZ', gap_from / 1000.0, 'unixepoch') AS gap_from,"
	" strftime('%Y-%m-%dT%H:%M:%fZ', gap_to / 1000.0, 'unixepoch') AS gap_to,"
	" (gap_to - gap_from) / 1000.0 AS seconds, run_id FROM ("
	" SELECT max(attached_to) OVER (ORDER BY attached_from, attached_to"
	"  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS gap_from, attached_from AS gap_to, run_id FROM coverage"
	" UNION ALL SELECT max(attached_to), CAST(strftime('%s', 'now') AS INTEGER) * 1000, NULL FROM coverage"
	"  HAVING max(attached_to) < CAST(strftime('%s', 'now') AS INTEGER) * 1000 - 60000)"
	" WHERE gap_to > gap_from;"
	/* a row for each day since the first one, whether it is covered and what was seen */
	"CREATE VIEW proof AS WITH RECURSIVE"
	" span(day) AS (SELECT min(day) FROM coverage UNION ALL SELECT date(day, '+1 day') FROM span"
	"  WHERE day < date('now')),"
	" piece AS (SELECT *, max(attached_to) OVER (PARTITION BY day ORDER BY attached_from, attached_to"
	"  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM coverage),"
	" covered AS (SELECT day, sum(max(0, attached_to - max(attached_from, coalesce(before, 0)))) AS ms,"
	"  sum(calls_v1) AS calls_v1, sum(calls_unknown) AS calls_unknown, sum(lost) AS lost,"
	"  sum(truncated) AS truncated, sum(evicted) AS evicted, sum(open_at_start) AS open_at_start,"
	"  sum(dropped) AS dropped, sum(missing) AS missing FROM piece GROUP BY day)"
	" SELECT span.day AS day,"
	" coalesce(covered.ms >= 86400000 AND NOT (lost OR truncated OR evicted OR open_at_start OR dropped OR"
	"  missing), 0) AS complete,"
	" max(coalesce(covered.calls_v1, 0), coalesce(days.calls_v1, 0)) AS calls_v1,"
	" max(coalesce(covered.calls_unknown, 0), coalesce(days.calls_unknown, 0)) AS calls_unknown,"
	" coalesce(days.calls, 0) AS calls,"
	" (86400000 - coalesce(covered.ms, 0)) / 1000.0 AS uncovered_seconds,"
	" coalesce(lost, 0) AS lost, coalesce(truncated, 0) AS truncated, coalesce(evicted, 0) AS evicted,"
	" coalesce(open_at_start, 0) AS open_at_start, coalesce(dropped, 0) AS dropped,"
	" coalesce(missing, 0) AS missing"
	" FROM span LEFT JOIN covered ON covered.day = span.day LEFT JOIN days ON days.day = span.day"
	" WHERE span.day IS NOT NULL;";

const struct schema schema_current = {.create = create, .version = SCHEMA_VERSION, .step = NULL};

static int number(sqlite3 *db, const char *sql, int *ret_number)
{
	sqlite3_stmt *statement;
	int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL), end;

	if (r != SQLITE_OK)
		return r;
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret_number = sqlite3_column_int(statement, 0);
	end = sqlite3_finalize(statement);
	return r == SQLITE_ROW ? SQLITE_OK : end;
}

int schema_look(sqlite3 *db, const struct schema *s, enum schema_state *ret_state, int *ret_version)
{
	int application = 0, version = 0, tables = 0;
	int r = number(db, "PRAGMA application_id", &application);

	if (r == SQLITE_OK)
		r = number(db, "PRAGMA user_version", &version);
	if (r == SQLITE_OK)
		r = number(db, "SELECT count(*) FROM sqlite_master", &tables);
	if (r != SQLITE_OK)
		return r;
	*ret_version = version;
	if (application == 0 && version == 0 && tables == 0)
		*ret_state = SCHEMA_EMPTY;
	else if (application != SCHEMA_APPLICATION_ID || version < 1)
		*ret_state = SCHEMA_FOREIGN;
	else if (version == s->version)
		*ret_state = SCHEMA_OURS;
	else
		*ret_state = version < s->version ? SCHEMA_OLD : SCHEMA_NEW;
	return SQLITE_OK;
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int number_pragma(sqlite3 *db, const char *name, int value)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA %s = %d", name, value);
	return run(db, sql);
}

static int steps(sqlite3 *db, const struct schema *s)
{
	enum schema_state state;
	int version, r = schema_look(db, s, &state, &version);

	if (r != SQLITE_OK)
		return r;
	if (state == SCHEMA_EMPTY) {
		r = run(db, s->create);
		if (r == SQLITE_OK)
			r = number_pragma(db, "application_id", SCHEMA_APPLICATION_ID);
	} else if (state == SCHEMA_OLD) {
		for (; version < s->version && r == SQLITE_OK; version++)
			r = run(db, s->step[version - 1]);
	}
	return r == SQLITE_OK ? number_pragma(db, "user_version", s->version) : r;
}

int schema_bring_up(sqlite3 *db, const struct schema *s)
{
	int r = run(db, "BEGIN IMMEDIATE");

	if (r != SQLITE_OK)
		return r;
	r = steps(db, s);
	if (r == SQLITE_OK)
		r = run(db, "COMMIT");
	if (r != SQLITE_OK)
		run(db, "ROLLBACK");
	return r;
}
