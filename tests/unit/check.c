/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "guard/check.h"

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

/* The line of the rule that hides the last one, 0: none; -1: the last one is impossible. */
static int last(const char *text)
{
	struct rules *r = NULL;
	unsigned hidden;
	int line;

	assert_int_equal(rules_parse("f", span_of(text), NULL, no_mistake, NULL, &r), 0);
	hidden = check_hidden(r, r->count - 1);
	line = hidden == TABLE_NONE ? 0 : (int)r->rule[hidden].line;
	if (check_impossible(&r->rule[r->count - 1]))
		line = -1;
	rules_free(r);
	return line;
}

static void hidden(void **state)
{
	assert_int_equal(last("allow\ndeny user 33\n"), 1);
	assert_int_equal(last("deny v1\nallow user 0\ndeny v1 user 33\n"), 1);
	assert_int_equal(last("allow user 0-99\nallow user 33,34\n"), 1);
	assert_int_equal(last("deny path /latest\nallow path /LATEST/user-data\n"), 1);
	assert_int_equal(last("deny path /*/user-data\nallow path /latest/user-data/x\n"), 1);
	assert_int_equal(last("deny path /\nallow path /latest\n"), 1);
	assert_int_equal(last("deny exe /usr/**\nallow exe /usr/bin/curl\n"), 1);
	assert_int_equal(last("deny unit n*.service\nallow unit nginx.service user 33\n"), 1);
	assert_int_equal(last("deny container *\nallow container web\n"), 1);
	assert_int_equal(last("deny cgroup /a\nallow cgroup /a/b,/a\n"), 1);
	assert_int_equal(last("deny address 169.254.0.0/16\nallow address 169.254.169.254\n"), 1);
	assert_int_equal(last("deny not v1\nallow v2\n"), 1);
	assert_int_equal(last("deny not exe /usr/bin/curl\nallow not exe /usr/bin/curl,/bin/x\n"), 1);
	assert_int_equal(last("deny not user 33\nallow user 34\n"), 1);
}

static void not_hidden(void **state)
{
	assert_int_equal(last("allow user 33\ndeny\n"), 0);
	assert_int_equal(last("deny v1\nallow user 0\n"), 0);
	assert_int_equal(last("deny path /latest/user-data\nallow path /latest\n"), 0);
	assert_int_equal(last("deny path /latest/user\nallow path /latest/user-data\n"), 0);
	assert_int_equal(last("deny path /latest\nallow path /*\n"), 0);
	assert_int_equal(last("deny cgroup /a\nallow cgroup /ab\n"), 0);
	assert_int_equal(last("deny address ::/0\nallow address 169.254.169.254\n"), 0);
	assert_int_equal(last("deny not v1\nallow v1\n"), 0);
	assert_int_equal(last("deny not group 4\nallow group 5\n"), 0);
	assert_int_equal(last("deny exe /usr/*/curl\nallow exe /usr/**\n"), 0);
}

/* What is not known is for the deny, so it is not hidden by an allow that needs to know it. */
static void doubt(void **state)
{
	assert_int_equal(last("allow exe /usr/bin/curl\ndeny exe /usr/bin/curl\n"), 0);
	assert_int_equal(last("allow user 33\ndeny user 33\n"), 1);
	assert_int_equal(last("allow v1\nallow v1 user 33\n"), 1);
}

static void impossible(void **state)
{
	assert_int_equal(last("deny user 33 user 34\n"), -1);
	assert_int_equal(last("deny user 33 not user 0-99\n"), -1);
	assert_int_equal(last("allow class token class credentials\n"), -1);
	assert_int_equal(last("deny class token class credentials\n"), 0);
	assert_int_equal(last("allow v1 not v1\n"), -1);
	assert_int_equal(last("allow group 4 group 5\n"), 0);
	assert_int_equal(last("allow not user 33 not user 34\n"), 0);
	assert_int_equal(last("allow exe /a/* exe /*/b\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hidden),
		cmocka_unit_test(not_hidden),
		cmocka_unit_test(doubt),
		cmocka_unit_test(impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
