/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With real failures: a file system that is full, a file size limit, pipes that are slow or closed. As root the disk
 * is a tmpfs in a mount namespace of our own; otherwise RLIMIT_FSIZE stands for it.
 */
#include "unit.h"

#include "base/cleanup.h"
#include "sink/output.h"

#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK ((size_t)256 * 1024)

static char directory[] = "/tmp/imdsnitch-output-XXXXXX";
static bool has_disk; /* `directory` is a tmpfs of DISK bytes */
static char path[128], other[128];

static void open_output(struct output *o)
{
	unlink(path);
	unlink(other);
	assert_int_equal(output_open(o, path), 0);
}

static char *slurp(const char *name, size_t *ret_length)
{
	_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	data[st.st_size] = '\0';
	*ret_length = (size_t)st.st_size;
	return data;
}

/* Checks that the file holds whole lines of `length` bytes with rising numbers, and returns how many. */
static unsigned check_lines(const char *name, size_t length, unsigned *ret_gaps)
{
	size_t size;
	_cleanup_free_ char *data = slurp(name, &size);
	unsigned previous = 0, count = 0;

	*ret_gaps = 0;
	assert_int_equal(size % length, 0);
	for (size_t at = 0; at < size; at += length, count++) {
		unsigned number = (unsigned)strtoul(data + at, NULL, 10);

		assert_int_equal(data[at + length - 1], '\n');
		assert_int_equal(data[at + length - 2], 'x');
		assert_null(memchr(data + at, '\n', length - 1));
		assert_true(count == 0 || number > previous);
		*ret_gaps += count > 0 && number != previous + 1;
		previous = number;
	}
	return count;
}

/* Leaves `room` bytes on the disk (to the next page down), or sets the limit of a file's size. */
static void limit_room(size_t room)
{
	struct rlimit limit = {room, RLIM_INFINITY};
	_cleanup_close_ int fd = -1;
	char page[4096] = {0};

	if (!has_disk) {
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		return;
	}
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t filled = 0; filled + room < DISK && write(fd, page, sizeof(page)) > 0;)
		filled += sizeof(page);
}

static void make_room(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	unlink(other);
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void collects_and_writes(void **state)
{
	struct output o;
	unsigned gaps;
	size_t size;
	char *data;

	open_output(&o);
	put_line(&o, 1, 100);
	assert_int_equal(output_commit(&o), 0);
	data = slurp(path, &size);
	assert_int_equal(size, 0); /* not written yet: that is the caller's idle moment, or 64 KiB */
	free(data);
	assert_int_equal(output_flush(&o), 0);
	assert_int_equal(check_lines(path, 100, &gaps), 1);
	for (unsigned i = 2; i <= 700; i++) {
		put_line(&o, i, 100);
		output_commit(&o);
	}
	assert_true(check_lines(path, 100, &gaps) >= OUTPUT_FLUSH / 100);
	assert_int_equal(output_close(&o), 0);
	assert_int_equal(check_lines(path, 100, &gaps), 700);
	assert_int_equal(gaps, 0);
	assert_int_equal(o.unwritten, 0);
}

static void an_event_without_bytes_is_fine(void **state)
{
	struct output o;
	size_t size;

	open_output(&o);
	assert_int_equal(output_commit(&o), 0);
	assert_int_equal(output_flush(&o), 0);
	assert_int_equal(output_close(&o), 0);
	free(slurp(path, &size));
	assert_int_equal(size, 0);
}

static void a_new_file_has_its_mode(void **state)
{
	mode_t umask_before = umask(0777);
	struct output o;
	struct stat st;

	open_output(&o);
	umask(umask_before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	output_close(&o);
	chmod(path, 0600);
	assert_int_equal(output_open(&o, path), 0); /* an old one keeps the mode it was given */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	output_close(&o);
}

static void appends_behind_a_torn_line(void **state)
{
	FILE *f = fopen(path, "w");
	struct output o;
	size_t size;
	char *data;

	assert_non_null(f);
	fputs("whole\ntorn", f);
	fclose(f);
	assert_int_equal(output_open(&o, path), 0);
	buffer_string(&o.lines, "next\n");
	output_commit(&o);
	output_close(&o);
	data = slurp(path, &size);
	assert_string_equal(data, "whole\ntorn\nnext\n");
	free(data);
	assert_int_equal(output_open(&o, path), 0);
	output_close(&o);
	data = slurp(path, &size);
	assert_string_equal(data, "whole\ntorn\nnext\n"); /* nothing to end, nothing written */
	free(data);
}

static void refuses_what_is_no_log(void **state)
{
	struct output o;

	unlink(path);
	assert_int_equal(output_open(&o, directory), -EISDIR);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(output_open(&o, path), -ELOOP);
	unlink(path);
	assert_int_equal(output_open(&o, "/nowhere/at/all"), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(output_open(&o, path), -ENXIO);
	unlink(path);
	assert_int_equal(output_close(&o), 0);
}

/* Writes `count` lines of `length` bytes to a disk with room for 40 KiB and something. */
static void write_to_a_full_disk(struct output *o, size_t length, unsigned count)
{
	open_output(o);
	limit_room((size_t)40 * 1024 + 17);
	for (unsigned i = 1; i <= count; i++) {
		put_line(o, i, length);
		assert_int_equal(output_commit(o), 0);
		if (i % 10 == 0)
			assert_int_equal(output_flush(o), 0);
	}
	assert_true(output_is_behind(o));
	assert_true(o->lines.length <= OUTPUT_KEEP + length);
}

static void a_full_disk_keeps_whole_lines(void **state)
{
	struct output o;
	unsigned gaps, written;

	write_to_a_full_disk(&o, 123, 1000);
	written = check_lines(path, 123, &gaps);
	assert_true(written > 0 && written < 1000);
	assert_int_equal(o.unwritten, 0); /* there is memory for them */
	make_room();
	assert_int_equal(output_close(&o), 0);
	assert_int_equal(check_lines(path, 123, &gaps), 1000);
	assert_int_equal(gaps, 0);
	assert_int_equal(o.unwritten, 0);
}

static void what_memory_cannot_keep_is_counted(void **state)
{
	const unsigned all = 20000;
	struct output o;
	unsigned gaps, written, lost;

	write_to_a_full_disk(&o, 123, all);
	lost = (unsigned)o.unwritten;
	assert_true(lost > 0 && lost < all);
	if (has_disk)
		assert_int_equal(mount("tmpfs", directory, NULL, MS_REMOUNT, "size=16m"), 0);
	make_room();
	o.retry_at = 0;
	for (unsigned i = all + 1; i <= all + 10; i++) {
		put_line(&o, i, 123);
		output_commit(&o);
	}
	assert_int_equal(output_flush(&o), 0);
	assert_false(output_is_behind(&o));
	assert_int_equal(output_close(&o), 0);
	assert_int_equal(o.unwritten, lost);
	written = check_lines(path, 123, &gaps);
	assert_int_equal(written, all + 10 - lost);
	assert_int_equal(gaps, 1);
	unlink(path);
	if (has_disk)
		assert_int_equal(mount("tmpfs", directory, NULL, MS_REMOUNT, "size=256k"), 0);
}

static void what_is_left_at_the_end_is_counted(void **state)
{
	struct output o;
	unsigned gaps, written;

	write_to_a_full_disk(&o, 123, 1000);
	assert_int_equal(output_close(&o), 0);
	make_room();
	written = check_lines(path, 123, &gaps);
	assert_int_equal(written + o.unwritten, 1000);
	assert_int_equal(gaps, 0);
}

/* While it fails, the disk is asked once a second, not at every event. */
static void a_failure_is_not_retried_at_once(void **state)
{
	struct output o;
	unsigned gaps;

	write_to_a_full_disk(&o, 123, 1000);
	make_room();
	o.retry_at = UINT64_MAX;
	assert_int_equal(output_flush(&o), 0);
	assert_true(output_is_behind(&o));
	o.retry_at = 0;
	assert_int_equal(output_flush(&o), 0);
	assert_false(output_is_behind(&o));
	assert_int_equal(check_lines(path, 123, &gaps), 1000);
	output_close(&o);
}

static void out_of_memory_loses_one_event(void **state)
{
	struct output o;
	unsigned gaps;

	open_output(&o);
	put_line(&o, 1, 50);
	output_commit(&o);
	buffer_string(&o.lines, "half of ");
	o.lines.failed = true;
	output_commit(&o);
	assert_int_equal(o.unwritten, 1);
	put_line(&o, 3, 50);
	output_commit(&o);
	o.retry_at = 0;
	output_close(&o);
	assert_int_equal(check_lines(path, 50, &gaps), 2);
	assert_int_equal(gaps, 1);
}

static void reopens_after_a_rotation(void **state)
{
	struct output o;
	unsigned gaps;

	open_output(&o);
	put_line(&o, 1, 50);
	output_commit(&o);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(output_reopen(&o), 0);
	put_line(&o, 2, 50);
	output_commit(&o);
	output_close(&o);
	assert_int_equal(check_lines(other, 50, &gaps), 1);
	assert_int_equal(check_lines(path, 50, &gaps), 1);
}

static void a_failed_reopen_keeps_the_old_file(void **state)
{
	struct output o;
	unsigned gaps;

	open_output(&o);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(output_reopen(&o), -EISDIR);
	rmdir(path);
	put_line(&o, 1, 50);
	output_commit(&o);
	assert_int_equal(output_close(&o), 0);
	assert_int_equal(check_lines(other, 50, &gaps), 1);
}

static void a_fifo_survives_its_reader(void **state)
{
	struct buffer got = {0};
	struct output o;
	int reader;

	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(output_open(&o, path), 0);
	close(reader);
	put_line(&o, 1, 50);
	output_commit(&o);
	assert_int_equal(output_flush(&o), 0);
	assert_true(output_is_behind(&o));
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	o.retry_at = 0;
	assert_int_equal(output_flush(&o), 0);
	assert_int_equal(drain(reader, &got), 50);
	close(reader);
	assert_int_equal(output_close(&o), 0);
	assert_int_equal(o.unwritten, 0);
	buffer_done(&got);
	unlink(path);
}

/* `> file` is not opened for appending: cutting a partial line must not leave a hole. */
static void stdout_to_a_file_that_fills(void **state)
{
	int saved = dup(STDOUT_FILENO), fd;
	struct output o;
	unsigned gaps;

	fflush(stdout);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	assert_int_equal(output_open(&o, "/dev/stdout"), 0);
	limit_room((size_t)40 * 1024 + 17);
	for (unsigned i = 1; i <= 1000; i++) {
		put_line(&o, i, 123);
		output_commit(&o);
	}
	make_room();
	output_close(&o);
	restore_stdout(saved);
	assert_int_equal(check_lines(path, 123, &gaps), 1000);
	assert_int_equal(gaps, 0);
}

/* What stands behind our partial line is not ours to cut: the line is completed later. */
static void a_foreign_tail_is_not_cut(void **state)
{
	const struct rlimit limit = {(rlim_t)40 * 1024 + 17, RLIM_INFINITY};
	int saved = dup(STDOUT_FILENO), fd;
	struct output o;
	size_t size;
	char *data;

	fflush(stdout);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 200000), 0);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	assert_int_equal(output_open(&o, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (unsigned i = 1; i <= 1000; i++) {
		put_line(&o, i, 123);
		output_commit(&o);
	}
	assert_true(output_is_behind(&o) && o.done > 0);
	make_room();
	output_close(&o);
	restore_stdout(saved);
	data = slurp(path, &size);
	assert_int_equal(size, 200000);
	for (unsigned i = 1; i <= 1000; i++)
		assert_int_equal(strtoul(data + (size_t)(i - 1) * 123, NULL, 10), i);
	free(data);
}

/* A reader that goes in the middle of a line: the pipe keeps what it did not take, and the next one goes on there. */
static void the_next_reader_goes_on(void **state)
{
	const size_t length = 200000;
	struct buffer got = {0};
	struct output o;
	char some[4096];
	int reader;

	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(output_open(&o, path), 0);
	put_line(&o, 1, length);
	output_commit(&o);
	assert_true(output_is_behind(&o) && o.done > 0);
	assert_int_equal(read(reader, some, sizeof(some)), sizeof(some));
	buffer_append(&got, some, sizeof(some));
	close(reader);
	o.retry_at = 0;
	output_flush(&o);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (output_is_behind(&o)) {
		o.retry_at = 0;
		output_flush(&o);
		drain(reader, &got);
	}
	drain(reader, &got);
	close(reader);
	output_close(&o);
	assert_int_equal(got.length, length);
	assert_memory_equal(got.data, "00000001 xxx", 12);
	assert_int_equal(got.data[length - 1], '\n');
	buffer_done(&got);
	unlink(path);
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(directory))
		return -1;
	has_disk = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		   mount("tmpfs", directory, "tmpfs", 0, "size=256k") == 0;
	snprintf(path, sizeof(path), "%s/log", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	return 0;
}

static int tear_down(void **state)
{
	make_room();
	unlink(path);
	if (has_disk)
		umount(directory);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collects_and_writes),
		cmocka_unit_test(an_event_without_bytes_is_fine),
		cmocka_unit_test(a_new_file_has_its_mode),
		cmocka_unit_test(appends_behind_a_torn_line),
		cmocka_unit_test(refuses_what_is_no_log),
		cmocka_unit_test(a_full_disk_keeps_whole_lines),
		cmocka_unit_test(what_memory_cannot_keep_is_counted),
		cmocka_unit_test(what_is_left_at_the_end_is_counted),
		cmocka_unit_test(a_failure_is_not_retried_at_once),
		cmocka_unit_test(a_foreign_tail_is_not_cut),
		cmocka_unit_test(out_of_memory_loses_one_event),
		cmocka_unit_test(reopens_after_a_rotation),
		cmocka_unit_test(a_failed_reopen_keeps_the_old_file),
		cmocka_unit_test(a_fifo_survives_its_reader),
		cmocka_unit_test(the_next_reader_goes_on),
		cmocka_unit_test(stdout_to_a_file_that_fills),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
