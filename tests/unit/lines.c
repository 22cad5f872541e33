/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/lines.h"

static struct buffer seen;

static void take(void *context, const struct span *line)
{
	if (line)
		buffer_span(&seen, *line);
	else
		buffer_string(&seen, "(too long)");
	buffer_byte(&seen, '|');
}

/* What comes of a text that is handed over in pieces of this size. */
static const char *read_in(size_t piece, const char *text)
{
	struct lines l = {.max = 5, .take = take};
	struct span all = span_of(text), rest;

	buffer_reset(&seen);
	for (size_t at = 0; at < all.length; at += piece)
		assert_int_equal(
			lines_feed(&l, (struct span){all.data + at, all.length - at < piece ? all.length - at : piece}),
			0);
	rest = lines_rest(&l);
	if (rest.data)
		buffer_span(&seen, rest);
	buffer_byte(&seen, '\0');
	lines_done(&l);
	return seen.data;
}

static void however_they_are_cut(void **state)
{
	static const struct {
		const char *text, *lines;
	} cases[] = {
		{"", ""},
		{"a", "a"},
		{"a\n", "a|"},
		{"a\n\nb", "a||b"},
		{"12345\n123456\n1\n", "12345|(too long)|1|"},
		{"12345678901234567890\nab", "(too long)|ab"},
		{"ab\n1234567", "ab|"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 24; piece++)
			assert_string_equal(read_in(piece, cases[i].text), cases[i].lines);
	buffer_done(&seen);
}

/* What is too long takes no memory, however long it is. */
static void bounded(void **state)
{
	static char piece[4096];
	struct lines l = {.max = 5000, .take = take};

	memset(piece, 'x', sizeof(piece));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(lines_feed(&l, (struct span){piece, sizeof(piece)}), 0);
	assert_true(l.kept.capacity < 65536);
	assert_null(lines_rest(&l).data);
	lines_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(however_they_are_cut),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
