/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/process.h"
#include "fake_proc.h"

#include <errno.h>
#include <limits.h>
#include <sys/wait.h>

#define TICK UINT64_C(10000000) /* ns, USER_HZ 100 */

static void stat_lines(void **state)
{
	static const char tail[] = " S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 124843 3133440 396";
	static const struct {
		const char *comm, *name;
	} rows[] = {
		{"cat", "cat"},
		{"", ""},
		{") R 0 0 0", ") R 0 0 0"},
		{"a) (b", "a) (b"},
		{"(sd-pam)", "(sd-pam)"},
		{"new\nline\x1b[2J", "new\nline\x1b[2J"},
		{"kworker/u8:2-events_unbound", "kworker/u8:2-ev"},
		{" ) S 1 1 1 1 1 1", " ) S 1 1 1 1 1 "},
	};
	struct process_stat s;
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "77 (%s)%s", rows[i].comm, tail);
		assert_int_equal(process_parse_stat(span_of(text), &s), 0);
		assert_int_equal(s.pid, 77);
		assert_int_equal(s.start, 124843);
		assert_string_equal(s.name, rows[i].name);
	}
}

static void bad_stat_lines(void **state)
{
	static const char *const rows[] = {
		"",
		"1",
		"1 (",
		"1 )(",
		"1 (a)",
		"(a) S 1",
		"x (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 124843 3133440",
		"1 x(a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 124843 3133440",
		"4294967296 (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 124843 3133440",
		"1 (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0",
		"1 (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 ",
		"1 (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 1248",
		"1 (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 -1 2",
		"1 (a) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 99999999999999999999 2",
	};
	struct process_stat s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(process_parse_stat(span_of(rows[i]), &s), -EINVAL);
}

static void opens_only_the_same_process(void **state)
{
	struct process_view v = PROCESS_VIEW_INIT;
	struct fake_proc f;

	fake_proc_make(&f);
	fake_proc_process(&f, 12, "curl", 500, "/usr/bin/curl");
	assert_int_equal(process_view_open(f.fd, 12, 500 * TICK + 9999999, &v), 0);
	assert_string_equal(v.name, "curl");
	assert_int_equal(process_view_check(&v), 0);
	process_view_done(&v);
	assert_int_equal(process_view_open(f.fd, 12, 501 * TICK, &v), -ESTALE);
	assert_int_equal(process_view_open(f.fd, 12, 499 * TICK + 9999999, &v), -ESTALE);
	assert_int_equal(process_view_open(f.fd, 12, 0, &v), -ESRCH);
	assert_int_equal(process_view_open(f.fd, 0, 500 * TICK, &v), -ESRCH);
	assert_int_equal(process_view_open(-1, 12, 500 * TICK, &v), -ESRCH);
	assert_int_equal(process_view_open(f.fd, 13, 500 * TICK, &v), -ENOENT);
	fake_proc_text(&f, 12, "stat", "rubbish");
	assert_int_equal(process_view_open(f.fd, 12, 500 * TICK, &v), -EINVAL);
	fake_proc_stat(&f, 12, "curl", 500);
	fake_proc_unlink(&f, 12, "stat");
	assert_int_equal(process_view_open(f.fd, 12, 500 * TICK, &v), -ENOENT);
	assert_int_equal(v.directory, -1);
	fake_proc_remove(&f);
}

static void check_sees_a_change(void **state)
{
	struct process_view v = PROCESS_VIEW_INIT;
	struct fake_proc f;

	fake_proc_make(&f);
	fake_proc_process(&f, 12, "curl", 500, "/usr/bin/curl");
	assert_int_equal(process_view_open(f.fd, 12, 500 * TICK, &v), 0);
	fake_proc_stat(&f, 12, "curl", 501);
	assert_int_equal(process_view_check(&v), -ESTALE);
	fake_proc_text(&f, 12, "stat", "");
	assert_int_equal(process_view_check(&v), -EINVAL);
	process_view_done(&v);
	fake_proc_remove(&f);
}

/* The real /proc: a view outlives its process and then refuses. */
static void dead_process_is_refused(void **state)
{
	struct process_view v = PROCESS_VIEW_INIT;
	struct process_stat s;
	struct buffer b = {0};
	bool truncated;
	char path[64], text[1024], *target = NULL;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY), fd;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(process_parse_stat((struct span){text, (size_t)read(fd, text, sizeof(text))}, &s), 0);
	close(fd);
	assert_int_equal(process_view_open(proc, (uint32_t)child, s.start * TICK, &v), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(process_view_check(&v), -ESRCH);
	assert_true(process_view_link(&v, "exe", &target) < 0);
	assert_true(process_view_read(&v, "cmdline", 100, &b, &truncated) < 0);
	process_view_done(&v);
	close(proc);
}

static void reads_are_bounded(void **state)
{
	struct process_view v = PROCESS_VIEW_INIT;
	struct buffer b = {0};
	struct fake_proc f;
	bool truncated = true;
	char *big = malloc(2 << 20);

	memset(big, 'x', 2 << 20);
	fake_proc_make(&f);
	fake_proc_process(&f, 12, "curl", 500, "/usr/bin/curl");
	fake_proc_file(&f, 12, "cmdline", big, 2 << 20);
	fake_proc_file(&f, 12, "exact", big, 5000);
	assert_int_equal(process_view_open(f.fd, 12, 500 * TICK, &v), 0);
	assert_int_equal(process_view_read(&v, "exact", 5000, &b, &truncated), 0);
	assert_false(truncated);
	assert_int_equal(b.length, 5000);
	assert_int_equal(process_view_read(&v, "cmdline", 16384, &b, &truncated), 0);
	assert_true(truncated);
	assert_int_equal(b.length, 5000 + 16384);
	assert_true(b.capacity <= 65536);
	assert_int_equal(process_view_read(&v, "none", 100, &b, &truncated), -ENOENT);
	assert_int_equal(process_view_read(&v, ".", 100, &b, &truncated), -EISDIR);
	process_view_done(&v);
	buffer_done(&b);
	fake_proc_remove(&f);
	free(big);
}

static void links(void **state)
{
	struct process_view v = PROCESS_VIEW_INIT;
	char target[PATH_MAX], *got = NULL;
	struct fake_proc f;

	fake_proc_make(&f);
	fake_proc_process(&f, 12, "curl", 500, "/tmp/a b\n (deleted)");
	assert_int_equal(process_view_open(f.fd, 12, 500 * TICK, &v), 0);
	assert_int_equal(process_view_link(&v, "exe", &got), 0);
	assert_string_equal(got, "/tmp/a b\n (deleted)");
	free(got);
	memset(target, '/', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	fake_proc_link(&f, 12, "exe", target);
	assert_int_equal(process_view_link(&v, "exe", &got), 0);
	assert_int_equal(strlen(got), PATH_MAX - 1);
	free(got);
	fake_proc_unlink(&f, 12, "exe");
	assert_int_equal(process_view_link(&v, "exe", &got), -ENOENT);
	process_view_done(&v);
	fake_proc_remove(&f);
}

static void args_end_with_nul_and_are_masked(void **state)
{
	struct process p = {0};

	assert_int_equal(process_set_args(&p, SPAN_LITERAL("a\0b\x1b\xff"), true), 0);
	assert_int_equal(p.args_length, 6);
	assert_memory_equal(p.args, "a\0b\x1b\xff", 6);
	assert_true(p.args_truncated);
	process_set_args(&p, SPAN_LITERAL("x\0--token\0abc\0\0"), false);
	assert_int_equal(p.args_length, sizeof("x\0--token\0**token redacted**\0"));
	assert_memory_equal(p.args, "x\0--token\0**token redacted**\0", p.args_length);
	assert_false(p.args_truncated);
	process_set_args(&p, SPAN_LITERAL("\0"), false);
	assert_int_equal(p.args_length, 1);
	process_set_args(&p, SPAN_LITERAL(""), true);
	assert_null(p.args);
	assert_int_equal(p.args_length, 0);
	process_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_lines),
		cmocka_unit_test(bad_stat_lines),
		cmocka_unit_test(opens_only_the_same_process),
		cmocka_unit_test(check_sees_a_change),
		cmocka_unit_test(dead_process_is_refused),
		cmocka_unit_test(reads_are_bounded),
		cmocka_unit_test(links),
		cmocka_unit_test(args_end_with_nul_and_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
