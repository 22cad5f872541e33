/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sample.h"
#include "sink/level.h"

static enum level level_of(enum call_version version, enum call_verdict verdict)
{
	struct sample s;

	sample_full(&s);
	s.call.version = version;
	s.call.verdict = verdict;
	return call_level(&s.call);
}

static void the_version_decides(void **state)
{
	assert_int_equal(level_of(VERSION_V1, VERDICT_OBSERVED), LEVEL_WARNING);
	assert_int_equal(level_of(VERSION_V2, VERDICT_OBSERVED), LEVEL_INFO);
	assert_int_equal(level_of(VERSION_NONE, VERDICT_ALLOWED), LEVEL_INFO);
	assert_int_equal(level_of(VERSION_UNKNOWN, VERDICT_ALLOWED), LEVEL_ERROR);
}

static void a_verdict_only_raises_it(void **state)
{
	assert_int_equal(level_of(VERSION_V2, VERDICT_WOULD_DENY), LEVEL_WARNING);
	assert_int_equal(level_of(VERSION_V1, VERDICT_WOULD_DENY), LEVEL_WARNING);
	assert_int_equal(level_of(VERSION_UNKNOWN, VERDICT_WOULD_DENY), LEVEL_ERROR);
	assert_int_equal(level_of(VERSION_V2, VERDICT_DENIED), LEVEL_ERROR);
	assert_int_equal(level_of(VERSION_NONE, VERDICT_DENIED), LEVEL_ERROR);
}

/* A search for warnings finds every v1 call, credentials included. */
static void credentials_over_v1_are_a_warning(void **state)
{
	struct sample s;

	sample_full(&s);
	s.call.verdict = VERDICT_OBSERVED;
	assert_true(call_is_alert(&s.call));
	assert_int_equal(call_level(&s.call), LEVEL_WARNING);
}

static void levels_have_names(void **state)
{
	assert_string_equal(level_name(LEVEL_ALERT), "ALERT");
	assert_string_equal(level_name(LEVEL_ERROR), "ERROR");
	assert_string_equal(level_name(LEVEL_WARNING), "WARNING");
	assert_string_equal(level_name(LEVEL_INFO), "INFO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_decides),
		cmocka_unit_test(a_verdict_only_raises_it),
		cmocka_unit_test(credentials_over_v1_are_a_warning),
		cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
