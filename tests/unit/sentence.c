/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "sample.h"
#include "sink/sentence.h"

static void append(void *context, struct span piece)
{
	buffer_span(context, piece);
}

static void says(const struct sample *s, const char *expected)
{
	struct buffer b = {0};

	sentence_call(&s->call, append, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

static void requests(void **state)
{
	struct sample s;

	sample_full(&s);
	s.call.verdict = VERDICT_OBSERVED;
	s.call.target = SPAN_LITERAL("/latest/");
	says(&s, "curl(6028) called ec2 over v1: GET /latest/, status 200");
	s.call.version = VERSION_V2;
	s.call.status = 401;
	says(&s, "curl(6028) called ec2 over v2: GET /latest/, status 401");
	s.call.has_response = false;
	says(&s, "curl(6028) called ec2 over v2: GET /latest/, no answer");
	s.call.verdict = VERDICT_DENIED;
	says(&s, "curl(6028) called ec2 over v2: GET /latest/, denied by rules.conf:3");
	s.call.version = VERSION_NONE;
	s.call.verdict = VERDICT_WOULD_DENY;
	says(&s, "curl(6028) called ec2: GET /latest/, no answer (would be denied by rules.conf:3)");
	s.call.rule = (struct span){0};
	says(&s, "curl(6028) called ec2: GET /latest/, no answer (would be denied)");
}

static void what_became_of_the_answer(void **state)
{
	static const char *const words[] = {
		[ANSWER_NONE] = "no answer",
		[ANSWER_CUT] = "answer incomplete",
		[ANSWER_NOT_HTTP] = "answer was not HTTP",
		[ANSWER_BARE] = "answer without a status",
		[ANSWER_UNPAIRED] = "answer not followed up",
	};
	struct sample s;

	sample_full(&s);
	s.call.verdict = VERDICT_OBSERVED;
	s.call.target = SPAN_LITERAL("/");
	s.call.has_response = false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		char expected[80];

		snprintf(expected, sizeof(expected), "curl(6028) called ec2 over v1: GET /, %s", words[i]);
		s.call.answer = (enum call_answer)i;
		says(&s, expected);
	}
	s.call.answer = ANSWER_NONE;
	s.call.complete = false;
	says(&s, "curl(6028) called ec2 over v1: GET /, no answer seen");
}

static void what_is_unknown_is_named_so(void **state)
{
	struct sample s;

	sample_bare(&s);
	s.call.version = VERSION_UNKNOWN;
	says(&s, "unknown process called the metadata service, version unknown: request of an unknown path, no answer");
}

static void connects(void **state)
{
	struct sample s;

	sample_full(&s);
	s.call.action = CALL_CONNECT;
	s.call.reason = SPAN_LITERAL("ECONNREFUSED");
	says(&s, "curl(6028) connected to ec2, without a request: ECONNREFUSED (would be denied by rules.conf:3)");
	s.call.verdict = VERDICT_OBSERVED;
	says(&s, "curl(6028) connected to ec2, without a request: ECONNREFUSED");
	s.call.reason = (struct span){0};
	s.call.has_response = false;
	s.call.verdict = VERDICT_DENIED;
	says(&s, "curl(6028) tried to reach ec2: denied by rules.conf:3");
	s.call.reason = SPAN_LITERAL("denied by rules.conf:3");
	says(&s, "curl(6028) tried to reach ec2: denied by rules.conf:3");
}

static void long_targets_are_cut(void **state)
{
	static char target[5000];
	struct buffer b = {0};
	struct sample s;

	memset(target, 'x', sizeof(target));
	sample_full(&s);
	s.call.target = (struct span){target, sizeof(target)};
	sentence_call(&s.call, append, &b);
	assert_true(b.length < 600);
	buffer_done(&b);
}

static void stats(void **state)
{
	const struct stats s = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
	struct buffer b = {0};

	sentence_stats(&s, append, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, "1 calls (2 v1, 3 v2, 4 unknown), 5 connections without a request, 11 denied, 13 "
				    "would be denied, 6 lost, "
				    "7 truncated, 8 evicted, 9 open at start, 12 unwritten in 10 s");
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(what_became_of_the_answer),
		cmocka_unit_test(what_is_unknown_is_named_so),
		cmocka_unit_test(connects),
		cmocka_unit_test(long_targets_are_cut),
		cmocka_unit_test(stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
