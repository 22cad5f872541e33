/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "service/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];

static int set_up(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/imdsnitch-file-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	return file_erase_tree(folder);
}

static const char *in_folder(const char *name)
{
	static char path[4][PATH_MAX + 64];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static void holds(const char *path, const char *expected)
{
	char *content = NULL;
	size_t length = 0;

	assert_int_equal(file_read(path, 1000, &content, &length), 0);
	assert_int_equal(length, strlen(expected));
	assert_string_equal(content, expected);
	free(content);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	return st.st_mode & 07777;
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned count = 0;

	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count - 2;
}

static void put_once(void **state)
{
	const char *path = in_folder("unit");

	assert_int_equal(file_put(path, "one", 3, 0644), 1);
	assert_int_equal(file_put(path, "one", 3, 0644), 0);
	holds(path, "one");
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(file_put(path, "one", 3, 0755), 1);
	assert_int_equal(mode_of(path), 0755);
	assert_int_equal(file_put(path, "two", 3, 0755), 1);
	assert_int_equal(file_put(path, "longer", 6, 0755), 1);
	assert_int_equal(file_put(path, "", 0, 0755), 1);
	holds(path, "");
	assert_int_equal(entries(folder), 1);
}

static void put_does_not_follow(void **state)
{
	assert_int_equal(file_put(in_folder("target"), "mine", 4, 0600), 1);
	assert_int_equal(symlink(in_folder("target"), in_folder("link")), 0);
	assert_int_equal(file_put(in_folder("link"), "new", 3, 0644), 1);
	holds(in_folder("target"), "mine");
	assert_int_equal(mode_of(in_folder("link")), 0644);
}

static void put_says_why_not(void **state)
{
	assert_int_equal(file_put(in_folder("none/unit"), "x", 1, 0644), -ENOENT);
	assert_int_equal(file_put("unit", "x", 1, 0644), -EINVAL);
	assert_int_equal(mkdir(in_folder("unit"), 0755), 0);
	assert_int_equal(file_put(in_folder("unit"), "x", 1, 0644), -EISDIR);
	assert_int_equal(entries(folder), 1);
}

static void copy(void **state)
{
	assert_int_equal(file_put(in_folder("a"), "content", 7, 0600), 1);
	assert_int_equal(file_copy(in_folder("a"), in_folder("b"), 0755), 1);
	assert_int_equal(file_copy(in_folder("a"), in_folder("b"), 0755), 0);
	holds(in_folder("b"), "content");
	assert_int_equal(mode_of(in_folder("b")), 0755);
	assert_int_equal(file_copy(in_folder("c"), in_folder("b"), 0755), -ENOENT);
}

static void read_is_bounded(void **state)
{
	char *content = NULL;
	size_t length;

	assert_int_equal(file_put(in_folder("a"), "content", 7, 0600), 1);
	assert_int_equal(file_read(in_folder("a"), 6, &content, &length), -EFBIG);
	assert_int_equal(file_read(folder, 1000, &content, &length), -EINVAL);
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_int_equal(file_read(in_folder("fifo"), 1000, &content, &length), -EINVAL);
	assert_null(content);
}

/* A link in a tree that is erased leads nowhere. */
static void erase(void **state)
{
	assert_int_equal(mkdir(in_folder("kept"), 0755), 0);
	assert_int_equal(file_put(in_folder("kept/file"), "x", 1, 0644), 1);
	assert_int_equal(mkdir(in_folder("tree"), 0755), 0);
	assert_int_equal(mkdir(in_folder("tree/a"), 0755), 0);
	assert_int_equal(mkdir(in_folder("tree/a/b"), 0755), 0);
	assert_false(file_tree_has_files(in_folder("tree")));
	assert_int_equal(file_put(in_folder("tree/a/b/file"), "x", 1, 0644), 1);
	assert_int_equal(symlink(in_folder("kept"), in_folder("tree/a/link")), 0);
	assert_true(file_tree_has_files(in_folder("tree")));
	assert_int_equal(file_erase_tree(in_folder("tree")), 0);
	assert_int_equal(access(in_folder("tree"), F_OK), -1);
	holds(in_folder("kept/file"), "x");
	assert_int_equal(file_erase_tree(in_folder("tree")), 0);
	assert_false(file_tree_has_files(in_folder("tree")));
	assert_int_equal(symlink(in_folder("kept"), in_folder("tree")), 0);
	assert_int_equal(file_erase_tree(in_folder("tree")), 0);
	holds(in_folder("kept/file"), "x");
}

static void whose(void **state)
{
	assert_true(file_is_roots("/usr/bin"));
	assert_false(file_is_roots("/tmp"));
	assert_false(file_is_roots(folder));
	assert_false(file_is_roots("/proc/self/exe"));
	assert_false(file_is_roots("/usr/bin/nonexistent"));
	assert_false(file_is_roots("usr/bin"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(put_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(put_does_not_follow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(put_says_why_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(read_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(erase, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whose, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
