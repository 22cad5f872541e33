/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/store.h"

#include "inventory/room.h"

#define MS        1000000u
#define US        1000u
/* Rows between two looks at the room left: as many fill less than a tenth of the smallest file. */
#define KEEP_ROWS 4

enum statement {
	FIND,
	INSERT,
	UPDATE,
	STATUS,
	CAUSE,
	DAY,
	RUN,
	PIECE,
	LOAD_RUN,
};

/* Parameters of INSERT and UPDATE: keys from 1, then these, then texts from FIRST_TEXT, then the id. */
enum {
	COUNT = FOLD_KEYS + 1,
	FAILED,
	UNANSWERED,
	INCOMPLETE,
	FORWARDED,
	FIRST_SEEN,
	LAST_SEEN,
	DELAYS,
	DELAY_SUM,
	DELAY_MIN,
	DELAY_MAX,
	FIRST_TEXT,
	ID = FIRST_TEXT + FOLD_TEXTS,
};
static_assert(COUNT == 10 && FIRST_TEXT == 21 && ID == 34, "the numbers in the statements");

static const char *const sql[] = {
	[FIND] = "SELECT id FROM callers WHERE executable = ?1 AND user_id = ?2 AND place_kind = ?3 AND place = ?4"
		 " AND service = ?5 AND version = ?6 AND class = ?7 AND verdict = ?8 AND sdk = ?9",
	[INSERT] = "INSERT INTO callers(executable, user_id, place_kind, place, service, version, class, verdict, sdk,"
		   " count, failed, unanswered, incomplete, forwarded, first_seen, last_seen, delays, delay_sum,"
		   " delay_min, delay_max, provider, program, user_name, unit, image, container, runtime, pod,"
		   " sdk_supports_v2, arguments, request, reason, rule) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		   " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28,"
		   " ?29, ?30, ?31, ?32, ?33)",
	[UPDATE] = "UPDATE callers SET count = count + ?10, failed = failed + ?11, unanswered = unanswered + ?12,"
		   " incomplete = incomplete + ?13, forwarded = forwarded + ?14,"
		   " first_seen = min(first_seen, ?15), last_seen = max(last_seen, ?16),"
		   " delays = delays + ?17, delay_sum = delay_sum + ?18,"
		   " delay_min = min(coalesce(delay_min, ?19), coalesce(?19, delay_min)),"
		   " delay_max = max(coalesce(delay_max, ?20), coalesce(?20, delay_max)),"
		   " provider = coalesce(?21, provider), program = coalesce(?22, program),"
		   " user_name = coalesce(?23, user_name), unit = coalesce(?24, unit),"
		   " image = coalesce(?25, image), container = coalesce(?26, container),"
		   " runtime = coalesce(?27, runtime), pod = coalesce(?28, pod),"
		   " sdk_supports_v2 = coalesce(?29, sdk_supports_v2), arguments = coalesce(?30, arguments),"
		   " request = coalesce(?31, request), reason = coalesce(?32, reason), rule = coalesce(?33, rule)"
		   " WHERE id = ?34",
	/* 16 statuses of a row, the rest is 0; a status that is there stays itself */
	[STATUS] = "INSERT INTO statuses SELECT ?1, CASE WHEN (SELECT count(*) FROM statuses WHERE caller = ?1) < 16"
		   " OR EXISTS (SELECT 1 FROM statuses WHERE caller = ?1 AND status = ?2) THEN ?2 ELSE 0 END, ?3"
		   " WHERE true ON CONFLICT DO UPDATE SET count = count + excluded.count",
	[CAUSE] = "INSERT INTO causes VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + excluded.count",
	[DAY] = "INSERT INTO days VALUES (date(?1 * 86400, 'unixepoch'), ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, calls_v1 = calls_v1 + excluded.calls_v1,"
		" calls_v2 = calls_v2 + excluded.calls_v2, calls_unknown = calls_unknown + excluded.calls_unknown,"
		" connects = connects + excluded.connects, denied = denied + excluded.denied,"
		" would_deny = would_deny + excluded.would_deny",
	[RUN] = "INSERT OR REPLACE INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
		" ?16, ?17, ?18)",
	[PIECE] = "INSERT INTO coverage VALUES (date(?1 * 86400, 'unixepoch'), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
		  " ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO UPDATE SET"
		  " attached_to = max(attached_to, excluded.attached_to), calls = calls + excluded.calls,"
		  " calls_v1 = calls_v1 + excluded.calls_v1, calls_v2 = calls_v2 + excluded.calls_v2,"
		  " calls_unknown = calls_unknown + excluded.calls_unknown, connects = connects + excluded.connects,"
		  " denied = denied + excluded.denied, lost = lost + excluded.lost,"
		  " truncated = truncated + excluded.truncated, evicted = evicted + excluded.evicted,"
		  " open_at_start = open_at_start + excluded.open_at_start, dropped = dropped + excluded.dropped,"
		  " missing = missing + excluded.missing",
	[LOAD_RUN] = "SELECT boot_id, attached_from, attached_to, ended, folded, calls, calls_v1, calls_v2,"
		     " calls_unknown, connects, denied, lost, truncated, evicted, open_at_start, dropped, missing"
		     " FROM runs WHERE run_id = ?1",
};

int store_open(struct database *d)
{
	static_assert(sizeof(sql) / sizeof(sql[0]) <= sizeof(d->statement) / sizeof(d->statement[0]), "room");

	for (unsigned i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		int r = sqlite3_prepare_v3(d->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->statement[i], NULL);

		if (r != SQLITE_OK)
			return r & 0xff;
	}
	return SQLITE_OK;
}

/* Runs a statement that was bound; a row it finds gives *ret_number, when asked for. */
static int run(sqlite3_stmt *s, int64_t *ret_number)
{
	int r = sqlite3_step(s);

	if (r == SQLITE_ROW && ret_number)
		*ret_number = sqlite3_column_int64(s, 0);
	if (r == SQLITE_ROW || r == SQLITE_DONE)
		r = SQLITE_OK;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r & 0xff;
}

static void bind_number(sqlite3_stmt *s, int at, uint64_t value)
{
	sqlite3_bind_int64(s, at, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static void bind_keys(sqlite3_stmt *s, const struct fold_row *row)
{
	const char *keys[FOLD_KEYS];

	fold_row_keys(row, keys);
	for (int i = 0; i < FOLD_KEYS; i++)
		bind_text(s, i + 1, keys[i]);
}

static void bind_values(sqlite3_stmt *s, const struct fold_row *row)
{
	const struct fold_counts *c = &row->now;

	bind_number(s, COUNT, c->count);
	bind_number(s, FAILED, c->failed);
	bind_number(s, UNANSWERED, c->unanswered);
	bind_number(s, INCOMPLETE, c->incomplete);
	bind_number(s, FORWARDED, c->forwarded);
	bind_number(s, FIRST_SEEN, c->first / MS);
	bind_number(s, LAST_SEEN, c->last / MS);
	bind_number(s, DELAYS, c->delays);
	bind_number(s, DELAY_SUM, c->delay_sum / US);
	if (c->delays > 0) {
		bind_number(s, DELAY_MIN, c->delay_min / US);
		bind_number(s, DELAY_MAX, c->delay_max / US);
	}
	for (int i = 0; i < FOLD_TEXTS; i++)
		bind_text(s, FIRST_TEXT + i, row->text[i]);
}

/* *ret_changed: there is a row of this id. */
static int update(struct database *d, const struct fold_row *row, bool *ret_changed)
{
	sqlite3_stmt *s = d->statement[UPDATE];
	int r;

	bind_values(s, row);
	sqlite3_bind_int64(s, ID, row->id);
	r = run(s, NULL);
	*ret_changed = r == SQLITE_OK && sqlite3_changes(d->db) > 0;
	return r;
}

static int insert(struct database *d, struct fold_row *row)
{
	sqlite3_stmt *s = d->statement[INSERT];
	int r;

	bind_keys(s, row);
	bind_values(s, row);
	r = run(s, NULL);
	if (r == SQLITE_OK) {
		row->id = sqlite3_last_insert_rowid(d->db);
		d->rows++;
	}
	return r;
}

static int put_caller(struct database *d, struct fold_row *row)
{
	bool changed = false;
	int r = SQLITE_OK;

	if (row->id != 0)
		r = update(d, row, &changed);
	if (r != SQLITE_OK || changed)
		return r;
	row->id = 0;
	bind_keys(d->statement[FIND], row);
	r = run(d->statement[FIND], &row->id);
	if (r != SQLITE_OK)
		return r;
	return row->id ? update(d, row, &changed) : insert(d, row);
}

static int put_lists(struct database *d, const struct fold_row *row)
{
	const struct fold_counts *c = &row->now;
	int r = SQLITE_OK;

	for (unsigned i = 0; i < c->statuses && r == SQLITE_OK; i++) {
		sqlite3_bind_int64(d->statement[STATUS], 1, row->id);
		bind_number(d->statement[STATUS], 2, c->status[i].status);
		bind_number(d->statement[STATUS], 3, c->status[i].count);
		r = run(d->statement[STATUS], NULL);
	}
	for (unsigned i = 0; i < FOLD_CAUSES && r == SQLITE_OK; i++) {
		if (c->cause[i] == 0)
			continue;
		sqlite3_bind_int64(d->statement[CAUSE], 1, row->id);
		bind_text(d->statement[CAUSE], 2, call_cause_name((enum call_cause)i));
		bind_number(d->statement[CAUSE], 3, c->cause[i]);
		r = run(d->statement[CAUSE], NULL);
	}
	return r;
}

static int put_day(struct database *d, const struct fold_day *day)
{
	const uint64_t values[] = {day->day,           day->calls,    day->calls_v1, day->calls_v2,
				   day->calls_unknown, day->connects, day->denied,   day->would_deny};

	for (int i = 0; i < 8; i++)
		bind_number(d->statement[DAY], i + 1, values[i]);
	return run(d->statement[DAY], NULL);
}

static int put_run(struct database *d, const struct coverage_run *run_of)
{
	sqlite3_stmt *s = d->statement[RUN];

	bind_text(s, 1, run_of->run_id);
	bind_text(s, 2, run_of->boot_id);
	bind_number(s, 3, (run_of->attached_from + MS - 1) / MS);
	bind_number(s, 4, run_of->attached_to / MS);
	bind_number(s, 5, run_of->ended);
	bind_number(s, 6, run_of->folded);
	for (int i = 0; i < COVERAGE_COUNTS; i++)
		bind_number(s, 7 + i, run_of->count[i]);
	return run(s, NULL);
}

static int put_piece(struct database *d, const char *run_id, const struct coverage_piece *p)
{
	sqlite3_stmt *s = d->statement[PIECE];

	bind_number(s, 1, p->day);
	bind_text(s, 2, run_id);
	bind_number(s, 3, (p->attached_from + MS - 1) / MS);
	bind_number(s, 4, p->attached_to / MS);
	for (int i = 0; i < COVERAGE_COUNTS; i++)
		sqlite3_bind_int64(s, 5 + i, p->count[i]);
	return run(s, NULL);
}

static int write_all(struct database *d, struct fold *f, const struct coverage *c, uint64_t max_rows)
{
	int r = SQLITE_OK, n = 0;

	for (struct fold_row *row = f->dirty; row && r == SQLITE_OK; row = row->dirty_next) {
		r = put_caller(d, row);
		if (r == SQLITE_OK)
			r = put_lists(d, row);
		if (r == SQLITE_OK && ++n % KEEP_ROWS == 0)
			r = room_keep(d);
	}
	for (unsigned i = 0; i < f->days && r == SQLITE_OK; i++)
		r = put_day(d, &f->day[i]);
	if (r == SQLITE_OK && c->known)
		r = put_run(d, &c->run);
	for (size_t i = 0; i < c->pieces && r == SQLITE_OK; i++)
		r = put_piece(d, c->run.run_id, &c->piece[i]);
	/* A few more than needed, so that not every new row costs a search. */
	if (r == SQLITE_OK && d->rows > max_rows)
		r = room_drop(d, d->rows - max_rows + max_rows / 64);
	return r;
}

int store_write(struct database *d, struct fold *f, const struct coverage *c, uint64_t max_rows)
{
	uint64_t rows = d->rows;
	int r = database_run(d, "BEGIN IMMEDIATE");

	if (r != SQLITE_OK)
		return r;
	r = database_end(d, write_all(d, f, c, max_rows));
	if (r != SQLITE_OK) {
		fold_forget_ids(f);
		d->rows = rows;
	}
	return r;
}

static void copy_column(char *out, size_t size, sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	sqlite3_snprintf((int)size, out, "%s", text ? (const char *)text : "");
}

int store_load_run(struct database *d, const char *run_id, struct coverage_run *ret_run, bool *ret_found)
{
	sqlite3_stmt *s = d->statement[LOAD_RUN];
	int r;

	bind_text(s, 1, run_id);
	r = sqlite3_step(s);
	*ret_found = r == SQLITE_ROW;
	if (r == SQLITE_ROW) {
		*ret_run = (struct coverage_run){0};
		sqlite3_snprintf(sizeof(ret_run->run_id), ret_run->run_id, "%s", run_id);
		copy_column(ret_run->boot_id, sizeof(ret_run->boot_id), s, 0);
		ret_run->attached_from = (uint64_t)sqlite3_column_int64(s, 1) * MS;
		ret_run->attached_to = (uint64_t)sqlite3_column_int64(s, 2) * MS;
		ret_run->ended = sqlite3_column_int(s, 3);
		ret_run->folded = (uint64_t)sqlite3_column_int64(s, 4);
		for (int i = 0; i < COVERAGE_COUNTS; i++)
			ret_run->count[i] = (uint64_t)sqlite3_column_int64(s, 5 + i);
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r & 0xff;
}
