/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/ancestry.h"
#include "caller/process.h"
#include "fake_proc.h"

#define TICK   UINT64_C(10000000)
#define SECOND UINT64_C(1000000000)

struct fixture {
	struct fake_proc proc;
	struct ancestry *cache;
	uint64_t now;
	size_t limit;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	fake_proc_make(&x->proc);
	fake_proc_process(&x->proc, 12, "bash", 500, "/bin/bash");
	fake_proc_file(&x->proc, 12, "cmdline", "bash\0x.sh\0", 10);
	x->cache = ancestry_new();
	x->limit = ANCESTRY_ARGS_MAX;
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	fake_proc_remove(&x->proc);
	ancestry_free(x->cache);
	free(x);
	return 0;
}

/* Completes bash(12) and compares; NULL: not completed. */
static void expect_process(struct fixture *x, uint64_t start, const char *name, const char *exe, const char *args)
{
	struct process p = {.pid = 12, .start = start};

	strcpy(p.name, name);
	ancestry_complete(x->cache, x->proc.fd, x->now, x->limit, &p);
	assert_string_equal(p.executable ? p.executable : "", exe ? exe : "");
	assert_int_equal(p.args != NULL, args != NULL);
	if (args)
		assert_memory_equal(p.args, args, p.args_length);
	process_done(&p);
}

static void kept_for_a_second(void **state)
{
	struct fixture *x = *state;

	expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	fake_proc_link(&x->proc, 12, "exe", "/bin/other");
	expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	x->now += SECOND;
	expect_process(x, 500 * TICK, "bash", "/bin/other", "bash\0x.sh\0");
	fake_proc_unlink(&x->proc, 12, "stat");
	x->now += SECOND - 1;
	expect_process(x, 500 * TICK, "bash", "/bin/other", "bash\0x.sh\0");
	x->now += 1;
	expect_process(x, 500 * TICK, "bash", NULL, NULL);
}

static void not_another_process(void **state)
{
	struct fixture *x = *state;

	expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	expect_process(x, 501 * TICK, "bash", NULL, NULL);
	expect_process(x, 0, "bash", NULL, NULL);
	fake_proc_stat(&x->proc, 12, "zsh", 700);
	fake_proc_link(&x->proc, 12, "exe", "/bin/zsh");
	expect_process(x, 700 * TICK, "zsh", "/bin/zsh", "bash\0x.sh\0");
	expect_process(x, 500 * TICK, "bash", NULL, NULL);
}

static void not_another_program(void **state)
{
	struct fixture *x = *state;

	expect_process(x, 500 * TICK, "sh", NULL, NULL);
	expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	expect_process(x, 500 * TICK, "sh", NULL, NULL);
	fake_proc_stat(&x->proc, 12, "sh", 500);
	fake_proc_link(&x->proc, 12, "exe", "/bin/sh");
	expect_process(x, 500 * TICK, "sh", "/bin/sh", "bash\0x.sh\0");
}

static void works_without_a_cache(void **state)
{
	struct fixture *x = *state;

	x->cache = ancestry_free(x->cache);
	expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	expect_process(x, 501 * TICK, "bash", NULL, NULL);
	fake_proc_unlink(&x->proc, 12, "exe");
	fake_proc_unlink(&x->proc, 12, "cmdline");
	expect_process(x, 500 * TICK, "bash", NULL, NULL);
}

static void secrets_are_masked(void **state)
{
	struct fixture *x = *state;

	fake_proc_file(&x->proc, 12, "cmdline", "x\0--token\0abcdef\0", 17);
	for (int i = 0; i < 2; i++)
		expect_process(x, 500 * TICK, "bash", "/bin/bash", "x\0--token\0**token redacted**\0");
}

static void limits(void **state)
{
	struct fixture *x = *state;
	struct process p = {.pid = 12, .start = 500 * TICK, .name = "bash"};
	char args[4096];

	memset(args, 'a', sizeof(args));
	fake_proc_file(&x->proc, 12, "cmdline", args, sizeof(args));
	ancestry_complete(x->cache, x->proc.fd, 0, ANCESTRY_ARGS_MAX, &p);
	assert_int_equal(p.args_length, ANCESTRY_ARGS_MAX);
	assert_int_equal(p.args[p.args_length - 1], 0);
	assert_true(p.args_truncated);
	process_done(&p);
	p.args_truncated = false;
	ancestry_complete(x->cache, x->proc.fd, 0, 8, &p);
	assert_int_equal(p.args_length, 8);
	assert_true(p.args_truncated);
	assert_null(p.executable); /* "/bin/bash" has 9 */
	process_done(&p);
}

/* More processes than a set has room for: the right answer always, and the one in use stays. */
static void bounded(void **state)
{
	struct fixture *x = *state;

	expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	fake_proc_unlink(&x->proc, 12, "stat");
	for (unsigned pid = 12 + ANCESTRY_ENTRIES; pid < 12 + ANCESTRY_ENTRIES * 20; pid += ANCESTRY_ENTRIES / 4) {
		struct process p = {.pid = pid, .start = (uint64_t)pid * TICK, .name = "sh"};
		char exe[32];

		snprintf(exe, sizeof(exe), "/bin/%u", pid);
		fake_proc_process(&x->proc, pid, "sh", pid, exe);
		ancestry_complete(x->cache, x->proc.fd, 0, x->limit, &p);
		assert_string_equal(p.executable, exe);
		process_done(&p);
		expect_process(x, 500 * TICK, "bash", "/bin/bash", "bash\0x.sh\0");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept_for_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(not_another_process, setup, teardown),
		cmocka_unit_test_setup_teardown(not_another_program, setup, teardown),
		cmocka_unit_test_setup_teardown(works_without_a_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(secrets_are_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
