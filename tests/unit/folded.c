/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "guard/folded.h"

static struct folded seen;
static struct buffer copies; /* the texts of `seen` */
static unsigned rows;

static void copy(struct span *s)
{
	size_t at = copies.length;

	if (!s->data)
		return;
	buffer_span(&copies, *s);
	*s = (struct span){copies.data + at, s->length};
}

static void keep(void *context, const struct folded *row)
{
	buffer_reset(&copies);
	assert_true(buffer_reserve(&copies, 1 << 16));
	seen = *row;
	copy(&seen.exe);
	copy(&seen.unit);
	copy(&seen.container);
	copy(&seen.method);
	copy(&seen.path);
	rows++;
}

/* Returns how many lines were no rows. */
static unsigned read_all(struct span text, uint64_t since, uint64_t before)
{
	struct folded_reader r = {.row = keep, .since = since, .before = before};

	rows = 0;
	seen = (struct folded){0};
	assert_int_equal(folded_feed(&r, text), 0);
	assert_int_equal(folded_end(&r), 0);
	folded_done(&r);
	return (unsigned)r.unusable;
}

/* A row with these columns, of `count` calls. */
static void read_row(const char *columns, unsigned count)
{
	char line[4096];

	snprintf(line, sizeof(line),
		 "{%s,\"class\":\"metadata\",\"count\":%u,\"first_seen\":1000,\"last_seen\":2000}\n", columns, count);
	if (read_all(span_of(line), 0, UINT64_MAX) != 0 || rows != 1)
		fail_msg("%s is no row", line);
}

static void is(const char *what, struct span s, const char *expected)
{
	if (!expected ? s.data != NULL : !s.data || !span_equal(s, span_of(expected)))
		fail_msg("%s: %.*s instead of %s", what, s.data ? (int)s.length : 9, s.data ? s.data : "(unknown)",
			 expected ? expected : "(unknown)");
}

static void executables(void **state)
{
	static const struct {
		const char *column, *path;
	} cases[] = {
		{"/usr/bin/curl", "/usr/bin/curl"},
		{"curl", NULL},
		{"/usr/bin/curl (deleted)", "/usr/bin/curl"},
		{"/a\\\\x1b[2J", "/a\x1b[2J"},
		{"/a\\\\\\\\x1b", "/a\\x1b"},
		{"/caf\\\\xe9", "/caf\xe9"},
		{"/caf\\u00e9", "/caf\xc3\xa9"},
		{"/a\\\\u202eb", "/a\xe2\x80\xae"
				 "b"},
		{"/a\\\\U000e0001", "/a\xf3\xa0\x80\x81"},
		{"/a\\\\n\\\\r\\\\t", "/a\n\r\t"},
		{"/a\\\\x00b", NULL},
		{"/a\\u0000b", NULL},
		{"/a\\\\", NULL},
		{"/a\\\\q", NULL},
		{"/a\\\\x1", NULL},
		{"/a\\\\UFFFFFFFF", NULL},
		{"/long\xe2\x80\xa6", NULL},
	};
	char column[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(column, sizeof(column), "\"executable\":\"%s\"", cases[i].column);
		read_row(column, 7);
		is(cases[i].column, seen.exe, cases[i].path);
	}
}

/* Of many calls only the key is known, and what none of them has. */
static void places(void **state)
{
	static const struct {
		const char *columns;
		unsigned count;
		const char *unit, *container;
		bool in_container;
	} cases[] = {
		{"\"a\":\"b\"", 2, NULL, NULL, false},
		{"\"place_kind\":\"unit\",\"place\":\"a.service\",\"unit\":\"a.service\"", 2, "a.service", "", false},
		{"\"place_kind\":\"unit\",\"place\":\"a.service\",\"container\":\"c\"", 2, "a.service", NULL, false},
		{"\"place_kind\":\"unit\",\"place\":\"a.service\",\"container\":\"c\"", 1, "a.service", "c", true},
		{"\"place_kind\":\"unit\",\"place\":\"cut\xe2\x80\xa6\"", 2, NULL, "", false},
		{"\"place_kind\":\"container\",\"place\":\"c\",\"container\":\"c\"", 2, "", "c", true},
		{"\"place_kind\":\"pod\",\"place\":\"p\",\"container\":\"c\"", 2, "", NULL, false},
		{"\"place_kind\":\"pod\",\"place\":\"p\"", 2, "", "", false},
		{"\"place_kind\":\"image\",\"place\":\"nginx\",\"container\":\"c\"", 2, "", NULL, true},
		{"\"place_kind\":\"image\",\"place\":\"nginx\",\"container\":\"c\"", 1, "", "c", true},
		{"\"place_kind\":\"image\",\"place\":\"nginx\",\"unit\":\"a.service\",\"container\":\"c\"", 2, NULL,
		 NULL, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		read_row(cases[i].columns, cases[i].count);
		is(cases[i].columns, seen.unit, cases[i].unit);
		is(cases[i].columns, seen.container, cases[i].container);
		assert_int_equal(seen.in_container, cases[i].in_container);
	}
}

static void requests(void **state)
{
	read_row("\"request\":\"GET /latest/a b\"", 1);
	is("the method", seen.method, "GET");
	is("the path", seen.path, "/latest/a b");
	read_row("\"request\":\"GET /latest/a\"", 2);
	is("of two calls", seen.path, NULL);
	read_row("\"request\":\"GET /latest/a\xe2\x80\xa6\"", 1);
	is("cut", seen.path, NULL);
	read_row("\"request\":\"/latest/a b\"", 1);
	is("without a method", seen.path, NULL);
	read_row("\"request\":\"GET\"", 1);
	is("without a path", seen.path, NULL);
}

static void callers(void **state)
{
	read_row("\"user_id\":\"4294967295\"", 2);
	assert_true(seen.has_user);
	assert_int_equal(seen.uid, 4294967295);
	assert_int_equal(seen.first, 1000000000);
	assert_int_equal(seen.last, 2000000000);
	assert_true(seen.tcp);
	read_row("\"verdict\":\"would-deny\"", 2);
	assert_false(seen.has_user);
	assert_false(seen.tcp);
}

static void no_rows(void **state)
{
	static const char *const lines[] = {
		"nonsense\n",
		"[]\n",
		"{}\n",
		"{\"class\":\"a\",\"count\":1,\"first_seen\":1}\n",
		"{\"class\":\"a\",\"count\":0,\"first_seen\":1,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"count\":\"1\",\"first_seen\":1,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"count\":1,\"first_seen\":2,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"count\":1,\"first_seen\":-1,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"count\":1,\"first_seen\":1,\"last_seen\":9223372036854775807}\n",
		"{\"count\":1,\"first_seen\":1,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"user_id\":\"4294967296\",\"count\":1,\"first_seen\":1,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"user_id\":\"0x\",\"count\":1,\"first_seen\":1,\"last_seen\":1}\n",
		"{\"class\":\"a\",\"count\":1,\"first_seen\":1,\"last_seen\":1", /* torn */
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (read_all(span_of(lines[i]), 0, UINT64_MAX) != 1 || rows != 0)
			fail_msg("%s is taken for a row", lines[i]);
	assert_int_equal(read_all(span_of("\n\n"), 0, UINT64_MAX), 0);
}

static void only_what_is_asked_for(void **state)
{
	static const struct span row =
		SPAN_LITERAL("{\"class\":\"a\",\"count\":1,\"first_seen\":1000,\"last_seen\":2000}\n");

	assert_int_equal(read_all(row, 2000000000, 1000000001), 0);
	assert_int_equal(rows, 1);
	read_all(row, 2000000001, UINT64_MAX);
	assert_int_equal(rows, 0);
	read_all(row, 0, 1000000000);
	assert_int_equal(rows, 0);
}

static void too_long(void **state)
{
	struct folded_reader r = {.row = keep, .before = UINT64_MAX};
	static char piece[1 << 16];

	rows = 0;
	memset(piece, 'x', sizeof(piece));
	for (size_t n = 0; n <= FOLDED_LINE_MAX; n += sizeof(piece))
		assert_int_equal(folded_feed(&r, (struct span){piece, sizeof(piece)}), 0);
	assert_int_equal(folded_feed(&r, SPAN_LITERAL("\n{\"class\":\"a\",\"count\":1,\"first_seen\":1,"
						      "\"last_seen\":1}\n")),
			 0);
	assert_int_equal(folded_end(&r), 0);
	assert_int_equal(r.unusable, 1);
	assert_int_equal(rows, 1);
	folded_done(&r);
}

static int done(void **state)
{
	buffer_done(&copies);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(executables), cmocka_unit_test(places),  cmocka_unit_test(requests),
		cmocka_unit_test(callers),     cmocka_unit_test(no_rows), cmocka_unit_test(only_what_is_asked_for),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
