/* SPDX-License-Identifier: Apache-2.0 */
/* Full disks, kills, failed rotations and syncs, a second writer, and what is no file. */
#include "logfile.h"

#include <sys/wait.h>
#include <time.h>

static void a_removed_log_is_begun_again(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;

	folder_empty(folder);
	open_log(&l, &s);
	put(&l, 1, 100);
	logfile_idle(&l);
	unlink(path);
	put(&l, 2, 100);
	logfile_close(&l);
	assert_int_equal(size_of(path), 100);
}

/* Where it cannot be begun again, lines wait: an unlinked file is nowhere. */
static void a_removed_folder_is_a_failure(void **state)
{
	struct log_settings s = settings(4096);
	struct logfile l;
	char sub[NAME_ROOM];

	in_folder(folder, "sub", sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	in_folder(folder, "sub/log", s.path);
	open_log(&l, &s);
	unlink(s.path);
	rmdir(sub);
	put(&l, 1, 100);
	logfile_idle(&l);
	assert_int_equal(output_held(&l.out), 1);
	counts_add_up(&l);
	assert_int_equal(mkdir(sub, 0700), 0);
	l.out.retry_at = 0;
	logfile_idle(&l);
	assert_int_equal(output_held(&l.out), 0);
	logfile_close(&l);
	assert_int_equal(size_of(s.path), 100);
	unlink(s.path);
	rmdir(sub);
}

static void two_writers_are_refused(void **state)
{
	const struct log_settings s = settings(4096);
	struct problem problem = {0};
	struct logfile l, other;

	folder_empty(folder);
	open_log(&l, &s);
	assert_int_equal(logfile_open(&other, &s, &problem), -EWOULDBLOCK);
	assert_non_null(strstr(problem.text, "another section or service"));
	for (unsigned i = 1; i <= 100; i++)
		put(&l, i, 100);
	logfile_idle(&l); /* the files it rotates to are locked as well */
	assert_int_equal(logfile_open(&other, &s, &problem), -EWOULDBLOCK);
	logfile_close(&l);
	open_log(&other, &s);
	logfile_close(&other);
}

static void a_torn_line_of_ours_is_cut(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;

	file_write(path, "{\"@timestamp\":\"2026\"}\n{\"@timestamp\":\"2026-11-");
	open_log(&l, &s);
	put_text(&l, "next\n");
	logfile_close(&l);
	assert_true(file_is(path, "{\"@timestamp\":\"2026\"}\nnext\n"));
	file_write(path, "{\"@ti");
	open_log(&l, &s);
	logfile_close(&l);
	assert_true(file_is(path, ""));
}

/* A file of somebody else loses nothing. */
static void a_torn_line_of_others_is_ended(void **state)
{
	struct log_settings s = settings(4096);
	struct logfile l;

	file_write(path, "precious\ndata");
	open_log(&l, &s);
	put_text(&l, "next\n");
	logfile_close(&l);
	assert_true(file_is(path, "precious\ndata\nnext\n"));
	snprintf(s.format, sizeof(s.format), "text");
	file_write(path, "{\"@timestamp\":\"2026-11-");
	open_log(&l, &s);
	put_text(&l, "next\n");
	logfile_close(&l);
	assert_true(file_is(path, "{\"@timestamp\":\"2026-11-\nnext\n"));
}

/* What a file system may leave after a power failure. */
static void zeros_at_the_end_are_cut(void **state)
{
	const struct log_settings s = settings(1 << 20);
	struct logfile l;

	file_write(path, "{}\n");
	assert_int_equal(truncate(path, 9000), 0);
	open_log(&l, &s);
	put_text(&l, "next\n");
	logfile_close(&l);
	assert_true(file_is(path, "{}\nnext\n"));
}

/* Killed while it writes and rotates: whole lines in order, and those it had counted are there. */
static void killed_while_it_writes(void **state)
{
	const struct log_settings s = settings(4096);
	const struct timespec wait = {.tv_nsec = 15000000};
	unsigned last = 0;
	struct logfile l;

	folder_empty(folder);
	for (unsigned round = 0; round < 20; round++) {
		unsigned next = last + 1;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			if (logfile_open(&l, &s, &(struct problem){0}) < 0)
				_exit(1);
			for (unsigned i = next;; i++) {
				put(&l, i, 100 + i % 300);
				if (i % 7 == 0)
					logfile_idle(&l);
			}
		}
		nanosleep(&wait, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		open_log(&l, &s); /* mends */
		logfile_close(&l);
		check_order(0, &last);
	}
	assert_true(last > 100);
}

static void syncs_before_it_counts(void **state)
{
	struct log_settings s = settings(4096);
	struct feed_state told = {0};
	struct logfile l;

	folder_empty(folder);
	s.fsync = 0;
	open_log(&l, &s);
	put(&l, 1, 100);
	output_flush(&l.out);
	logfile_report(&l, &told);
	assert_int_equal(told.held, 1); /* written, and not on the disk */
	assert_int_equal(told.written, 0);
	assert_int_equal(logfile_idle(&l), -1);
	logfile_report(&l, &told);
	assert_int_equal(told.held, 0);
	assert_int_equal(told.written, 1);
	for (unsigned i = 2; i <= 200; i++)
		put(&l, i, 100);
	logfile_idle(&l);
	counts_add_up(&l);
	assert_int_equal(l.dirty_since, 0);
	logfile_close(&l);
}

static void syncs_within_the_time(void **state)
{
	struct log_settings s = settings(1 << 20);
	struct logfile l;

	folder_empty(folder);
	s.fsync = 5000000000;
	open_log(&l, &s);
	put(&l, 1, 100);
	assert_in_range(logfile_idle(&l), 4000, 5001);
	assert_true(l.dirty_since != 0);
	l.dirty_since -= 6000000000;
	assert_int_equal(logfile_idle(&l), -1);
	assert_int_equal(l.dirty_since, 0);
	logfile_close(&l);
}

static void a_failed_sync_counts_as_lost(void **state)
{
	struct log_settings s = settings(1 << 20);
	struct feed_state told = {0};
	struct logfile l;
	int fds[2], file;

	folder_empty(folder);
	s.fsync = 0;
	open_log(&l, &s);
	put(&l, 1, 100);
	output_flush(&l.out);
	assert_int_equal(pipe(fds), 0); /* has no disk: EINVAL */
	file = l.out.fd;
	l.out.fd = fds[1];
	logfile_idle(&l);
	l.out.fd = file;
	logfile_report(&l, &told);
	assert_int_equal(told.unwritten, 1);
	assert_int_equal(told.written, 0);
	assert_string_not_equal(told.failure, "");
	put(&l, 2, 100);
	logfile_idle(&l);
	logfile_report(&l, &told);
	assert_int_equal(told.written, 1);
	close(fds[0]);
	close(fds[1]);
	logfile_close(&l);
}

static void fill_disk(const char *name)
{
	_cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char page[4096] = {0};

	assert_true(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
}

/* The disk fills up, with rotations under way; what does not fit is counted, the rest is whole and in order. */
static void a_full_disk(void **state)
{
	const struct log_settings s = settings(16384);
	char filler[NAME_ROOM];
	struct feed_state told;
	struct logfile l;
	unsigned last;

	if (!has_disk)
		return;
	folder_empty(folder);
	in_folder(folder, "filler", filler);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 200; i++)
		put(&l, i, 100);
	logfile_idle(&l);
	fill_disk(filler);
	for (unsigned i = 201; i <= 2000; i++) {
		put(&l, i, 100);
		logfile_idle(&l);
		counts_add_up(&l);
	}
	assert_true(output_is_behind(&l.out));
	unlink(filler);
	l.out.retry_at = 0;
	logfile_idle(&l);
	assert_false(output_is_behind(&l.out));
	logfile_close(&l);
	logfile_report(&l, &told);
	check_order(0, &last);
	assert_int_equal(last, 2000);
	assert_int_equal(told.unwritten, 0);
	assert_int_equal(told.written, 2000);
}

/* A line larger than a file of the log, of which the disk takes a part: it is not split by a rotation. */
static void a_large_event_on_a_full_disk(void **state)
{
	const struct log_settings s = settings(4096);
	char filler[NAME_ROOM];
	struct logfile l;
	unsigned last;

	if (!has_disk)
		return;
	folder_empty(folder);
	in_folder(folder, "filler", filler);
	open_log(&l, &s);
	fill_disk(filler);
	assert_int_equal(truncate(filler, (off_t)size_of(filler) - 8192), 0);
	put(&l, 1, 20000);
	logfile_idle(&l);
	assert_true(output_is_behind(&l.out));
	assert_int_equal(access(numbered(1), F_OK), -1);
	unlink(filler);
	l.out.retry_at = 0;
	put(&l, 2, 100);
	logfile_close(&l);
	assert_int_equal(check_order(1, &last), 2);
	assert_int_equal(size_of(numbered(1)), 20000);
}

/* Not as root, whom no mode stops: a name in the way stands for a folder that cannot be written. */
static void a_rotation_that_fails_loses_nothing(void **state)
{
	const struct log_settings s = settings(4096);
	struct feed_state told = {0};
	char way[NAME_ROOM];
	struct logfile l;
	unsigned last;

	folder_empty(folder);
	in_folder(folder, ".calls.jsonl.next", way);
	open_log(&l, &s);
	assert_int_equal(mkdir(way, 0700), 0);
	for (unsigned i = 1; i <= 100; i++) {
		put(&l, i, 100);
		logfile_idle(&l);
	}
	assert_int_equal(size_of(path), 10000);
	logfile_report(&l, &told);
	assert_int_equal(told.written, 100);
	assert_non_null(strstr(told.failure, "cannot be rotated"));
	rmdir(way);
	l.rotate_at = 0;
	put(&l, 101, 100);
	logfile_close(&l);
	assert_int_equal(size_of(numbered(1)), 10000);
	assert_int_equal(check_order(1, &last), 101);
}

static void what_is_no_file_is_not_rotated(void **state)
{
	const struct log_settings s = settings(4096);
	struct logfile l;
	char block[4096];
	int reader;

	folder_empty(folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	open_log(&l, &s);
	for (unsigned i = 1; i <= 100; i++) {
		put(&l, i, 100);
		logfile_idle(&l);
		assert_int_equal(read(reader, block, sizeof(block)), 100);
	}
	logfile_reopen(&l);
	logfile_close(&l);
	close(reader);
	assert_int_equal(folder_empty(folder), 1);
}

static void links_are_refused(void **state)
{
	const struct log_settings s = settings(4096);
	struct problem problem = {0};
	struct logfile l;

	folder_empty(folder);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(logfile_open(&l, &s, &problem), -ELOOP);
	assert_non_null(strstr(problem.text, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_log_is_begun_again),
		cmocka_unit_test(a_removed_folder_is_a_failure),
		cmocka_unit_test(two_writers_are_refused),
		cmocka_unit_test(a_torn_line_of_ours_is_cut),
		cmocka_unit_test(a_torn_line_of_others_is_ended),
		cmocka_unit_test(zeros_at_the_end_are_cut),
		cmocka_unit_test(killed_while_it_writes),
		cmocka_unit_test(syncs_before_it_counts),
		cmocka_unit_test(syncs_within_the_time),
		cmocka_unit_test(a_failed_sync_counts_as_lost),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_large_event_on_a_full_disk),
		cmocka_unit_test(a_rotation_that_fails_loses_nothing),
		cmocka_unit_test(what_is_no_file_is_not_rotated),
		cmocka_unit_test(links_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
