/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every format: one line an event, no byte in it that a terminal obeys, whatever the fields hold. */
#include "unit.h"

#include "base/escape.h"
#include "sample.h"

#include <jansson.h>
#include <stdlib.h>

static const struct span hostile[] = {
	SPAN_LITERAL(""),
	SPAN_LITERAL("\0\0\0"),
	SPAN_LITERAL("a\0b"),
	SPAN_LITERAL("\x1b]0;owned\x07\x1b[2J"),
	SPAN_LITERAL("x\r\n[2026-11-22T12:57:51] [INFO] IMDSv2 (pid:1:init argv:)\n"),
	SPAN_LITERAL("\n\n\n"),
	SPAN_LITERAL("\x7f\x08\x0b\x0c\t"),
	SPAN_LITERAL("\xc2\x9b"
		     "31m\xc2\x85"),
	SPAN_LITERAL("\x9b"
		     "31m\x85"),
	SPAN_LITERAL("\xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82"),
	SPAN_LITERAL("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xab\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf"),
	SPAN_LITERAL("\",\"imds\":{\"version\":\"v2\"},\"x\":\"\\"),
	SPAN_LITERAL("'\"\\ $(reboot) `reboot` %s%n"),
	SPAN_LITERAL("日本語のとても長い名前、端末の幅を超えるもの、さらに続く、さらに続く、さらに続く"),
};

/* Neither a control character nor one that reorders, and valid UTF-8. */
static void check_character(struct span rest, uint32_t *ret_c, size_t *ret_length)
{
	*ret_length = utf8_decode(rest, ret_c);
	assert_true(*ret_length > 0);
	assert_true(*ret_c >= 0x20 && *ret_c != 0x7f && !(*ret_c >= 0x80 && *ret_c <= 0x9f));
	assert_false((*ret_c >= 0x202a && *ret_c <= 0x202e) || (*ret_c >= 0x2066 && *ret_c <= 0x2069));
	assert_false(*ret_c == 0x2028 || *ret_c == 0x2029 || *ret_c == 0xfeff);
}

static void check_line(struct span line)
{
	uint32_t c;
	size_t n;

	if (line.length == 0)
		return;
	assert_int_equal(line.data[line.length - 1], '\n');
	line.length--;
	for (; line.length > 0; line.data += n, line.length -= n)
		check_character(line, &c, &n);
}

static void check_json(struct span line)
{
	json_error_t error;
	json_t *event = json_loadb(line.data, line.length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	if (!event)
		fail_msg("%s: %.200s", error.text, line.data);
	assert_true(json_is_object(event));
	json_decref(event);
}

/* Without colour: colours are our own escape sequences. */
static void check_widths(struct sample *s, struct buffer *b, size_t count)
{
	static const unsigned widths[] = {0, 80, 1, 40, 120, 200};

	for (const struct format *const *f = formats; *f; f++) {
		for (size_t w = 0; w < count; w++) {
			struct sink_context context = {.host_name = "h\x1b", .host_id = "i\n", .width = widths[w]};

			if (w > 0 && *f != &format_text)
				continue;
			buffer_reset(b);
			(*f)->call(&context, &s->call, 1, b);
			assert_false(b->failed);
			check_line(buffer_view(b));
			if (*f == &format_json)
				check_json(buffer_view(b));
			if (*f == &format_text && widths[w] >= 80)
				assert_true(text_width((struct span){b->data, b->length - 1}) <= widths[w]);
		}
	}
}

static void check_all(struct sample *s, struct buffer *b)
{
	check_widths(s, b, 6);
}

static void hostile_bytes_in_every_field(void **state)
{
	struct sample_field fields[SAMPLE_FIELDS];
	struct buffer b = {0};
	struct sample s;
	size_t n;

	sample_full(&s);
	n = sample_fields(&s, fields);
	for (size_t f = 0; f < n; f++) {
		for (size_t h = 0; h < sizeof(hostile) / sizeof(hostile[0]); h++) {
			for (int action = CALL_REQUEST; action <= CALL_CONNECT; action++) {
				sample_full(&s);
				s.call.action = (enum call_action)action;
				sample_set(&fields[f], hostile[h]);
				check_all(&s, &b);
			}
		}
	}
	buffer_done(&b);
}

static void hostile_bytes_in_all_fields(void **state)
{
	struct sample_field fields[SAMPLE_FIELDS];
	struct buffer b = {0};
	struct sample s;

	for (size_t h = 0; h < sizeof(hostile) / sizeof(hostile[0]); h++) {
		sample_full(&s);
		for (size_t f = sample_fields(&s, fields); f > 0; f--)
			sample_set(&fields[f - 1], hostile[h]);
		check_all(&s, &b);
	}
	buffer_done(&b);
}

/* Any bytes, cut anywhere. */
static void random_bytes(void **state)
{
	struct sample_field fields[SAMPLE_FIELDS];
	struct buffer b = {0};
	struct sample s;
	char bytes[64];

	srandom(7);
	for (int round = 0; round < 500; round++) {
		size_t length = (size_t)random() % (sizeof(bytes) - 1);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)random();
		bytes[length] = '\0';
		sample_full(&s);
		for (size_t f = sample_fields(&s, fields); f > 0; f--)
			sample_set(&fields[f - 1], (struct span){bytes, length});
		check_all(&s, &b);
	}
	buffer_done(&b);
}

/* Two megabytes in a field that can be so long, each byte the most costly one: bounded where a caller sets the size,
 * never a half line.
 */
static void huge_fields(void **state)
{
	const size_t size = (size_t)2 * 1024 * 1024;
	struct sample_field fields[SAMPLE_FIELDS];
	struct span huge = {malloc(size + 1), size};
	struct buffer b = {0};
	struct sample s;

	assert_non_null(huge.data);
	memset((char *)huge.data, 0x1b, size);
	((char *)huge.data)[size] = '\0';
	sample_full(&s);
	for (size_t f = sample_fields(&s, fields); f > 0; f--) {
		if (!fields[f - 1].args && strcmp(fields[f - 1].name, "target") != 0)
			continue;
		sample_full(&s);
		sample_set(&fields[f - 1], huge);
		check_widths(&s, &b, 2);
		if (fields[f - 1].args) {
			buffer_reset(&b);
			format_json.call(&(struct sink_context){0}, &s.call, 1, &b);
			assert_true(b.length < (size_t)4 * 1024 * 1024);
			assert_non_null(memmem(b.data, b.length, "\"args_truncated\":true", 21));
		}
	}
	free((char *)huge.data);
	buffer_done(&b);
}

static void bare_calls(void **state)
{
	struct buffer b = {0};
	struct sample s;

	for (int action = CALL_REQUEST; action <= CALL_CONNECT; action++) {
		for (int version = VERSION_NONE; version <= VERSION_UNKNOWN; version++) {
			for (int verdict = VERDICT_OBSERVED; verdict <= VERDICT_DENIED; verdict++) {
				sample_bare(&s);
				s.call.action = (enum call_action)action;
				s.call.version = (enum call_version)version;
				s.call.verdict = (enum call_verdict)verdict;
				check_all(&s, &b);
			}
		}
	}
	buffer_done(&b);
}

/* An event is appended behind what is there, and the heading and the stats keep the rules too. */
static void appends(void **state)
{
	const struct stats stats = {.calls = 3};

	for (const struct format *const *f = formats; *f; f++) {
		const struct sink_context context = {.width = 100};
		struct buffer b = {0};
		struct sample s;

		sample_full(&s);
		buffer_string(&b, "before \n");
		(*f)->call(&context, &s.call, 1, &b);
		if ((*f)->begin)
			(*f)->begin(&context, &b);
		if ((*f)->stats)
			(*f)->stats(&context, &stats, 1, 2, &b);
		assert_memory_equal(b.data, "before \n", 8);
		for (size_t at = 0; at < b.length;) {
			const char *end = memchr(b.data + at, '\n', b.length - at);

			assert_non_null(end);
			check_line((struct span){b.data + at, (size_t)(end + 1 - b.data) - at});
			at = (size_t)(end + 1 - b.data);
		}
		buffer_done(&b);
	}
}

static void finds_by_name(void **state)
{
	assert_ptr_equal(format_find("text"), &format_text);
	assert_ptr_equal(format_find("json"), &format_json);
	assert_ptr_equal(format_find("aws"), &format_aws);
	assert_ptr_equal(format_find("null"), &format_null);
	assert_null(format_find("xml"));
	assert_null(format_find(""));
	for (const struct format *const *f = formats; *f; f++)
		assert_true((*f)->summary[0] != '\0');
}

static void null_writes_nothing(void **state)
{
	struct buffer b = {0};
	struct sample s;

	sample_full(&s);
	format_null.call(&(struct sink_context){0}, &s.call, 1, &b);
	assert_int_equal(b.length, 0);
	assert_null(format_null.stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_bytes_in_every_field),
		cmocka_unit_test(hostile_bytes_in_all_fields),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(huge_fields),
		cmocka_unit_test(bare_calls),
		cmocka_unit_test(appends),
		cmocka_unit_test(finds_by_name),
		cmocka_unit_test(null_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
