/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "service/unit.h"

#include <stdio.h>

static struct place place(void)
{
	static struct place p;

	snprintf(p.programs[0].target, PATH_MAX, "/usr/local/sbin/imdsnitch");
	snprintf(p.programs[2].target, PATH_MAX, "/usr/local/libexec/imdsnitch/imdsnitch-journal");
	snprintf(p.programs[3].target, PATH_MAX, "/usr/local/libexec/imdsnitch/imdsnitch-syslog");
	return p;
}

static void is_filled_in(void **state)
{
	static struct unit_files files;
	struct place p = place();
	struct buffer b = {0};

	unit_write(&b, &p, &files);
	buffer_byte(&b, '\0');
	assert_false(b.failed);
	assert_non_null(strstr(b.data, "\nExecStart=/usr/local/sbin/imdsnitch serve --config "));
	assert_non_null(strstr(b.data, "\nRequiresMountsFor=/usr/local/sbin /usr/local/libexec/imdsnitch\n"));
	assert_non_null(strstr(b.data, "\nSystemCallFilter=@system-service\n"));
	assert_non_null(strstr(b.data, "\nSystemCallFilter=~@privileged @"));
	assert_null(strstr(b.data, "@binary@"));
	assert_null(strstr(b.data, "@folders@"));
	buffer_done(&b);
}

static void the_guards_is_filled_in(void **state)
{
	struct place p = place();
	struct buffer b = {0};

	unit_guard_write(&b, &p);
	buffer_byte(&b, '\0');
	assert_false(b.failed);
	assert_non_null(strstr(b.data, "\nExecStart=/usr/local/sbin/imdsnitch guard boot\n"));
	assert_non_null(strstr(b.data, "\nRequiresMountsFor=/usr/local/sbin /usr/local/libexec/imdsnitch\n"));
	assert_non_null(strstr(b.data, "\nConditionKernelCommandLine=!imdsnitch.guard=off\n"));
	assert_null(strchr(strstr(b.data, "[Service]"), '{'));
	buffer_done(&b);
}

static void knows_what_was_installed(void **state)
{
	static struct unit_files files, again;
	struct place p = place();
	struct buffer b = {0};

	assert_true(unit_files_add(&files, "/usr/local/libexec/"));
	assert_true(unit_files_add(&files, "/usr/local/sbin/imdsnitch"));
	assert_true(unit_files_add(&files, "/usr/local/libexec/"));
	assert_int_equal(files.count, 2);
	unit_write(&b, &p, &files);
	buffer_byte(&b, '\0');
	unit_read_files(b.data, &again);
	assert_int_equal(again.count, 2);
	assert_string_equal(again.path[0], "/usr/local/libexec/");
	assert_string_equal(again.path[1], "/usr/local/sbin/imdsnitch");
	buffer_done(&b);
}

/* What else is in the unit names no file of ours. */
static void takes_clean_paths_only(void **state)
{
	static struct unit_files files;

	unit_read_files(
		"[Service]\nPath=/etc/passwd\n\n[X-Installed]\nPath=\nPath=relative\nPath=/\nOther=/a\nPath=/a/../b\n"
		"Path=/a//b\nPath=/a/./b\nPath=/usr/a\n[Install]\nPath=/etc/group\n",
		&files);
	assert_int_equal(files.count, 1);
	assert_string_equal(files.path[0], "/usr/a");
	unit_read_files("", &files);
	assert_int_equal(files.count, 0);
	unit_read_files("[Unit]\n[X-Installed]", &files);
	assert_int_equal(files.count, 0);
	unit_read_files("[Unit]\n[X-Installed]\nPath=/b", &files);
	assert_string_equal(files.path[0], "/b");
}

static void is_bounded(void **state)
{
	static struct unit_files files;
	char path[32];

	for (int i = 0; i < UNIT_FILES_MAX; i++) {
		snprintf(path, sizeof(path), "/file-%d", i);
		assert_true(unit_files_add(&files, path));
	}
	assert_false(unit_files_add(&files, "/one-more"));
	assert_true(unit_files_add(&files, "/file-0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_filled_in),
		cmocka_unit_test(the_guards_is_filled_in),
		cmocka_unit_test(knows_what_was_installed),
		cmocka_unit_test(takes_clean_paths_only),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
