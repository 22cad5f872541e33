/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "call/cause.h"

static struct process process(uint32_t pid, uint64_t start)
{
	return (struct process){.pid = pid, .start = start};
}

static void by_the_last_token_request(void **state)
{
	struct causes *c = causes_new(8, 100);
	struct process p = process(1, 50), recycled = process(1, 60);

	assert_int_equal(causes_judge(c, &p, false), CAUSE_UNKNOWN);
	assert_int_equal(causes_judge(c, &p, true), CAUSE_NO_TOKEN_SUPPORT);
	causes_token_sent(c, &p);
	assert_int_equal(causes_judge(c, &p, true), CAUSE_TOKEN_UNANSWERED);
	causes_token_answered(c, &p, 403);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_TOKEN_REFUSED);
	assert_int_equal(causes_judge(c, &recycled, false), CAUSE_UNKNOWN);
	causes_token_answered(c, &p, 0);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_TOKEN_UNANSWERED);
	causes_token_answered(c, &p, 200);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_UNKNOWN);
	causes_free(c);
}

static void absence_counts_only_for_a_life_seen_whole(void **state)
{
	struct causes *c = causes_new(8, 100), *blind = causes_new(8, 0);
	struct process young = process(1, 100), old = process(2, 99), nobody = process(0, 200);

	assert_int_equal(causes_judge(c, &young, false), CAUSE_NO_TOKEN_SUPPORT);
	assert_int_equal(causes_judge(c, &old, false), CAUSE_UNKNOWN);
	assert_int_equal(causes_judge(c, &nobody, false), CAUSE_UNKNOWN);
	assert_int_equal(causes_judge(blind, &young, false), CAUSE_UNKNOWN);
	causes_missed(c, &young, 0);
	assert_int_equal(causes_judge(c, &young, false), CAUSE_UNKNOWN);
	young = process(3, 150);
	causes_missed(c, &nobody, 150);
	assert_int_equal(causes_judge(c, &young, false), CAUSE_UNKNOWN);
	young = process(3, 151);
	assert_int_equal(causes_judge(c, &young, false), CAUSE_NO_TOKEN_SUPPORT);
	causes_free(c);
	causes_free(blind);
}

static void forgetting_is_not_guessing(void **state)
{
	struct causes *c = causes_new(4, 100);
	struct process p;

	for (uint32_t i = 1; i <= 1000; i++) {
		p = process(i, 100 + i);
		causes_token_sent(c, &p);
	}
	p = process(996, 1096);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_UNKNOWN);
	p = process(997, 1097);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_TOKEN_UNANSWERED);
	p = process(5000, 1096);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_UNKNOWN);
	p = process(5000, 1097);
	assert_int_equal(causes_judge(c, &p, false), CAUSE_NO_TOKEN_SUPPORT);
	causes_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_last_token_request),
		cmocka_unit_test(absence_counts_only_for_a_life_seen_whole),
		cmocka_unit_test(forgetting_is_not_guessing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
