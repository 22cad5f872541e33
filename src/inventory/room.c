/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/room.h"

#define MS           1000000u
#define BATCH        4096
/* Of a service that starts again and again. What is beyond shows as a gap. */
#define COVERAGE_MAX 20000
#define VACUUM_PAGES 256

static int count_meta(struct database *d, const char *key, int64_t count)
{
	char sql[192];

	if (count == 0)
		return SQLITE_OK;
	sqlite3_snprintf(sizeof(sql), sql,
			 "INSERT INTO meta VALUES('%s', %lld) ON CONFLICT DO UPDATE SET value = value + excluded.value",
			 key, (long long)count);
	return database_run(d, sql);
}

static uint64_t changes(const struct database *d)
{
	return (uint64_t)sqlite3_changes(d->db);
}

static void forget_rows(struct database *d, uint64_t count)
{
	d->rows -= count < d->rows ? count : d->rows;
}

int room_drop(struct database *d, uint64_t count)
{
	static const char oldest[] = "SELECT id FROM callers ORDER BY last_seen, id LIMIT";
	int64_t calls = 0;
	char sql[192];
	int r;

	sqlite3_snprintf(sizeof(sql), sql, "SELECT sum(count) FROM callers WHERE id IN (%s %lld)", oldest,
			 (long long)count);
	r = database_number(d, sql, &calls);
	sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM callers WHERE id IN (%s %lld)", oldest, (long long)count);
	if (r == SQLITE_OK)
		r = database_run(d, sql);
	if (r != SQLITE_OK)
		return r;
	count = changes(d);
	forget_rows(d, count);
	r = count_meta(d, "rows_dropped", (int64_t)count);
	return r == SQLITE_OK ? count_meta(d, "calls_dropped", calls) : r;
}

static int measure(struct database *d, uint64_t *ret_pages, uint64_t *ret_free)
{
	int64_t pages = 0, unused = 0;
	int r = database_number(d, "PRAGMA page_count", &pages);

	if (r == SQLITE_OK)
		r = database_number(d, "PRAGMA freelist_count", &unused);
	*ret_pages = (uint64_t)pages;
	*ret_free = (uint64_t)unused;
	return r;
}

/* When there is no caller left to take out, the record of what was covered is. */
static int drop_coverage(struct database *d, bool *ret_any)
{
	int r = database_run(d, "DELETE FROM coverage WHERE day IN (SELECT DISTINCT day FROM coverage ORDER BY day"
				" LIMIT (SELECT count(DISTINCT day) / 2 FROM coverage))");

	*ret_any = r == SQLITE_OK && changes(d) > 0;
	if (r == SQLITE_OK)
		r = database_run(d, "DELETE FROM runs WHERE run_id NOT IN (SELECT run_id FROM coverage)");
	return r;
}

int room_keep(struct database *d)
{
	uint64_t pages, unused;
	bool any = true;
	int r = measure(d, &pages, &unused);

	while (r == SQLITE_OK && any && pages - unused > d->max_pages - d->max_pages / 10) {
		if (d->rows > 0)
			r = room_drop(d, d->rows / 8 + 1);
		else
			r = drop_coverage(d, &any);
		if (r == SQLITE_OK)
			r = measure(d, &pages, &unused);
	}
	return r;
}

static int keep_in_transaction(struct database *d)
{
	int r = database_run(d, "BEGIN IMMEDIATE");

	return r == SQLITE_OK ? database_end(d, room_keep(d)) : r;
}

int room_shrink(struct database *d)
{
	uint64_t pages, unused;
	char sql[96];
	int r = measure(d, &pages, &unused);

	if (r != SQLITE_OK || (pages <= d->max_pages && (unused < VACUUM_PAGES || unused < pages / 2)))
		return r;
	r = keep_in_transaction(d);
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d); PRAGMA max_page_count = %llu", VACUUM_PAGES,
			 (unsigned long long)d->max_pages);
	return r == SQLITE_OK ? database_run(d, sql) : r;
}

static int expire_all(struct database *d, long long before, bool *ret_more)
{
	static const char *const statements[] = {
		"DELETE FROM callers WHERE id IN (SELECT id FROM callers WHERE last_seen < %lld ORDER BY last_seen"
		" LIMIT %d)",
		"DELETE FROM coverage WHERE day < date(%lld / 1000, 'unixepoch') AND %d",
		"DELETE FROM days WHERE day < date(%lld / 1000, 'unixepoch') AND %d",
		"DELETE FROM runs WHERE attached_to < %lld AND %d",
	};
	char sql[192];
	int r;

	for (unsigned i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		sqlite3_snprintf(sizeof(sql), sql, statements[i], before, BATCH);
		r = database_run(d, sql);
		if (r != SQLITE_OK)
			return r;
		if (i > 0)
			continue;
		*ret_more = changes(d) == BATCH;
		forget_rows(d, changes(d));
		r = count_meta(d, "rows_expired", (int64_t)changes(d));
		if (r != SQLITE_OK)
			return r;
	}
	sqlite3_snprintf(sizeof(sql), sql,
			 "DELETE FROM coverage WHERE (SELECT count(*) FROM coverage) > %d AND"
			 " day = (SELECT min(day) FROM coverage)",
			 COVERAGE_MAX);
	r = database_run(d, sql);
	return r == SQLITE_OK ? database_run(d, "DELETE FROM runs WHERE run_id NOT IN (SELECT run_id FROM coverage)")
			      : r;
}

int room_expire(struct database *d, uint64_t now, uint64_t age, bool *ret_more)
{
	uint64_t rows = d->rows;
	int r;

	*ret_more = false;
	if (age >= now)
		return SQLITE_OK;
	r = database_run(d, "BEGIN IMMEDIATE");
	if (r != SQLITE_OK)
		return r;
	r = database_end(d, expire_all(d, (long long)((now - age) / MS), ret_more));
	if (r != SQLITE_OK)
		d->rows = rows;
	return r;
}
