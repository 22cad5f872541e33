/* SPDX-License-Identifier: Apache-2.0 */
/* Many requests that wait for their answers. */
#include "unit.h"

#include <stdio.h>

#include "records.h"

static void long_pipelines_pair_right(void **state)
{
	static const char head[] = "HEAD /a HTTP/1.1\r\n\r\n", get[] = "GET /b HTTP/1.1\r\n\r\n";
	uint32_t out = 0, in = 0;
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	for (int i = 0; i < 200; i++) {
		const char *text = i % 3 ? get : head;

		feed_stream(&f, 7, 0, out, text, strlen(text), 0x18);
		out += (uint32_t)strlen(text);
	}
	assert_int_equal(f.calls, 200 - 64);
	assert_int_equal(f.last->answer, ANSWER_UNPAIRED);
	for (int i = 0; i < 200; i++) {
		char text[64];
		int n = snprintf(text, sizeof(text), "HTTP/1.1 %d x\r\nContent-Length: 3\r\n\r\n%s", 400 + i,
				 i % 3 ? "abc" : "");

		feeder_reset(&f);
		feed_stream(&f, 7, RECORD_F_INGRESS, in, text, (size_t)n, 0x18);
		in += (uint32_t)n;
		assert_int_equal(f.calls, i >= 200 - 64);
		if (i >= 200 - 64)
			assert_int_equal(f.last->status, 400 + i);
	}
	feeder_done(&f);
}

/* Half an answer, and then more requests than are followed up: whose half it is is not known. */
static void half_an_answer_before_too_many(void **state)
{
	static const char get[] = "GET /b HTTP/1.1\r\n\r\n", half[] = "HTTP/1.1 20";
	uint32_t out = 0;
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, out, get, strlen(get), 0x18);
	feed_stream(&f, 7, RECORD_F_INGRESS, 0, half, strlen(half), 0x18);
	for (int i = 1; i < 2000; i++) {
		out += (uint32_t)strlen(get);
		feed_stream(&f, 7, 0, out, get, strlen(get), 0x18);
	}
	feed_close(&f, 7, 0, 0);
	assert_int_equal(f.calls, 2000);
	assert_int_equal(f.cut, 0);
	assert_int_equal(f.last->answer, ANSWER_UNPAIRED);
	feeder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_pipelines_pair_right),
		cmocka_unit_test(half_an_answer_before_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
