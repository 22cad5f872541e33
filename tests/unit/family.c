/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "metrics/family.h"

#include <stdio.h>

static struct words names, kinds;

static struct family counter(unsigned limit)
{
	words_init(&names, "unknown", NULL);
	words_init(&kinds, "none", NULL);
	return (struct family){.name = "t_total",
			       .help = "A test.",
			       .labels = 2,
			       .label = {"kind", "name"},
			       .words = {&kinds, &names},
			       .limit = limit,
			       .fold = {1U << 1, ~0U}};
}

static struct series at(const char *kind, const char *name)
{
	return (struct series){.word = {words_take(&kinds, span_of(kind)), words_take(&names, span_of(name))}};
}

static void add(struct family *f, const char *kind, const char *name)
{
	struct series s = at(kind, name);

	assert_true(family_count(f, &s));
}

static void expect(const struct family *f, const char *expected)
{
	struct buffer b = {0};

	family_write(f, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

#define HEAD "# HELP t_total A test.\n# TYPE t_total counter\n"

static void series_are_in_the_order_of_their_text(void **state)
{
	struct family f = counter(100);

	expect(&f, HEAD);
	add(&f, "b", "z");
	add(&f, "b", "a");
	add(&f, "a", "z");
	add(&f, "b", "a");
	add(&f, NULL, "q");
	add(&f, "c", NULL);
	expect(&f, HEAD "t_total{kind=\"a\",name=\"z\"} 1\n"
			"t_total{kind=\"b\",name=\"a\"} 2\n"
			"t_total{kind=\"b\",name=\"z\"} 1\n"
			"t_total{kind=\"c\",name=\"unknown\"} 1\n"
			"t_total{kind=\"none\",name=\"q\"} 1\n");
	assert_int_equal(family_sum(&f), 6);
	family_done(&f);
}

/* Nothing is ever left out of the sum. */
static void beyond_the_limit_labels_are_folded(void **state)
{
	struct family f = counter(2);

	add(&f, "a", "x");
	add(&f, "a", "y");
	add(&f, "a", "z");
	add(&f, "b", "x");
	add(&f, "c", "x");
	add(&f, "d", "x");
	add(&f, "a", "x"); /* what has its series keeps it */
	expect(&f, HEAD "t_total{kind=\"a\",name=\"other\"} 1\n"
			"t_total{kind=\"a\",name=\"x\"} 2\n"
			"t_total{kind=\"a\",name=\"y\"} 1\n"
			"t_total{kind=\"b\",name=\"other\"} 1\n"
			"t_total{kind=\"other\",name=\"other\"} 2\n");
	assert_int_equal(family_sum(&f), 7);
	family_done(&f);
}

static void many_series_stay_bounded(void **state)
{
	struct family f = counter(1000);
	char kind[8], name[8];

	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < 60; k++) {
			snprintf(kind, sizeof(kind), "k%u", i);
			snprintf(name, sizeof(name), "n%u", k);
			add(&f, kind, name);
		}
	}
	assert_in_range(f.count, 1000, 2000);
	assert_int_equal(family_sum(&f), 3600);
	family_done(&f);
}

static void escapes_label_values(void **state)
{
	struct buffer b = {0};

	family_escape(&b, "a\\b\"c\nd\xc3\xa9{}");
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, "a\\\\b\\\"c\\nd\xc3\xa9{}");
	buffer_done(&b);
}

static void seconds_are_exact(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "0.000000001"},
		{500000, "0.0005"},
		{1000000000, "1"},
		{1237000000, "1.237"},
		{1795352271123456789ull, "1795352271.123456789"},
		{UINT64_MAX, "18446744073.709551615"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer b = {0};

		family_seconds(&b, cases[i].ns);
		buffer_byte(&b, '\0');
		assert_string_equal(b.data, cases[i].text);
		buffer_done(&b);
	}
}

static void buckets_are_cumulative(void **state)
{
	/* One on each bound, one above, one of no time, one for ever. */
	static const uint64_t times[] = {0, 500000, 500001, 10000000000, 10000000001, 60000000000};
	struct family f = counter(10);
	struct series s = at("a", "x");

	f.name = "t_seconds";
	f.histogram = true;
	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_true(family_observe(&f, &s, times[i]));
	assert_int_equal(family_sum(&f), 6);
	expect(&f, "# HELP t_seconds A test.\n# TYPE t_seconds histogram\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.0005\"} 2\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.001\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.0025\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.005\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.01\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.025\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.05\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.1\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.25\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"0.5\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"1\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"2.5\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"5\"} 3\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"10\"} 4\n"
		   "t_seconds_bucket{kind=\"a\",name=\"x\",le=\"+Inf\"} 6\n"
		   "t_seconds_sum{kind=\"a\",name=\"x\"} 80.001000002\n"
		   "t_seconds_count{kind=\"a\",name=\"x\"} 6\n");
	family_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(series_are_in_the_order_of_their_text),
		cmocka_unit_test(beyond_the_limit_labels_are_folded),
		cmocka_unit_test(many_series_stay_bounded),
		cmocka_unit_test(escapes_label_values),
		cmocka_unit_test(seconds_are_exact),
		cmocka_unit_test(buckets_are_cumulative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
