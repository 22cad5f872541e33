/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/escape.h"

#include <stdlib.h>

/* What goes in, and what JSON and text make of it. */
static const struct row {
	struct span in;
	const char *json, *text, *loose;
} rows[] = {
	{SPAN_LITERAL(""), "", "", NULL},
	{SPAN_LITERAL("plain text, longer than eight"), "plain text, longer than eight",
	 "plain text, longer than eight", NULL},
	{SPAN_LITERAL("say \"hi\" \\ there"), "say \\\"hi\\\" \\\\ there", "say \"hi\" \\\\ there",
	 "say \"hi\" \\ there"},
	{SPAN_LITERAL("a\nb\rc\td"), "a\\nb\\u000dc\\u0009d", "a\\nb\\rc\\td", NULL},
	{SPAN_LITERAL("\0x\x01\x1b[31m\x7f"), "\\u0000x\\u0001\\u001b[31m\\u007f", "\\x00x\\x01\\x1b[31m\\x7f", NULL},
	{SPAN_LITERAL("12345678\x1f"), "12345678\\u001f", "12345678\\x1f", NULL},
	{SPAN_LITERAL("1234567\x7f"
		      "8"),
	 "1234567\\u007f8", "1234567\\x7f8", NULL},
	{SPAN_LITERAL("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "café € 😀", "café € 😀", NULL},
	{SPAN_LITERAL("\xc2\x85\xc2\x9b"
		      "1m"),
	 "\\u0085\\u009b1m", "\\u0085\\u009b1m", NULL},
	{SPAN_LITERAL("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029", "\\u2028\\u2029", NULL},
	{SPAN_LITERAL("\xe2\x80\xaetxt.exe\xe2\x81\xa6"), "\\u202etxt.exe\\u2066", "\\u202etxt.exe\\u2066", NULL},
	{SPAN_LITERAL("a\xf3\xa0\x80\x81"), "a\\udb40\\udc01", "a\\U000e0001", NULL},
	{SPAN_LITERAL("\xff\xfe"), "\\u00ff\\u00fe", "\\xff\\xfe", NULL},
	{SPAN_LITERAL("\xc3"), "\\u00c3", "\\xc3", NULL},                 /* cut short */
	{SPAN_LITERAL("\xe2\x82"), "\\u00e2\\u0082", "\\xe2\\x82", NULL}, /* cut short */
	{SPAN_LITERAL("\xc3("), "\\u00c3(", "\\xc3(", NULL},              /* no continuation */
	{SPAN_LITERAL("\xc0\xaf"), "\\u00c0\\u00af", "\\xc0\\xaf", NULL}, /* overlong '/' */
	{SPAN_LITERAL("\xc1\xbf"), "\\u00c1\\u00bf", "\\xc1\\xbf", NULL},
	{SPAN_LITERAL("\xe0\x9f\xbf"), "\\u00e0\\u009f\\u00bf", "\\xe0\\x9f\\xbf", NULL}, /* overlong */
	{SPAN_LITERAL("\xed\xa0\x80"), "\\u00ed\\u00a0\\u0080", "\\xed\\xa0\\x80", NULL}, /* surrogate */
	{SPAN_LITERAL("\xf0\x8f\xbf\xbf"), "\\u00f0\\u008f\\u00bf\\u00bf", "\\xf0\\x8f\\xbf\\xbf", NULL},
	{SPAN_LITERAL("\xf4\x90\x80\x80"), "\\u00f4\\u0090\\u0080\\u0080", "\\xf4\\x90\\x80\\x80", NULL}, /* > 10ffff */
	{SPAN_LITERAL("\xf5\x80\x80\x80"), "\\u00f5\\u0080\\u0080\\u0080", "\\xf5\\x80\\x80\\x80", NULL},
	{SPAN_LITERAL("\x80"), "\\u0080", "\\x80", NULL},
};

static void check(struct buffer *b, const char *expected)
{
	buffer_byte(b, '\0');
	assert_string_equal(b->data, expected);
	buffer_reset(b);
}

static void escapes_as_in_the_table(void **state)
{
	struct buffer b = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* on the heap, so that a read behind the end is found */
		char *copy = malloc(rows[i].in.length ? rows[i].in.length : 1);
		struct span in = {copy, rows[i].in.length};

		assert_non_null(copy);
		memcpy(copy, rows[i].in.data, in.length);
		escape_json(&b, in);
		check(&b, rows[i].json);
		escape_text(&b, in, ESCAPE_EXACT);
		check(&b, rows[i].text);
		escape_text(&b, in, ESCAPE_LOOSE);
		check(&b, rows[i].loose ? rows[i].loose : rows[i].text);
		free(copy);
	}
	buffer_done(&b);
}

/* Each byte at each place of an eight byte word: the fast path must not miss one. */
static void finds_every_byte_everywhere(void **state)
{
	struct buffer b = {0};
	char in[24];

	for (unsigned c = 0; c < 256; c++) {
		bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

		for (size_t at = 0; at < sizeof(in); at++) {
			memset(in, 'x', sizeof(in));
			in[at] = (char)c;
			escape_json(&b, (struct span){in, sizeof(in)});
			assert_int_equal(b.length == sizeof(in), plain);
			buffer_reset(&b);
		}
	}
	buffer_done(&b);
}

/* Every code point: kept or escaped, never anything else; and decoded as what it is. */
static void handles_every_character(void **state)
{
	struct buffer b = {0};

	for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
		char in[4];
		size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		uint32_t got = 0, rest = c;

		for (size_t i = n - 1; i > 0; i--, rest >>= 6)
			in[i] = (char)(0x80 | (rest & 0x3f));
		in[0] = (char)(n == 2 ? 0xc0 | rest : n == 3 ? 0xe0 | rest : 0xf0 | rest);
		if (c >= 0xd800 && c <= 0xdfff) {
			assert_int_equal(utf8_decode((struct span){in, n}, &got), 0);
			continue;
		}
		assert_int_equal(utf8_decode((struct span){in, n}, &got), n);
		assert_int_equal(got, c);
		escape_json(&b, (struct span){in, n});
		assert_true((b.length == n && memcmp(b.data, in, n) == 0) || b.data[0] == '\\');
		buffer_reset(&b);
	}
	buffer_done(&b);
}

static void widths(void **state)
{
	assert_int_equal(text_width(SPAN_LITERAL("")), 0);
	assert_int_equal(text_width(SPAN_LITERAL("abc")), 3);
	assert_int_equal(text_width(SPAN_LITERAL("é…")), 2);
	assert_int_equal(text_width(SPAN_LITERAL("日本")), 4);
	assert_int_equal(text_width(SPAN_LITERAL("e\xcc\x81")), 1);
	assert_int_equal(text_width(SPAN_LITERAL("😀")), 2);
}

static void fits(void **state)
{
	static const struct {
		const char *in;
		size_t columns, tail;
		const char *out;
	} cases[] = {
		{"abcdef", 6, 0, "abcdef"}, {"abcdef", 5, 0, "abcd…"}, {"abcdef", 5, 2, "ab…ef"},
		{"abcdef", 5, 99, "…cdef"}, {"abcdef", 1, 5, "…"},     {"abcdef", 0, 0, ""},
		{"日本語", 5, 0, "日本…"},  {"日本語", 4, 0, "日…"},   {"日本語", 5, 4, "…本語"},
		{"日本語", 4, 3, "…語"},
	};
	struct buffer b = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t filled = text_fit(&b, span_of(cases[i].in), cases[i].columns, cases[i].tail);

		assert_int_equal(filled, text_width(buffer_view(&b)));
		assert_true(filled <= cases[i].columns);
		check(&b, cases[i].out);
	}
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_as_in_the_table),
		cmocka_unit_test(finds_every_byte_everywhere),
		cmocka_unit_test(handles_every_character),
		cmocka_unit_test(widths),
		cmocka_unit_test(fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
