/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "service/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static struct run_result result;

static int shell(const char *script, const char *input)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	return run_program(argv, input, &result);
}

static void status_and_text(void **state)
{
	assert_int_equal(shell("echo out; echo err >&2; exit 3", NULL), 0);
	assert_int_equal(result.status, 3);
	assert_string_equal(result.text, "out\nerr");
	assert_int_equal(shell("kill -9 $$", NULL), 0);
	assert_int_equal(result.status, 128 + SIGKILL);
	assert_string_equal(result.text, "");
}

static void input(void **state)
{
	assert_int_equal(shell("cat", "one\ntwo"), 0);
	assert_string_equal(result.text, "one\ntwo");
	assert_int_equal(shell("cat", NULL), 0);
	assert_string_equal(result.text, "");
}

/* A program that says too much ends all the same, and what was read is whole. */
static void text_is_bounded(void **state)
{
	assert_int_equal(shell("yes 0123456 | head -n 20000; exit 7", NULL), 0);
	assert_int_equal(result.status, 7);
	assert_int_equal(strlen(result.text), RUN_TEXT - 1);
	assert_memory_equal(result.text, "0123456\n0123456\n", 16);
}

/* Neither the environment nor ignored signals are handed on. */
static void starts_clean(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	setenv("OF_SOMEBODY", "1", 1);
	assert_int_equal(shell("env | grep -c SOMEBODY; kill -PIPE $$; echo still here", NULL), 0);
	assert_int_equal(result.status, 128 + SIGPIPE);
	assert_string_equal(result.text, "0");
}

static void only_the_systems_programs(void **state)
{
	const char *const argv[] = {"imdsnitch-no-such-program", NULL};

	setenv("PATH", "/tmp", 1);
	assert_true(run_has("sh"));
	assert_false(run_has(argv[0]));
	assert_int_equal(run_program(argv, NULL, &result), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_and_text),           cmocka_unit_test(input),
		cmocka_unit_test(text_is_bounded),           cmocka_unit_test(starts_clean),
		cmocka_unit_test(only_the_systems_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
