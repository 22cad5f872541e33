/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sample.h"
#include "sink/filter.h"

#include <errno.h>

/* Does a filter of one value let the call pass? */
static bool passes(const struct sample *s, const char *name, const char *value)
{
	struct filter f = {0};
	const char *error = NULL;
	bool match;

	if (filter_add(&f, name, value, &error) != 0)
		fail_msg("%s", error ? error : "no error text");
	assert_null(error);
	match = filter_match(&f, &s->call);
	filter_done(&f);
	return match;
}

static void each_filter(void **state)
{
	static const struct {
		const char *name, *value;
		bool match;
	} rows[] = {
		{"version", "v1", true},
		{"version", "v2", false},
		{"version", "unknown", false},
		{"class", "credentials", true},
		{"class", "token", false},
		{"class", "other", false},
		{"pid", "6028", true},
		{"pid", "6027", false},
		{"user", "root", true},
		{"user", "0", true},
		{"user", "1", false},
		{"user", "roo", false},
		{"program", "curl", true},
		{"program", "cur?", true},
		{"program", "/usr/*", true},
		{"program", "/usr/bin/curl", true},
		{"program", "*url", true},
		{"program", "bin", false},
		{"program", "url", false},
		{"container", "0123", true},
		{"container", "0123456789ab", true},
		{"container", "123456", false},
		{"unit", "web-backend.service", true},
		{"unit", "web-backend", true},
		{"unit", "web-*", true},
		{"unit", "web", false},
		{"unit", "backend", false},
		{"status", "200", true},
		{"status", "2xx", true},
		{"status", "2XX", true},
		{"status", "100-200", true},
		{"status", "200-299", true},
		{"status", "201-299", false},
		{"status", "404", false},
		{"status", "4xx", false},
		{"status", "none", false},
		{"service", "ec2", true},
		{"service", "ecs", false},
	};
	struct sample s;

	sample_full(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (passes(&s, rows[i].name, rows[i].value) != rows[i].match)
			fail_msg("--%s %s", rows[i].name, rows[i].value);
}

static void program_is_known_by_any_of_its_names(void **state)
{
	struct sample s;

	sample_full(&s);
	strcpy(s.caller.process.name, "worker-7");
	s.caller.process.executable = (char *)"/usr/bin/python3.11";
	assert_true(passes(&s, "program", "worker-*"));
	assert_true(passes(&s, "program", "python3*"));
	assert_true(passes(&s, "program", "*/python3.11"));
	assert_false(passes(&s, "program", "/usr/bin"));
}

static void unknown_matches_nothing(void **state)
{
	static const char *const rows[][2] = {
		{"version", "v1"}, {"version", "unknown"}, {"class", "other"}, {"pid", "1"},
		{"user", "0"},     {"user", "root"},       {"program", "*"},   {"container", "0000"},
		{"unit", "*"},     {"status", "0xx"},      {"service", "ec2"},
	};
	struct sample s;

	sample_bare(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (passes(&s, rows[i][0], rows[i][1]))
			fail_msg("--%s %s", rows[i][0], rows[i][1]);
	assert_true(passes(&s, "status", "none"));
}

static void connects(void **state)
{
	struct sample s;

	sample_full(&s);
	s.call.action = CALL_CONNECT;
	s.call.version = VERSION_NONE;
	s.call.class = CLASS_NONE;
	s.call.has_response = false;
	assert_true(passes(&s, "user", "root"));
	assert_true(passes(&s, "service", "ec2"));
	assert_true(passes(&s, "status", "none"));
	assert_false(passes(&s, "status", "0-999"));
	assert_false(passes(&s, "version", "unknown"));
	assert_false(passes(&s, "class", "other"));
}

static void short_container_names(void **state)
{
	struct sample s;

	sample_full(&s);
	s.caller.container_id = (char *)"web";
	assert_true(passes(&s, "container", "web"));
	assert_false(passes(&s, "container", "we"));
	s.caller.container_id = (char *)"web-7";
	assert_false(passes(&s, "container", "web"));
	assert_true(passes(&s, "container", "web-"));
}

static void add(struct filter *f, const char *name, const char *value)
{
	const char *error = NULL;

	assert_int_equal(filter_add(f, name, value, &error), 0);
}

static void values_are_alternatives_filters_are_not(void **state)
{
	struct filter f = {0};
	struct sample s;

	sample_full(&s);
	assert_true(filter_match(&f, &s.call));
	add(&f, "version", "v2");
	assert_false(filter_match(&f, &s.call));
	add(&f, "user", "nobody");
	add(&f, "version", "v1"); /* not next to the other one: they belong together all the same */
	assert_false(filter_match(&f, &s.call));
	add(&f, "user", "root");
	assert_true(filter_match(&f, &s.call));
	add(&f, "status", "404");
	assert_false(filter_match(&f, &s.call));
	add(&f, "status", "2xx");
	assert_true(filter_match(&f, &s.call));
	add(&f, "status", "5xx"); /* the first, the last or one between may be the one that matches */
	assert_true(filter_match(&f, &s.call));
	filter_done(&f);
}

static void bad_values(void **state)
{
	static const char *const rows[][3] = {
		{"status", "abc", "expected 404, 4xx, 400-499 or none"},
		{"status", "", "expected 404, 4xx, 400-499 or none"},
		{"status", "499-400", NULL},
		{"status", "1000", NULL},
		{"status", "-1", NULL},
		{"status", "4xxx", NULL},
		{"status", "400-", NULL},
		{"status", "-400", NULL},
		{"status", "0400-499", NULL},
		{"status", "400 -499", NULL},
		{"status", "404x", NULL},
		{"version", "1", "expected v1, v2 or unknown"},
		{"class", "creds", NULL},
		{"pid", "0", NULL},
		{"pid", "abc", NULL},
		{"pid", "-1", NULL},
		{"pid", " 1", NULL},
		{"pid", "4294967296", NULL},
		{"pid", "99999999999999999999", NULL},
		{"user", "", NULL},
		{"user", "0x", NULL},
		{"user", "4294967296", NULL},
		{"program", "", NULL},
		{"container", "abc", NULL},
		{"container", "", NULL},
		{"unit", "", NULL},
		{"service", "ec3", "expected the name of a metadata service, as ec2 or ecs"},
		{"colour", "x", "there is no such filter"},
	};
	struct filter f = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *error = NULL;

		if (filter_add(&f, rows[i][0], rows[i][1], &error) != -EINVAL)
			fail_msg("--%s %s was accepted", rows[i][0], rows[i][1]);
		assert_non_null(error);
		if (rows[i][2])
			assert_string_equal(error, rows[i][2]);
	}
	assert_int_equal(f.count, 0);
	filter_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_filter),
		cmocka_unit_test(program_is_known_by_any_of_its_names),
		cmocka_unit_test(unknown_matches_nothing),
		cmocka_unit_test(connects),
		cmocka_unit_test(short_container_names),
		cmocka_unit_test(values_are_alternatives_filters_are_not),
		cmocka_unit_test(bad_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
