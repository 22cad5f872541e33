/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events whose every field is the input's: each is counted, in whole lines of printable UTF-8. The input is split at
 * its newlines into the fields of rows.
 */
#include "fuzz.h"

#include "base/escape.h"
#include "metrics/metrics.h"

static struct span take(struct span *s)
{
	const char *end = s->length ? memchr(s->data, '\n', s->length) : NULL;
	size_t length = end ? (size_t)(end - s->data) : s->length;
	struct span field = {length ? s->data : NULL, length};

	*s = (struct span){s->data + length + (end != NULL), s->length - length - (end != NULL)};
	return field;
}

static void check_line(struct span line)
{
	unsigned quotes = 0;

	for (size_t i = 0; i < line.length; i++) {
		if (line.data[i] == '\\')
			i++;
		else
			quotes += line.data[i] == '"';
	}
	CHECK(quotes % 2 == 0);
	CHECK(line.length > 0 && (line.data[0] == '#' || line.data[line.length - 1] != ' '));
	while (line.length > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(line, &c);

		CHECK(n > 0 && c >= 0x20 && c != 0x7f);
		line = (struct span){line.data + n, line.length - n};
	}
}

/* refused: requests that never left, and that no service could answer. */
static void check(const struct metrics *m, uint64_t requests, uint64_t refused, uint64_t connects)
{
	struct buffer b = {0};
	struct span text;

	CHECK(family_sum(&m->family[FAMILY_REQUESTS]) == requests);
	CHECK(family_sum(&m->family[FAMILY_CONNECTS]) == connects);
	CHECK(family_sum(&m->family[FAMILY_RESPONSES]) + family_sum(&m->family[FAMILY_UNANSWERED]) ==
	      requests - refused);
	CHECK(m->words[LABEL_PROGRAM].count <= WORDS_FIRST + WORDS_NAMED);
	metrics_write(m, &b);
	text = buffer_view(&b);
	CHECK(text.length > 0 && text.data[text.length - 1] == '\n');
	while (text.length > 0) {
		const char *end = memchr(text.data, '\n', text.length);

		check_line((struct span){text.data, (size_t)(end - text.data)});
		text = (struct span){end + 1, text.length - (size_t)(end + 1 - text.data)};
	}
	buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data, size};
	uint64_t requests = 0, refused = 0, connects = 0;
	struct metrics m;

	metrics_init(&m);
	while (rest.length > 0) {
		struct row row = {.time = size, .duration = size * 977777, .status = (uint32_t)(rest.length % 700)};

		row.flags = (uint32_t)rest.length & 15;
		for (unsigned i = 0; i <= ROW_PROGRAM; i++)
			row.field[i] = take(&rest);
		if (span_equal(row.field[ROW_ACTION], SPAN_LITERAL("imds-request")))
			requests++;
		else
			connects++;
		if (span_equal(row.field[ROW_ACTION], SPAN_LITERAL("imds-request")) && !(row.flags & ROW_HAS_STATUS) &&
		    span_equal(row.field[ROW_VERDICT], SPAN_LITERAL("denied")))
			refused++;
		CHECK(metrics_take(&m, &row));
	}
	check(&m, requests, refused, connects);
	metrics_done(&m);
	return 0;
}
