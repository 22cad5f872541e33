/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/buffer.h"
#include "sink/args.h"

static void append(void *context, struct span piece)
{
	buffer_span(context, piece);
}

static void quoted(struct span args, const char *expected)
{
	struct process p = {.args = (char *)args.data, .args_length = args.length};
	struct buffer b = {0};

	args_quote(args_of(&p, SIZE_MAX), append, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

static void quotes_as_a_shell_reads(void **state)
{
	quoted(SPAN_LITERAL("curl\0-s\0http://h/a,b:%@+=_\0"), "curl -s http://h/a,b:%@+=_");
	quoted(SPAN_LITERAL("a b\0"), "'a b'");
	quoted(SPAN_LITERAL("a\0b\0"), "a b");
	quoted(SPAN_LITERAL("a\0\0b\0"), "a '' b");
	quoted(SPAN_LITERAL("it's\0"), "'it'\\''s'");
	quoted(SPAN_LITERAL("'\0"), "''\\'''");
	quoted(SPAN_LITERAL("$x `y` \"z\" \\ ~ * ! # ;\0"), "'$x `y` \"z\" \\ ~ * ! # ;'");
	quoted(SPAN_LITERAL("no end"), "'no end'");
	quoted(SPAN_LITERAL("caf\xc3\xa9\0"), "'caf\xc3\xa9'");
}

static void nothing_known_is_nothing(void **state)
{
	struct process p = {.args_length = 7};
	struct args a = args_of(&p, 100);
	struct span arg;

	assert_false(args_next(&a, &arg));
	assert_false(a.cut);
}

static void a_bound_is_kept_and_said(void **state)
{
	struct process p = {.args = (char *)"abc\0defgh", .args_length = 10};
	struct args a = args_of(&p, 6);
	struct span arg;

	assert_true(a.cut);
	assert_true(args_next(&a, &arg));
	assert_true(span_equal(arg, SPAN_LITERAL("abc")));
	assert_true(args_next(&a, &arg));
	assert_true(span_equal(arg, SPAN_LITERAL("de")));
	assert_false(args_next(&a, &arg));
	assert_false(args_of(&p, 10).cut);
	p.args_truncated = true;
	assert_true(args_of(&p, 10).cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_as_a_shell_reads),
		cmocka_unit_test(nothing_known_is_nothing),
		cmocka_unit_test(a_bound_is_kept_and_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
