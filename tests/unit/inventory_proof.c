/* SPDX-License-Identifier: Apache-2.0 */
/* What the database proves: runs, coverage, the views `gaps` and `proof`, and every query of docs/inventory.md. */
#include "inventory_fixture.h"

#include <time.h>

static char directory[] = "/tmp/imdsnitch-proof-XXXXXX";
static struct inventory_settings settings = {DEFAULTS};
static struct inventory *inventory;
static struct feed_counts counts;

static void begin_run(const char *name, uint64_t since)
{
	counts = counts_at(since, since);
	snprintf(counts.run_id, sizeof(counts.run_id), "%s", name);
}

static int set_up(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	assert_int_equal(system(command), 0);
	snprintf(settings.path, sizeof(settings.path), "%s/inventory.db", directory);
	inventory = open_inventory(&settings);
	begin_run("run-1", FIRST_DAY);
	return 0;
}

static int tear_down(void **state)
{
	inventory_close(inventory, 0);
	inventory = NULL;
	return 0;
}

static void again(void)
{
	inventory_close(inventory, 0);
	inventory = open_inventory(&settings);
}

static void kill_program(void)
{
	/* What is in memory is lost; a copy of what is on disk goes on. */
	char command[400];

	snprintf(command, sizeof(command), "mkdir %s/k && cp %s/inventory.db* %s/k/", directory, directory, directory);
	assert_int_equal(system(command), 0);
	inventory_close(inventory, 0);
	snprintf(command, sizeof(command), "rm -f %s/inventory.db* && mv %s/k/* %s/ && rmdir %s/k", directory,
		 directory, directory, directory);
	assert_int_equal(system(command), 0);
	inventory = open_inventory(&settings);
}

static void call(bool arrives)
{
	struct row row = row_at(counts.time);

	counts.calls++;
	counts.calls_v1++;
	if (arrives)
		inventory_event(inventory, &row);
}

static void tell(uint64_t time)
{
	counts.time = time;
	inventory_counts(inventory, &counts);
}

static void write_all(void)
{
	assert_int_equal(inventory_flush(inventory), 0);
}

static int64_t number(const char *sql)
{
	return ask_number(settings.path, sql);
}

static const char *text(const char *sql)
{
	return ask_text(settings.path, sql);
}

static int64_t proof(unsigned day, const char *column)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT %s FROM proof WHERE day = date('2026-11-13', '+%u days')", column, day);
	return number(sql);
}

static void a_run(void **state)
{
	call(true);
	tell(FIRST_DAY + 10 * SECOND);
	write_all();
	assert_string_equal(
		text("SELECT run_id || ' ' || boot_id || ' ' || ended || ' ' || folded || ' ' || calls || ' ' ||"
		     " missing FROM runs"),
		"run-1 boot 0 1 1 0");
	counts.lost = 3;
	counts.last = 1;
	tell(FIRST_DAY + 20 * SECOND);
	again();
	assert_string_equal(text("SELECT ended || ' ' || lost || ' ' || (attached_to - attached_from) FROM runs"),
			    "1 3 20000");
	assert_string_equal(text("SELECT day || ' ' || lost || ' ' || calls_v1 || ' ' || (attached_to - attached_from)"
				 " FROM coverage"),
			    "2026-11-13 3 1 20000");
}

/* A quiet run of days, with the program started anew in between: whole days are complete. */
static void whole_days(void **state)
{
	for (unsigned s = 0; s < 3 * 8640; s++) {
		tell(FIRST_DAY + s * 10 * SECOND);
		if (s % 1000 == 0)
			write_all();
		if (s == 5000 || s == 8641)
			again();
	}
	write_all();
	assert_int_equal(number("SELECT count(*) FROM coverage"), 3);
	assert_int_equal(proof(0, "complete"), 1);
	assert_int_equal(proof(1, "complete"), 1);
	assert_int_equal(proof(2, "complete"), 0);
	assert_int_equal(proof(2, "uncovered_seconds"), 10);
	assert_int_equal(proof(3, "uncovered_seconds"), 86400);
	assert_int_equal(number("SELECT count(*) FROM gaps WHERE run_id IS NOT NULL"), 0);
}

static void gap_between_runs(void **state)
{
	tell(FIRST_DAY + 100 * SECOND);
	again();
	begin_run("run-2", FIRST_DAY + 103 * SECOND + SECOND / 2);
	tell(FIRST_DAY + 2 * DAY);
	write_all();
	assert_string_equal(text("SELECT gap_from || ' ' || gap_to || ' ' || seconds || ' ' || run_id FROM gaps"),
			    "2026-11-13T00:01:40.000Z 2026-11-13T00:01:43.500Z 3.5 run-2");
	assert_int_equal(proof(0, "complete"), 0);
	assert_int_equal(proof(0, "uncovered_seconds * 10"), 35);
	assert_int_equal(proof(1, "complete"), 1);
	/* a second service at the same time covers nothing twice */
	again();
	begin_run("run-3", FIRST_DAY + 10 * SECOND);
	tell(FIRST_DAY + 50 * SECOND);
	write_all();
	assert_int_equal(proof(0, "uncovered_seconds * 10"), 35);
}

static void bad_counts(void **state)
{
	uint64_t *const bad[] = {&counts.lost, &counts.truncated, &counts.evicted, &counts.open_at_start,
				 &counts.dropped};
	unsigned day = 0;

	for (unsigned i = 0; i < 5; i++) {
		tell(FIRST_DAY + day++ * DAY + DAY / 2);
		*bad[i] += 1;
		tell(FIRST_DAY + day * DAY - SECOND);
		tell(FIRST_DAY + day++ * DAY + DAY / 2);
	}
	tell(FIRST_DAY + day * DAY);
	write_all();
	for (unsigned i = 0; i < day; i++)
		assert_int_equal(proof(i, "complete"), i % 2);
	assert_int_equal(number("SELECT sum(lost + truncated + evicted + open_at_start + dropped) FROM coverage"), 5);
}

/* Counted by the service at some time between two days. */
static void loss_at_midnight(void **state)
{
	tell(FIRST_DAY + DAY - SECOND / 2);
	counts.lost = 1;
	call(true);
	tell(FIRST_DAY + DAY + SECOND / 2);
	tell(FIRST_DAY + 2 * DAY);
	write_all();
	assert_int_equal(proof(0, "complete"), 0);
	assert_int_equal(proof(1, "complete"), 0);
	assert_int_equal(number("SELECT sum(calls) FROM coverage"), 1);
}

static void versions(void **state)
{
	call(true);
	tell(FIRST_DAY + SECOND);
	tell(FIRST_DAY + DAY);
	counts.calls++;
	counts.calls_unknown++;
	tell(FIRST_DAY + DAY + SECOND);
	tell(FIRST_DAY + 2 * DAY);
	write_all();
	assert_int_equal(proof(0, "calls_v1"), 1);
	assert_int_equal(proof(0, "calls"), 1);
	assert_int_equal(proof(1, "calls_v1"), 0);
	assert_int_equal(proof(1, "calls_unknown"), 1);
	/* it never arrived */
	assert_int_equal(proof(0, "complete"), 1);
	assert_int_equal(proof(1, "complete"), 0);
	assert_int_equal(proof(1, "missing"), 1);
}

/* The service has counted what the program had not written when it was killed: it is missing, not forgotten. */
static void killed(void **state)
{
	for (unsigned i = 0; i < 10; i++)
		call(true);
	tell(FIRST_DAY + SECOND);
	write_all();
	for (unsigned i = 0; i < 5; i++)
		call(true);
	tell(FIRST_DAY + 2 * SECOND);
	kill_program();
	for (unsigned i = 0; i < 3; i++)
		call(true);
	tell(FIRST_DAY + 3 * SECOND);
	tell(FIRST_DAY + DAY);
	tell(FIRST_DAY + 2 * DAY);
	write_all();
	assert_int_equal(number("SELECT count FROM callers"), 13);
	assert_string_equal(text("SELECT calls || ' ' || folded || ' ' || missing FROM runs"), "18 13 5");
	assert_int_equal(proof(0, "missing"), 5);
	assert_int_equal(proof(0, "complete"), 0);
	assert_int_equal(proof(1, "complete"), 1);
}

/* An event that comes after the counts that hold it is not missing in the end. */
static void late_event(void **state)
{
	struct row row = row_at(FIRST_DAY);

	call(false);
	counts.dropped = 0;
	inventory_event(inventory, &row);
	counts.calls++;
	tell(FIRST_DAY + SECOND);
	again();
	inventory_event(inventory, &row);
	tell(FIRST_DAY + 2 * SECOND);
	write_all();
	assert_int_equal(number("SELECT missing FROM runs"), 0);
}

/* The database is new and the run is not: what was before is a gap. */
static void begins_in_the_middle(void **state)
{
	counts.calls = 100;
	counts.lost = 5;
	tell(FIRST_DAY + 3 * DAY);
	call(true);
	tell(FIRST_DAY + 5 * DAY);
	write_all();
	assert_int_equal(number("SELECT missing FROM runs"), 0);
	assert_string_equal(text("SELECT min(day) FROM coverage"), "2026-11-16");
	assert_int_equal(number("SELECT sum(lost) FROM coverage"), 0);
	assert_int_equal(proof(4, "complete"), 1);
}

static void clock_set_back(void **state)
{
	tell(FIRST_DAY + 10 * SECOND);
	tell(FIRST_DAY + 5 * SECOND);
	write_all();
	assert_int_equal(number("SELECT attached_to - attached_from FROM coverage"), 10000);
}

/* Thirty days until yesterday, by the real clock, for the queries of the document. */
static void fill(void)
{
	uint64_t today = (uint64_t)time(NULL) / 86400 * DAY;

	begin_run("run-1", today - 31 * DAY);
	for (unsigned d = 0; d <= 31; d++) {
		struct row row = row_at(today - (31 - d) * DAY + SECOND);

		if (d == 0) {
			inventory_event(inventory, &row);
			counts.calls++;
			counts.calls_v1++;
		}
		row.field[ROW_VERSION] = SPAN_LITERAL("v2");
		row.field[ROW_CAUSE] = (struct span){0};
		inventory_event(inventory, &row);
		counts.calls++;
		counts.calls_v2++;
		tell(today - (31 - d) * DAY + 2 * SECOND);
	}
	again();
	begin_run("run-2", today + 3 * SECOND);
	tell(today + 4 * SECOND);
	write_all();
}

static void thirty_days(void **state)
{
	static const char query[] = "SELECT count(*) = 30 FROM proof WHERE day >= date('now', '-30 days') AND"
				    " day < date('now') AND complete AND calls_v1 = 0 AND calls_unknown = 0";

	fill();
	assert_int_equal(number(query), 1);
	run_sql(settings.path, "UPDATE coverage SET missing = 1 WHERE day = date('now', '-9 days')");
	assert_int_equal(number(query), 0);
}

static int show(void *context, int columns, char **values, char **names)
{
	(*(unsigned *)context)++;
	return 0;
}

/* Each block ```sql of the document runs, and finds something. */
static void documented_queries(void **state)
{
	char *line = NULL, sql[4096] = "";
	FILE *f = fopen(DOCUMENT, "re");
	bool inside = false;
	unsigned queries = 0;
	size_t size = 0;
	sqlite3 *db;

	assert_non_null(f);
	fill();
	assert_int_equal(sqlite3_open(settings.path, &db), SQLITE_OK);
	while (getline(&line, &size, f) > 0) {
		if (inside && strncmp(line, "```", 3) == 0) {
			unsigned rows = 0;

			if (sqlite3_exec(db, sql, show, &rows, NULL) != SQLITE_OK || rows == 0)
				fail_msg("%s: %s, %u rows", sql, sqlite3_errmsg(db), rows);
			queries++;
			inside = false;
		} else if (inside) {
			strncat(sql, line, sizeof(sql) - strlen(sql) - 1);
		} else if (strcmp(line, "```sql\n") == 0) {
			inside = true;
			sql[0] = '\0';
		}
	}
	assert_in_range(queries, 6, 100);
	free(line);
	fclose(f);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whole_days, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gap_between_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loss_at_midnight, set_up, tear_down),
		cmocka_unit_test_setup_teardown(versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(late_event, set_up, tear_down),
		cmocka_unit_test_setup_teardown(begins_in_the_middle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clock_set_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(thirty_days, set_up, tear_down),
		cmocka_unit_test_setup_teardown(documented_queries, set_up, tear_down),
	};
	char command[128];
	int failed;

	assert_non_null(mkdtemp(directory));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0 ? 1 : failed;
}
