/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "call/credentials.h"

static struct credentials c;

static bool parse(const char *text)
{
	return credentials_parse(&c, span_of(text));
}

static void real_answers(void **state)
{
	assert_true(parse("{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAX\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
			  "\"Expiration\":\"2026-01-01T00:00:00Z\"}"));
	assert_string_equal(c.access_key_id, "ASIAX");
	assert_string_equal(c.expiration, "2026-01-01T00:00:00Z");
	assert_true(parse("{\"AccessKeyId\":\"A\"}"));
	assert_string_equal(c.expiration, "");
}

static void hostile_answers(void **state)
{
	char deep[CREDENTIALS_BODY_MAX + 2], text[300];

	assert_false(parse(""));
	assert_false(parse("role-name"));
	assert_false(parse("[]"));
	assert_false(parse("null"));
	assert_false(parse("{\"AccessKeyId\":5}"));
	assert_false(parse("{\"AccessKeyId\":{\"a\":[]}}"));
	assert_false(parse("{\"AccessKeyId\":\"a\\u001b[2J\"}"));
	assert_false(parse("{\"AccessKeyId\":\"a b\"}"));
	snprintf(text, sizeof(text), "{\"AccessKeyId\":\"%0200d\"}", 1);
	assert_false(parse(text));
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_false(parse(deep));
	deep[CREDENTIALS_BODY_MAX / 2] = '\0';
	assert_false(parse(deep));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_answers),
		cmocka_unit_test(hostile_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
