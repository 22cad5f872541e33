/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "metrics/words.h"

#include <stdio.h>

static void expect(struct words *w, struct span value, const char *text)
{
	assert_string_equal(w->text[words_take(w, value)], text);
}

static void takes_a_value_once(void **state)
{
	struct words w;

	words_init(&w, "unknown", NULL);
	assert_int_equal(words_take(&w, SPAN_LITERAL("curl")), WORDS_FIRST);
	assert_int_equal(words_take(&w, SPAN_LITERAL("wget")), WORDS_FIRST + 1);
	assert_int_equal(words_take(&w, SPAN_LITERAL("curl")), WORDS_FIRST);
	assert_int_equal(words_take(&w, (struct span){0}), WORD_ABSENT);
	assert_int_equal(words_take(&w, SPAN_LITERAL("")), WORD_ABSENT);
	assert_int_equal(words_take(&w, SPAN_LITERAL("unknown")), WORD_ABSENT);
	assert_int_equal(words_take(&w, SPAN_LITERAL("other")), WORD_OTHER);
}

static void beyond_64_names_is_other(void **state)
{
	struct words w;
	char name[8];

	words_init(&w, "unknown", NULL);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		expect(&w, span_of(name), i < 64 ? name : "other");
	}
	expect(&w, SPAN_LITERAL("p63"), "p63"); /* who was first stays */
	expect(&w, SPAN_LITERAL("p64"), "other");
}

static bool is_v1(const char *text)
{
	return strcmp(text, "v1") == 0;
}

static void a_closed_vocabulary_stays_closed(void **state)
{
	struct words w;

	words_init(&w, "none", is_v1);
	expect(&w, SPAN_LITERAL("v1"), "v1");
	expect(&w, SPAN_LITERAL("v3"), "other");
	expect(&w, (struct span){0}, "none");
	assert_int_equal(w.count, WORDS_FIRST + 1);
}

/* Two values never share a text, or a scrape would have one series twice. */
static void values_are_printable_and_distinct(void **state)
{
	struct words w;

	words_init(&w, "unknown", NULL);
	expect(&w, SPAN_LITERAL("a\\b"), "a\\b");
	expect(&w, SPAN_LITERAL("a\nb\x01"), "a\\nb\\x01");
	expect(&w, SPAN_LITERAL("\xff\xfe"), "\\xff\\xfe");
	expect(&w, SPAN_LITERAL("caf\xc3\xa9"), "caf\xc3\xa9");
	expect(&w, SPAN_LITERAL("caf\xc3"), "caf\\xc3");
	expect(&w, SPAN_LITERAL("\xe2\x80\xae"), "\\u202e");
	assert_int_equal(words_take(&w, SPAN_LITERAL("\\xff\\xfe")), words_take(&w, SPAN_LITERAL("\xff\xfe")));
	for (unsigned i = 0; i < w.count; i++)
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(w.text[i], w.text[k]);
}

static void lengths_are_bounded(void **state)
{
	struct words w;
	char text[200];

	words_init(&w, "unknown", NULL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(strlen(w.text[words_take(&w, (struct span){text, 15})]), 15);
	assert_int_equal(strlen(w.text[words_take(&w, (struct span){text, 63})]), 63);
	assert_int_equal(words_take(&w, (struct span){text, 64}), words_take(&w, (struct span){text, 63}));
	memset(text, '\1', sizeof(text));
	assert_int_equal(strlen(w.text[words_take(&w, (struct span){text, 15})]), 60);
	assert_int_equal(words_take(&w, (struct span){text, 200}), words_take(&w, (struct span){text, 15}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_value_once),
		cmocka_unit_test(beyond_64_names_is_other),
		cmocka_unit_test(a_closed_vocabulary_stays_closed),
		cmocka_unit_test(values_are_printable_and_distinct),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
