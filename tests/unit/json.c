/* SPDX-License-Identifier: Apache-2.0 */
/* The writer (src/base/json.c); the event is in sink_json.c. */
#include "unit.h"

#include "base/json.h"

#include <jansson.h>

static void expect(struct buffer *b, const char *expected)
{
	json_error_t error;
	json_t *value;

	assert_int_equal(b->length, strlen(expected));
	assert_memory_equal(b->data, expected, b->length);
	value = json_loadb(b->data, b->length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	assert_non_null(value);
	json_decref(value);
	buffer_reset(b);
}

static void writes_every_kind(void **state)
{
	struct buffer b = {0};
	struct json j = json_into(&b);

	json_open_object(&j, NULL);
	json_put_text(&j, "a", "x\"y");
	json_put_number(&j, "b", 0);
	json_put_number(&j, "c", INT64_MAX);
	json_put_bool(&j, "d", true);
	json_put_bool(&j, "e", false);
	json_open_array(&j, "f");
	json_put_span(&j, NULL, SPAN_LITERAL(""));
	json_put_number(&j, NULL, 10);
	json_open_object(&j, NULL);
	json_put_number_text(&j, "g", 7);
	json_close_object(&j);
	json_close_array(&j);
	json_open_string(&j, "h");
	json_put_part(&j, SPAN_LITERAL("one "));
	json_put_part(&j, SPAN_LITERAL("\ntwo"));
	json_close_string(&j);
	json_put_plain(&j, "i", "z");
	json_close_object(&j);
	expect(&b, "{\"a\":\"x\\\"y\",\"b\":0,\"c\":9223372036854775807,\"d\":true,\"e\":false,"
		   "\"f\":[\"\",10,{\"g\":\"7\"}],\"h\":\"one \\ntwo\",\"i\":\"z\"}");
	buffer_done(&b);
}

static void what_is_unknown_leaves_no_trace(void **state)
{
	struct buffer b = {0};
	struct json j = json_into(&b);

	json_open_object(&j, NULL);
	json_open_object(&j, "empty");
	json_open_object(&j, "inner");
	json_put_text(&j, "none", NULL);
	json_put_plain(&j, "none", NULL);
	json_put_span(&j, "none", (struct span){0});
	json_close_object(&j);
	json_close_object(&j);
	json_put_number(&j, "a", 1);
	json_open_array(&j, "none");
	json_close_array(&j);
	json_put_number(&j, "b", 2);
	json_close_object(&j);
	expect(&b, "{\"a\":1,\"b\":2}");
	buffer_done(&b);
}

static void the_outermost_stays(void **state)
{
	struct buffer b = {0};
	struct json j = json_into(&b);

	json_open_object(&j, NULL);
	json_close_object(&j);
	expect(&b, "{}");
	buffer_done(&b);
}

static void memory_running_out_is_survived(void **state)
{
	struct buffer b = {.failed = true};
	struct json j = json_into(&b);

	json_open_object(&j, NULL);
	json_put_text(&j, "a", "b");
	json_open_object(&j, "c");
	json_close_object(&j);
	json_close_object(&j);
	assert_int_equal(b.length, 0);
	assert_true(b.failed);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_every_kind),
		cmocka_unit_test(what_is_unknown_leaves_no_trace),
		cmocka_unit_test(the_outermost_stays),
		cmocka_unit_test(memory_running_out_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
