/* SPDX-License-Identifier: Apache-2.0 */
/* With real failures; as root the full disk is a tmpfs in a mount namespace of our own, otherwise RLIMIT_FSIZE. */
#include "unit.h"

#include "metrics/textfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK ((size_t)64 * 1024)

static char directory[] = "/tmp/imdsnitch-textfile-XXXXXX";
static bool has_disk;
static char path[128];

static unsigned entries(void)
{
	DIR *d = opendir(directory);
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

static void expect(const char *content)
{
	char text[256] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, content);
}

static void start(struct textfile *t)
{
	unlink(path);
	assert_int_equal(textfile_init(t, path), 0);
}

static void replaces_the_whole_file(void **state)
{
	mode_t before = umask(0777);
	struct textfile t;
	struct stat first, second;

	start(&t);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("one\ntwo\n")), 0);
	expect("one\ntwo\n");
	assert_int_equal(stat(path, &first), 0);
	assert_int_equal(first.st_mode & 07777, 0644);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("three\n")), 0);
	umask(before);
	expect("three\n");
	assert_int_equal(stat(path, &second), 0);
	assert_int_not_equal(first.st_ino, second.st_ino); /* an open reader keeps the whole old one */
	assert_int_equal(entries(), 1);
	textfile_done(&t);
}

static void a_missing_directory_may_come_later(void **state)
{
	struct textfile t;
	char inside[160];

	snprintf(inside, sizeof(inside), "%s/sub", directory);
	snprintf(path, sizeof(path), "%s/sub/x.prom", directory);
	start(&t);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("one\n")), -ENOENT);
	assert_int_equal(t.failure, ENOENT);
	assert_int_equal(mkdir(inside, 0755), 0);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("two\n")), 0);
	assert_int_equal(t.failure, 0);
	expect("two\n");
	unlink(path);
	rmdir(inside);
	snprintf(path, sizeof(path), "%s/x.prom", directory);
	textfile_done(&t);
}

static void fill_disk(void)
{
	const struct rlimit limit = {64, RLIM_INFINITY};
	char other[160], page[4096] = {0};
	int fd;

	if (!has_disk) {
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		return;
	}
	snprintf(other, sizeof(other), "%s/other", directory);
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, page, sizeof(page)) > 0)
		continue;
	close(fd);
}

static void empty_disk(void)
{
	const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	char other[160];

	snprintf(other, sizeof(other), "%s/other", directory);
	unlink(other);
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_full_disk_keeps_the_old_file(void **state)
{
	char *large = calloc(1, DISK);
	struct textfile t;
	unsigned before;

	assert_non_null(large);
	start(&t);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("old\n")), 0);
	fill_disk();
	before = entries();
	assert_true(textfile_write(&t, (struct span){large, DISK}) < 0);
	assert_int_equal(t.failure, has_disk ? ENOSPC : EFBIG);
	expect("old\n");
	assert_int_equal(entries(), before); /* nothing is left beside it */
	empty_disk();
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("new\n")), 0);
	expect("new\n");
	textfile_done(&t);
	free(large);
}

static void what_stands_there_is_not_followed(void **state)
{
	char victim[160];
	struct textfile t;
	struct stat st;

	snprintf(victim, sizeof(victim), "%s/victim", directory);
	start(&t);
	assert_int_equal(symlink(victim, t.temporary), 0);
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("one\n")), 0);
	assert_int_equal(access(victim, F_OK), -1);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(textfile_write(&t, SPAN_LITERAL("one\n")), -EISDIR);
	assert_int_equal(entries(), 1);
	rmdir(path);
	textfile_done(&t);
}

static void touch(const char *name)
{
	char file[256];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", directory, name);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* Of one that was killed; files of others stay. */
static void removes_what_was_left_behind(void **state)
{
	static const char *const others[] = {"x.prom.tmp", "x.prom.1x.tmp", "x.prom..tmp", "y.prom.1.tmp", "x.prom.1"};
	struct textfile t;
	char file[256];

	unlink(path);
	touch("x.prom.4711.tmp");
	for (unsigned i = 0; i < 5; i++)
		touch(others[i]);
	start(&t);
	assert_int_equal(entries(), 5);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(file, sizeof(file), "%s/%s", directory, others[i]);
		assert_int_equal(unlink(file), 0);
	}
	textfile_done(&t);
}

static void write_for_ever(void)
{
	static char text[8192];
	struct textfile t;

	assert_int_equal(textfile_init(&t, path), 0);
	for (unsigned i = 0;; i++) {
		size_t length = 1 + i * 7919 % sizeof(text);

		memset(text, 'a' + (int)(i % 26), length);
		text[length - 1] = '\n';
		textfile_write(&t, (struct span){text, length});
	}
}

/* One version, up to its end: one letter, then the newline. */
static void check_whole(void)
{
	static char text[16384];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text));
	close(fd);
	assert_true(n > 0);
	assert_int_equal(text[n - 1], '\n');
	for (ssize_t i = 1; i < n - 1; i++)
		assert_int_equal(text[i], text[0]);
}

static void readers_see_whole_files_only(void **state)
{
	pid_t child;

	unlink(path);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		write_for_ever();
	for (unsigned i = 0; i < 20000; i++)
		check_whole();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check_whole();
}

static int set_up(void **state)
{
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(directory))
		return -1;
	has_disk = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		   mount("tmpfs", directory, "tmpfs", 0, "size=64k") == 0;
	snprintf(path, sizeof(path), "%s/x.prom", directory);
	return 0;
}

static int tear_down(void **state)
{
	struct textfile t;

	empty_disk();
	textfile_init(&t, path); /* the child was killed */
	textfile_done(&t);
	unlink(path);
	if (has_disk)
		umount(directory);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_the_whole_file),        cmocka_unit_test(a_missing_directory_may_come_later),
		cmocka_unit_test(a_full_disk_keeps_the_old_file), cmocka_unit_test(what_stands_there_is_not_followed),
		cmocka_unit_test(removes_what_was_left_behind),   cmocka_unit_test(readers_see_whole_files_only),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
