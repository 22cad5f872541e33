/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sink/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NS 1000000000ull

static void utc_in_microseconds(void **state)
{
	char text[STAMP_UTC];

	assert_string_equal(stamp_utc(0, text), "1970-01-01T00:00:00.000000Z");
	assert_string_equal(stamp_utc(1795352271123456789ull, text), "2026-11-22T12:57:51.123456Z");
	assert_string_equal(stamp_utc(951782400 * NS + 999, text), "2000-02-29T00:00:00.000000Z");
	assert_string_equal(stamp_utc(4107542399 * NS + 999999999, text), "2100-02-28T23:59:59.999999Z");
}

/* Against the C library, at an odd step over 200 years. */
static void utc_is_what_gmtime_says(void **state)
{
	for (uint64_t s = 0; s < 6311433600ull; s += 86399 * 3) {
		time_t t = (time_t)s;
		char text[STAMP_UTC], expected[80];
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
		assert_string_equal(stamp_utc(s * NS, text), expected);
	}
}

static void local_follows_the_zone(void **state)
{
	char local[STAMP_LOCAL], clock[STAMP_CLOCK];

	setenv("TZ", "XXX-5:30", 1);
	tzset();
	assert_string_equal(stamp_local(1795352271123456789ull, local), "2026-11-22T18:27:51");
	assert_string_equal(stamp_clock(1795352271123456789ull, clock), "18:27:51.123");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utc_in_microseconds),
		cmocka_unit_test(utc_is_what_gmtime_says),
		cmocka_unit_test(local_follows_the_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
