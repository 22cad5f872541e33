/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of events in the database; when it is in trouble: inventory_trouble.c. */
#include "inventory_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>

static char directory[] = "/tmp/imdsnitch-inventory-XXXXXX";
static struct inventory_settings settings = {DEFAULTS};
static struct inventory *inventory;

static int set_up(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	assert_int_equal(system(command), 0);
	settings = (struct inventory_settings){DEFAULTS};
	snprintf(settings.path, sizeof(settings.path), "%s/inventory.db", directory);
	inventory = open_inventory(&settings);
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

static void add(const struct row *row)
{
	inventory_event(inventory, row);
}

static int64_t number(const char *sql)
{
	return ask_number(settings.path, sql);
}

static const char *text(const char *sql)
{
	return ask_text(settings.path, sql);
}

static void write_all(void)
{
	assert_int_equal(inventory_flush(inventory), 0);
}

static void every_column(void **state)
{
	struct row row = row_at(FIRST_DAY + 5 * SECOND);

	add(&row);
	row.time += SECOND;
	row.duration = 500000;
	row.status = 404;
	row.field[ROW_OUTCOME] = SPAN_LITERAL("failure");
	row.field[ROW_ARGUMENTS] = SPAN_LITERAL("curl -v");
	row.flags |= ROW_FORWARDED;
	add(&row);
	write_all();
	assert_int_equal(number("SELECT count(*) FROM callers"), 1);
	assert_string_equal(text("SELECT executable || '|' || user_id || '|' || place_kind || '|' || place || '|' ||"
				 " service || '|' || version || '|' || class || '|' || verdict || '|' || sdk"
				 " FROM callers"),
			    "/usr/bin/curl|33|unit|web.service|ec2|v1|credentials|observed|aws-cli/1.15.10");
	assert_string_equal(text("SELECT count || ' ' || failed || ' ' || unanswered || ' ' || incomplete || ' ' ||"
				 " forwarded || ' ' || delays || ' ' || delay_sum || ' ' || delay_min || ' ' ||"
				 " delay_max FROM callers"),
			    "2 1 0 0 1 2 2000 500 1500");
	assert_string_equal(text("SELECT provider || '|' || program || '|' || user_name || '|' || unit || '|' ||"
				 " sdk_supports_v2 || '|' || arguments || '|' || request FROM callers"),
			    "aws|curl|www-data|web.service|false|curl -v|"
			    "GET /latest/meta-data/iam/security-credentials/web");
	assert_string_equal(text("SELECT statuses || '|' || causes FROM inventory"), "200:1 404:1|no-token-support:2");
	assert_string_equal(text("SELECT first_seen || ' ' || last_seen || ' ' || delay_mean_ms FROM inventory"),
			    "2026-11-13T00:00:05Z 2026-11-13T00:00:06Z 1.0");
	assert_int_equal(number("SELECT image IS NULL AND rule IS NULL AND reason IS NULL FROM callers"), 1);
}

/* Deltas are added to what is there, by the same program and by the next one. */
static void adds_up(void **state)
{
	struct row row = row_at(FIRST_DAY + 50 * SECOND);

	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < 10; n++)
			add(&row);
		write_all();
		row.time += SECOND;
		row.duration += 1000000;
		if (i == 1)
			again();
	}
	row = row_at(FIRST_DAY);
	row.flags = ROW_COMPLETE;
	add(&row);
	write_all();
	assert_int_equal(number("SELECT count(*) FROM callers"), 1);
	assert_string_equal(text("SELECT count || ' ' || delays || ' ' || delay_min || ' ' || delay_max FROM callers"),
			    "31 30 1500 3500");
	assert_string_equal(text("SELECT first_seen || ' ' || last_seen FROM inventory"),
			    "2026-11-13T00:00:00Z 2026-11-13T00:00:52Z");
	assert_int_equal(number("SELECT count FROM statuses"), 30);
	assert_int_equal(number("SELECT count FROM causes"), 31);
	assert_int_equal(number("SELECT calls_v1 FROM days WHERE day = '2026-11-13'"), 31);
}

/* A row of its own for every part of the key. */
static void keys(void **state)
{
	static const struct {
		enum row_field field;
		struct span value;
	} others[] = {
		{ROW_EXECUTABLE, SPAN_LITERAL("/usr/bin/wget")},
		{ROW_USER_ID, SPAN_LITERAL("0")},
		{ROW_UNIT, SPAN_LITERAL("other.service")},
		{ROW_IMAGE, SPAN_LITERAL("registry/web:1")},
		{ROW_SERVICE, SPAN_LITERAL("ecs")},
		{ROW_VERSION, SPAN_LITERAL("v2")},
		{ROW_CLASS, SPAN_LITERAL("token")},
		{ROW_VERDICT, SPAN_LITERAL("denied")},
		{ROW_SDK, SPAN_LITERAL("aws-sdk-go")},
		{ROW_SDK_VERSION, SPAN_LITERAL("2")},
		{ROW_ACTION, SPAN_LITERAL("imds-connect")},
	};
	const size_t count = sizeof(others) / sizeof(others[0]);
	struct row row = row_at(FIRST_DAY);

	add(&row);
	for (size_t i = 0; i < count; i++) {
		row = row_at(FIRST_DAY);
		row.field[others[i].field] = others[i].value;
		add(&row);
		row.field[ROW_ARGUMENTS] = SPAN_LITERAL("something else");
		row.field[ROW_PATH] = SPAN_LITERAL("/");
		row.status = 500;
		add(&row);
	}
	write_all();
	assert_int_equal(number("SELECT count(*) FROM callers"), count + 1);
	assert_int_equal(number("SELECT sum(count) FROM callers"), 2 * count + 1);
}

static const char *place_of(struct row row)
{
	set_up(NULL);
	add(&row);
	write_all();
	tear_down(NULL);
	return text("SELECT place_kind || ' ' || place FROM callers");
}

static void places(void **state)
{
	struct row row = row_at(FIRST_DAY);

	tear_down(NULL);
	row.field[ROW_IMAGE] = SPAN_LITERAL("web:1");
	row.field[ROW_POD] = SPAN_LITERAL("uid");
	row.field[ROW_CONTAINER] = SPAN_LITERAL("id");
	assert_string_equal(place_of(row), "image web:1");
	row.field[ROW_IMAGE] = (struct span){0};
	assert_string_equal(place_of(row), "unit web.service");
	row.field[ROW_UNIT] = (struct span){0};
	assert_string_equal(place_of(row), "pod uid");
	row.field[ROW_POD] = (struct span){0};
	assert_string_equal(place_of(row), "container id");
	row.field[ROW_CONTAINER] = (struct span){0};
	assert_string_equal(place_of(row), " ");
	row.field[ROW_EXECUTABLE] = (struct span){0};
	place_of(row);
	assert_string_equal(text("SELECT executable FROM callers"), "curl");
	inventory = open_inventory(&settings);
}

static void days(void **state)
{
	struct row row = row_at(FIRST_DAY + DAY - 1);

	add(&row);
	row.time++;
	row.field[ROW_VERSION] = SPAN_LITERAL("v2");
	row.field[ROW_VERDICT] = SPAN_LITERAL("would-deny");
	add(&row);
	row.field[ROW_VERSION] = SPAN_LITERAL("unknown");
	row.field[ROW_VERDICT] = SPAN_LITERAL("denied");
	add(&row);
	row.field[ROW_VERSION] = (struct span){0};
	row.field[ROW_VERDICT] = SPAN_LITERAL("observed");
	add(&row);
	row.field[ROW_ACTION] = SPAN_LITERAL("imds-connect");
	add(&row);
	write_all();
	assert_string_equal(
		text("SELECT group_concat(day || ' ' || calls || ' ' || calls_v1 || ' ' || calls_v2 || ' ' ||"
		     " calls_unknown || ' ' || connects || ' ' || denied || ' ' || would_deny, ', ')"
		     " FROM (SELECT * FROM days ORDER BY day)"),
		"2026-11-13 1 1 0 0 0 0 0, 2026-11-14 3 0 1 1 1 1 1");
}

/* Nothing a caller says moves a cursor, ends a text early, or is longer than its bound. */
static void hostile(void **state)
{
	static char long_name[9000];
	struct row row = row_at(FIRST_DAY);

	memset(long_name, 0xff, sizeof(long_name));
	for (int i = ROW_SERVICE; i < ROW_FIELDS; i++)
		row.field[i] = SPAN_LITERAL("a\0b\x1b[2J\n\xff'\";DROP TABLE callers;\\");
	add(&row);
	for (int i = ROW_SERVICE; i < ROW_FIELDS; i++)
		row.field[i] = (struct span){long_name, sizeof(long_name)};
	add(&row);
	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = "\xe2\x82\xac"[i % 3];
	add(&row);
	write_all();
	assert_int_equal(number("SELECT count(*) FROM callers"), 3);
	assert_string_equal(text("SELECT executable FROM callers WHERE id = 1 OR executable LIKE 'a%'"),
			    "a\\x00b\\x1b[2J\\n\\xff'\";DROP TABLE callers;\\\\");
	assert_int_equal(number("SELECT max(length(CAST(executable AS BLOB))) FROM callers"), 4096);
	assert_int_equal(number("SELECT max(length(CAST(arguments AS BLOB))) FROM callers"), 4096);
	assert_in_range(number("SELECT max(length(CAST(sdk AS BLOB))) FROM callers"), 100, 128);
	assert_in_range(number("SELECT min(length(CAST(sdk AS BLOB))) FROM callers"), 2, 128);
	/* still valid UTF-8 where it was cut */
	assert_int_equal(number("SELECT count(*) FROM callers WHERE executable LIKE '%€…'"), 1);
}

static void many_statuses(void **state)
{
	struct row row = row_at(FIRST_DAY);

	for (row.status = 100; row.status < 140; row.status++) {
		add(&row);
		if (row.status % 4 == 0)
			write_all();
	}
	write_all();
	assert_int_equal(number("SELECT count(*) FROM statuses"), 17);
	assert_int_equal(number("SELECT sum(count) FROM statuses"), 40);
	assert_int_equal(number("SELECT count FROM statuses WHERE status = 0"), 24);
	row.status = 100;
	add(&row);
	write_all();
	assert_int_equal(number("SELECT count FROM statuses WHERE status = 100"), 2);
	/* within one transaction */
	row.field[ROW_CLASS] = SPAN_LITERAL("token");
	for (row.status = 1; row.status < 20; row.status++)
		add(&row);
	write_all();
	assert_int_equal(number("SELECT sum(count) FROM statuses WHERE caller = (SELECT id FROM callers WHERE class ="
				" 'token')"),
			 19);
}

static void as_documented(void **state)
{
	struct stat st;

	assert_int_equal(number("PRAGMA application_id"), 0x494d4453);
	assert_int_equal(number("PRAGMA user_version"), 1);
	assert_int_equal(number("PRAGMA auto_vacuum"), 2);
	assert_string_equal(text("PRAGMA journal_mode"), "wal");
	assert_int_equal(stat(settings.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void bounded_rows(void **state)
{
	char name[32];
	struct row row;

	settings.max_rows = 1000;
	again();
	for (unsigned i = 0; i < 5000; i++) {
		row = row_at(FIRST_DAY + i * SECOND);
		snprintf(name, sizeof(name), "/bin/%u", i);
		row.field[ROW_EXECUTABLE] = span_of(name);
		add(&row);
		if (i % 100 == 99) {
			write_all();
			assert_in_range(number("SELECT count(*) FROM callers"), 1, 1000);
		}
	}
	assert_in_range(number("SELECT count(*) FROM callers"), 950, 1000);
	assert_int_equal(number("SELECT count(*) FROM callers WHERE executable = '/bin/4999'"), 1);
	assert_int_equal(number("SELECT min(last_seen) / 1000 - 1794528000 FROM callers"),
			 5000 - number("SELECT count(*) FROM callers"));
	assert_int_equal(number("SELECT value FROM meta WHERE key = 'rows_dropped'"),
			 5000 - number("SELECT count(*) FROM callers"));
	assert_int_equal(number("SELECT value FROM meta WHERE key = 'calls_dropped'"),
			 5000 - number("SELECT count(*) FROM callers"));
	assert_int_equal(number("SELECT count(*) FROM statuses"), number("SELECT count(*) FROM callers"));
	assert_int_equal(number("SELECT sum(calls) FROM days"), 5000);
}

static off_t size_of(const char *suffix)
{
	char name[sizeof(settings.path) + 8];
	struct stat st = {0};

	snprintf(name, sizeof(name), "%s%s", settings.path, suffix);
	return stat(name, &st) == 0 ? st.st_size : 0;
}

static void add_wide(unsigned from, unsigned to)
{
	static char name[3000];

	memset(name, 'x', sizeof(name) - 1);
	for (unsigned i = from; i < to; i++) {
		struct row row = row_at(FIRST_DAY + i * SECOND);

		snprintf(name, 16, "/%u", i);
		name[strlen(name)] = '/';
		row.field[ROW_EXECUTABLE] = row.field[ROW_ARGUMENTS] = span_of(name);
		add(&row);
		if (i % 500 == 499)
			write_all();
	}
	write_all();
}

static void bounded_bytes(void **state)
{
	settings.max_size = 1U << 20;
	again();
	for (unsigned i = 0; i < 6; i++) {
		add_wide(i * 1000, (i + 1) * 1000);
		assert_in_range(size_of(""), 1, 1U << 20);
		assert_in_range(size_of("-wal"), 0, 12U << 20);
	}
	assert_in_range(number("SELECT count(*) FROM callers"), 30, 200);
	assert_int_equal(number("SELECT max(last_seen) / 1000 - 1794528000 FROM callers"), 5999);
	assert_int_equal(number("SELECT count(*) + (SELECT value FROM meta WHERE key = 'rows_dropped') FROM callers"),
			 6000);
	assert_string_equal(text("PRAGMA integrity_check"), "ok");
}

/* The bound was lowered. */
static void shrinks(void **state)
{
	settings.max_size = 16U << 20;
	again();
	add_wide(0, 1500);
	again();
	assert_in_range(size_of(""), 6U << 20, 16U << 20);
	settings.max_size = 2U << 20;
	again();
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(inventory_tidy(inventory), 0);
	again();
	assert_in_range(size_of(""), 512U << 10, 2U << 20);
	assert_in_range(number("SELECT count(*) FROM callers"), 100, 1000);
}

static void bounded_age(void **state)
{
	struct feed_counts counts = counts_at(FIRST_DAY, FIRST_DAY + 10 * SECOND);
	struct row row = row_at(FIRST_DAY + SECOND);

	settings.max_age = 10 * DAY;
	again();
	add(&row);
	counts.calls = counts.calls_v1 = 1;
	inventory_counts(inventory, &counts);
	counts.last = 1;
	inventory_counts(inventory, &counts);
	again();
	row = row_at(FIRST_DAY + 9 * DAY);
	row.field[ROW_EXECUTABLE] = SPAN_LITERAL("/bin/later");
	add(&row);
	counts = counts_at(FIRST_DAY + 9 * DAY - SECOND, FIRST_DAY + 9 * DAY);
	counts.calls = counts.calls_v1 = 1;
	memcpy(counts.run_id, "run-2", 6);
	inventory_counts(inventory, &counts);
	write_all();
	assert_int_equal(inventory_tidy(inventory), 0);
	assert_int_equal(number("SELECT count(*) FROM callers"), 2);
	assert_int_equal(number("SELECT count(*) FROM runs"), 2);
	counts.time = FIRST_DAY + 11 * DAY + SECOND;
	inventory_counts(inventory, &counts);
	write_all();
	assert_int_equal(inventory_tidy(inventory), 0);
	assert_string_equal(text("SELECT group_concat(executable) FROM callers"), "/bin/later");
	assert_string_equal(text("SELECT group_concat(day) FROM days"), "2026-11-22");
	assert_string_equal(text("SELECT group_concat(run_id) FROM runs"), "run-2");
	assert_string_equal(text("SELECT min(day) FROM coverage"), "2026-11-21");
	assert_int_equal(number("SELECT count(*) FROM statuses"), 1);
	assert_int_equal(number("SELECT value FROM meta WHERE key = 'rows_expired'"), 1);
}

/* Somebody else deletes rows while ids of them are known. */
static void rows_taken_away(void **state)
{
	struct row row = row_at(FIRST_DAY), other = row_at(FIRST_DAY);

	other.field[ROW_EXECUTABLE] = SPAN_LITERAL("/bin/other");
	add(&row);
	write_all();
	run_sql(settings.path, "DELETE FROM callers");
	add(&other);
	write_all();
	add(&row);
	add(&other);
	write_all();
	assert_string_equal(text("SELECT group_concat(executable || ' ' || count) FROM (SELECT * FROM callers ORDER BY"
				 " executable)"),
			    "/bin/other 2,/usr/bin/curl 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_column, set_up, tear_down),
		cmocka_unit_test_setup_teardown(adds_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(days, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_statuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(as_documented, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shrinks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded_age, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_taken_away, set_up, tear_down),
	};
	char command[128];
	int failed;

	assert_non_null(mkdtemp(directory));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0 ? 1 : failed;
}
