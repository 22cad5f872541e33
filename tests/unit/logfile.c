/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation by size, by age and by others; restarts. */
#include "logfile.h"

#include <time.h>

static void rotates_by_size(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;
	unsigned last;

	folder_empty(folder);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 300; i++) {
		put(&l, i, 100);
		logfile_idle(&l);
		counts_add_up(&l);
	}
	logfile_close(&l);
	assert_true(check_order(0, &last) >= KEEP * 40);
	assert_int_equal(last, 300);
	for (unsigned i = 1; i <= KEEP; i++)
		assert_int_equal(size_of(numbered(i)), 4000);
	assert_int_equal(access(numbered(KEEP + 1), F_OK), -1);
	assert_int_equal(l.out.written, 300);
}

/* Many files' worth in one flush. */
static void rotates_within_one_flush(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;
	unsigned last;

	folder_empty(folder);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 120; i++)
		put(&l, i, 100);
	assert_int_equal(size_of(path), 0);
	logfile_close(&l);
	assert_int_equal(check_order(1, &last), 120);
	assert_int_equal(size_of(numbered(1)), 4000);
	assert_int_equal(size_of(numbered(2)), 4000);
}

static void a_large_event_has_a_file_of_its_own(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;
	unsigned last;

	folder_empty(folder);
	open_log(&l, &s);
	put(&l, 1, 100);
	put(&l, 2, 20000);
	put(&l, 3, 100);
	logfile_close(&l);
	assert_int_equal(check_order(1, &last), 3);
	assert_int_equal(size_of(numbered(2)), 100);
	assert_int_equal(size_of(numbered(1)), 20000);
	assert_int_equal(size_of(path), 100);
}

static void a_restart_goes_on(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;
	unsigned last;

	folder_empty(folder);
	for (unsigned i = 1; i <= 50; i++) {
		open_log(&l, &s);
		put(&l, i, 100);
		logfile_close(&l);
	}
	assert_int_equal(check_order(1, &last), 50);
	assert_int_equal(size_of(numbered(1)), 4000);
	assert_int_equal(size_of(path), 1000);
}

static void never_by_size(void **state)
{
	const struct log_settings s = settings(0);
	struct logfile l;

	folder_empty(folder);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 100; i++)
		put(&l, i, 1000);
	logfile_close(&l);
	assert_int_equal(size_of(path), 100000);
	assert_int_equal(folder_empty(folder), 1);
}

/* The first line of the file says how old it is, through restarts. */
static void rotates_by_age(void **state)
{
	struct log_settings s = settings(0);
	struct logfile l;
	char line[128];
	time_t then = time(NULL) - 100;
	struct tm t;

	s.max_age = 3600000000000ull;
	folder_empty(folder);
	strftime(line, sizeof(line), "{\"@timestamp\":\"%Y-%m-%dT%H:%M:%S.000000Z\"}\n", gmtime_r(&then, &t));
	file_write(path, line);
	open_log(&l, &s);
	assert_true(l.begun / 1000000000 == (uint64_t)then);
	assert_true(logfile_idle(&l) > 0);
	assert_int_equal(access(numbered(1), F_OK), -1);
	logfile_close(&l);
	s.max_age = 90000000000ull;
	open_log(&l, &s);
	logfile_idle(&l);
	assert_true(file_is(numbered(1), line));
	assert_true(file_is(path, ""));
	assert_int_equal(logfile_idle(&l), -1); /* an empty file has no age */
	put_text(&l, "{}\n");
	assert_in_range(logfile_idle(&l), 1, 60001);
	assert_true(file_is(path, "{}\n"));
	l.begun -= 91000000000ull;
	put_text(&l, "{ }\n");
	logfile_close(&l);
	assert_true(file_is(numbered(1), "{}\n"));
	assert_true(file_is(path, "{ }\n"));
}

static void age_of_other_formats(void **state)
{
	struct log_settings s = settings(0);
	struct logfile l;
	char line[128];
	time_t then = time(NULL) - 100;
	struct tm t;

	folder_empty(folder);
	snprintf(s.format, sizeof(s.format), "aws");
	strftime(line, sizeof(line), "[%Y-%m-%dT%H:%M:%S] [INFO] IMDSv2\n", localtime_r(&then, &t));
	file_write(path, line);
	open_log(&l, &s);
	assert_true(l.begun / 1000000000 == (uint64_t)then);
	logfile_close(&l);
	file_write(path, "12:57:51.123 v1 200\n"); /* text has no date: since the file was made */
	open_log(&l, &s);
	assert_in_range(l.begun / 1000000000, (uint64_t)time(NULL) - 10, (uint64_t)time(NULL));
	logfile_close(&l);
}

/* A clock that was set back must not keep a file young. */
static void a_line_from_the_future(void **state)
{
	struct log_settings s = settings(0);
	struct logfile l;

	s.max_age = 1000000000;
	file_write(path, "{\"@timestamp\":\"2999-01-01T00:00:00.000000Z\"}\n");
	open_log(&l, &s);
	logfile_idle(&l);
	assert_in_range(l.begun / 1000000000, (uint64_t)time(NULL) - 10, (uint64_t)time(NULL));
	logfile_close(&l);
}

static void reopen_follows_a_rename(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;

	folder_empty(folder);
	open_log(&l, &s);
	put(&l, 1, 100);
	logfile_reopen(&l); /* nothing was renamed: nothing happens */
	put(&l, 2, 100);
	logfile_idle(&l);
	assert_int_equal(size_of(path), 200);
	rename(path, numbered(1));
	put(&l, 3, 100);
	logfile_idle(&l); /* to where the file is now */
	assert_int_equal(size_of(numbered(1)), 300);
	put(&l, 4, 100);
	logfile_reopen(&l);
	assert_int_equal(size_of(numbered(1)), 400);
	put(&l, 5, 100);
	logfile_close(&l);
	assert_int_equal(size_of(path), 100);
	assert_int_equal(check_order(1, &(unsigned){0}), 5);
}

/* The other program has renamed it and the file is full before we are told: its files are not renamed by us. */
static void a_rename_before_the_signal(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;

	folder_empty(folder);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 40; i++)
		put(&l, i, 100);
	logfile_idle(&l);
	rename(path, numbered(1));
	file_write(path, "");
	put(&l, 41, 100);
	logfile_close(&l);
	assert_int_equal(size_of(numbered(1)), 4000);
	assert_int_equal(size_of(path), 100);
	assert_int_equal(folder_empty(folder), 2);
}

static void copytruncate(void **state)
{
	struct log_settings s = settings(4096);
	struct logfile l;
	size_t length;
	char *data;

	s.max_age = 90000000000ull;
	folder_empty(folder);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 30; i++)
		put(&l, i, 100);
	logfile_idle(&l);
	assert_int_equal(truncate(path, 0), 0);
	l.begun -= 91000000000ull; /* of the lines that are gone */
	for (unsigned i = 31; i <= 60; i++)
		put(&l, i, 100);
	logfile_idle(&l);
	assert_int_equal(size_of(path), 3000); /* no hole, and not rotated by the size or the age before */
	data = file_read(path, &length);
	assert_null(memchr(data, '\0', length));
	free(data);
	assert_int_equal(access(numbered(1), F_OK), -1);
	logfile_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotates_by_size),
		cmocka_unit_test(rotates_within_one_flush),
		cmocka_unit_test(a_large_event_has_a_file_of_its_own),
		cmocka_unit_test(a_restart_goes_on),
		cmocka_unit_test(never_by_size),
		cmocka_unit_test(rotates_by_age),
		cmocka_unit_test(age_of_other_formats),
		cmocka_unit_test(a_line_from_the_future),
		cmocka_unit_test(reopen_follows_a_rename),
		cmocka_unit_test(a_rename_before_the_signal),
		cmocka_unit_test(copytruncate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
