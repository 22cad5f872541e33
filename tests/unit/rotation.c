/* SPDX-License-Identifier: Apache-2.0 */
/* Names and renames; a rotation that is killed at each of its system calls. */
#include "unit.h"

#include "base/cleanup.h"
#include "folder.h"
#include "sink/rotation.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static char folder[] = "/tmp/imdsnitch-rotation-XXXXXX";
static char path[NAME_ROOM];

static const char *numbered(unsigned number)
{
	static char text[4][NAME_ROOM + 16];
	static unsigned next;
	char *t = text[next++ % 4];

	snprintf(t, sizeof(text[0]), "%s.%u", path, number);
	return t;
}

static void make(uint64_t keep)
{
	int fd = -1;

	assert_int_equal(rotation_make(path, keep, &fd), 0);
	assert_true(fd >= 0);
	close(fd);
}

static void each_file_gets_one_older(void **state)
{
	char text[16];

	folder_empty(folder);
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "%u\n", i);
		file_write(path, text);
		make(3);
	}
	assert_true(file_is(path, ""));
	assert_true(file_is(numbered(1), "5\n"));
	assert_true(file_is(numbered(2), "4\n"));
	assert_true(file_is(numbered(3), "3\n"));
	assert_int_equal(access(numbered(4), F_OK), -1);
	assert_int_equal(folder_empty(folder), 4);
}

static void the_new_file_has_its_mode(void **state)
{
	mode_t before = umask(0777);
	struct stat st;

	file_write(path, "");
	chmod(path, 0600);
	make(1);
	umask(before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	folder_empty(folder);
}

static void a_gap_is_closed(void **state)
{
	file_write(path, "new");
	file_write(numbered(1), "a");
	file_write(numbered(2), "b");
	file_write(numbered(4), "d");
	make(5);
	assert_true(file_is(numbered(1), "new"));
	assert_true(file_is(numbered(2), "a"));
	assert_true(file_is(numbered(3), "b"));
	assert_true(file_is(numbered(4), "d"));
	folder_empty(folder);
}

static void fewer_are_kept_than_before(void **state)
{
	for (unsigned i = 1; i <= 6; i++)
		file_write(numbered(i), "old");
	file_write(path, "new");
	make(2);
	assert_true(file_is(numbered(1), "new"));
	assert_true(file_is(numbered(2), "old"));
	assert_int_equal(folder_empty(folder), 3);
}

static void what_a_killed_one_left_is_in_nobodys_way(void **state)
{
	char next[NAME_ROOM];

	in_folder(folder, ".calls.jsonl.next", next);
	file_write(path, "new");
	file_write(next, "left");
	make(2);
	assert_true(file_is(path, ""));
	assert_true(file_is(numbered(1), "new"));
	file_write(next, "left");
	rotation_clean(path);
	assert_int_equal(access(next, F_OK), -1);
	folder_empty(folder);
}

/* A file that is in the way of the last step cannot be: what is in the way of the first must change nothing. */
static void a_failure_leaves_the_log_in_place(void **state)
{
	char next[NAME_ROOM];
	int fd;

	in_folder(folder, ".calls.jsonl.next", next);
	assert_int_equal(mkdir(next, 0700), 0);
	file_write(path, "new");
	file_write(numbered(1), "old");
	assert_int_not_equal(rotation_make(path, 3, &fd), 0);
	assert_true(file_is(path, "new"));
	assert_true(file_is(numbered(1), "old"));
	rmdir(next);
	assert_int_equal(rotation_make("/nowhere/at/all", 3, &fd), -ENOENT);
	folder_empty(folder);
}

static void long_names_are_refused(void **state)
{
	char name[300];
	int fd;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(rotation_make(name, 3, &fd), -ENAMETOOLONG);
}

/* Lets a child rotate and kills it when it begins its system call number `at`. False: it was done before. */
static bool rotate_and_kill(unsigned at, uint64_t keep)
{
	pid_t child = fork();
	int status, fd;

	assert_true(child >= 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(rotation_make(path, keep, &fd) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	/* One stop when a call begins, one when it ends. */
	for (unsigned i = 0; i < 2 * at - 1; i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}

/* The lines of all files, oldest first, into `all`. */
static void gather(char *all, size_t size)
{
	all[0] = '\0';
	for (unsigned i = 12; i > 0; i--) {
		_cleanup_free_ char *data = file_read(numbered(i), NULL);

		strncat(all, data, size - strlen(all) - 1);
	}
	_cleanup_free_ char *data = file_read(path, NULL);
	strncat(all, data, size - strlen(all) - 1);
}

static void lay_out(unsigned files)
{
	char text[16];

	folder_empty(folder);
	for (unsigned i = 1; i <= files; i++) {
		snprintf(text, sizeof(text), "%u\n", 9 - i);
		file_write(numbered(i), text);
	}
	file_write(path, "9\n");
}

/* All lines are there, in order, whenever it is killed; and the next rotation goes on from there. */
static void killed_anywhere(void **state)
{
	unsigned at, deaths = 0;
	char all[128];

	for (at = 1;; at++) {
		lay_out(3);
		if (!rotate_and_kill(at, 5))
			break;
		deaths++;
		gather(all, sizeof(all));
		assert_string_equal(all, "6\n7\n8\n9\n");
		/* The next start. */
		rotation_clean(path);
		if (access(path, F_OK) != 0)
			file_write(path, "");
		make(5);
		gather(all, sizeof(all));
		assert_string_equal(all, "6\n7\n8\n9\n");
	}
	assert_true(deaths >= 6); /* at least: create, four renames, exit */
	gather(all, sizeof(all));
	assert_string_equal(all, "6\n7\n8\n9\n");
	folder_empty(folder);
}

/* With as many as are kept, the oldest goes, and only that. */
static void killed_anywhere_when_full(void **state)
{
	char all[128];

	for (unsigned at = 1;; at++) {
		bool killed;

		lay_out(3);
		killed = rotate_and_kill(at, 3);
		gather(all, sizeof(all));
		assert_non_null(strstr(all, "7\n8\n9\n"));
		if (!killed)
			break;
	}
	assert_string_equal(all, "7\n8\n9\n");
	folder_empty(folder);
}

static int set_up(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	in_folder(folder, "calls.jsonl", path);
	return 0;
}

static int tear_down(void **state)
{
	folder_empty(folder);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_gets_one_older),
		cmocka_unit_test(the_new_file_has_its_mode),
		cmocka_unit_test(a_gap_is_closed),
		cmocka_unit_test(fewer_are_kept_than_before),
		cmocka_unit_test(what_a_killed_one_left_is_in_nobodys_way),
		cmocka_unit_test(a_failure_leaves_the_log_in_place),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(killed_anywhere_when_full),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
