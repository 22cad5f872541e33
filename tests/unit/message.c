/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "call/message.h"

static struct budget budget;
static struct message_pool pool;

static struct message *feed(const char *text, enum head_result expected)
{
	struct message *m = message_take(&pool, HEAD_REQUEST);
	size_t used;

	assert_int_equal(message_feed(m, &budget, text, strlen(text), &used), expected);
	return m;
}

static int begin(void **state)
{
	budget = (struct budget){.max = 1 << 20};
	pool = (struct message_pool){.budget = &budget};
	return 0;
}

static int end(void **state)
{
	message_pool_done(&pool);
	assert_int_equal(budget.used, 0);
	return 0;
}

static void keeps_the_text_without_secrets(void **state)
{
	struct message *m =
		feed("\r\nGET /x HTTP/1.1\r\nA: b\r\nX-aws-ec2-metadata-token:  abc d \r\nUser-Agent: me \r\n\r\nrest",
		     HEAD_DONE);

	assert_true(span_equal(message_text(m),
			       SPAN_LITERAL("GET /x HTTP/1.1\r\nA: b\r\nX-aws-ec2-metadata-token:  " MASK_TEXT
					    "\r\nUser-Agent: me \r\n")));
	assert_true(span_equal(message_target(m), SPAN_LITERAL("/x")));
	assert_true(span_equal(message_agent(m), SPAN_LITERAL("me")));
	assert_true(span_equal(buffer_view(&m->secrets), (struct span){"abc d", 6}));
	assert_false(m->cut);
	message_give(&pool, m);
}

static void unfinished_text(void **state)
{
	struct message *m = feed("GET /x HTTP/1.1\nA: b", HEAD_MORE);

	assert_true(span_equal(message_text(m), SPAN_LITERAL("GET /x HTTP/1.1\nA: b")));
	assert_null(message_agent(m).data);
	message_give(&pool, m);
	m = feed("GET /x\r\n", HEAD_DONE);
	assert_true(span_equal(message_text(m), SPAN_LITERAL("GET /x\r\n")));
	message_give(&pool, m);
}

static void text_is_bounded(void **state)
{
	char text[2 * HEAD_TEXT_MAX] = "GET /x HTTP/1.1\r\nA: ";
	struct message *m;

	memset(text + 20, 'a', sizeof(text) - 60);
	strcpy(text + sizeof(text) - 40, "\r\nUser-Agent: x\r\nCookie: y\r\n\r\n");
	m = feed(text, HEAD_DONE);
	assert_true(m->cut);
	assert_true(message_text(m).length <= HEAD_TEXT_MAX + MASK_LENGTH);
	assert_null(message_agent(m).data);
	assert_true(m->head.seen & HEADER_COOKIE);
	message_give(&pool, m);
	assert_true(budget.used <= 4096);
}

static void over_the_budget(void **state)
{
	struct message *m;

	budget.max = 0;
	m = feed("GET /x HTTP/1.1\r\nX-aws-ec2-metadata-token: a\r\n\r\n", HEAD_DONE);
	assert_true(m->cut && m->secret_cut);
	assert_true(m->head.seen & HEADER_AWS_TOKEN);
	assert_int_equal(message_text(m).length, 0);
	assert_null(message_target(m).data);
	message_give(&pool, m);
}

static void spare_messages_are_wiped(void **state)
{
	struct message *m = feed("GET /x HTTP/1.1\r\nCookie: confidential\r\n\r\n", HEAD_DONE), *again;
	const char *secrets = m->secrets.data;

	message_give(&pool, m);
	assert_null(memmem(secrets, 13, "conf", 4));
	again = message_take(&pool, HEAD_REQUEST);
	assert_ptr_equal(m, again);
	assert_int_equal(again->text.length + again->secrets.length, 0);
	message_give(&pool, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_the_text_without_secrets, begin, end),
		cmocka_unit_test_setup_teardown(unfinished_text, begin, end),
		cmocka_unit_test_setup_teardown(text_is_bounded, begin, end),
		cmocka_unit_test_setup_teardown(over_the_budget, begin, end),
		cmocka_unit_test_setup_teardown(spare_messages_are_wiped, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
