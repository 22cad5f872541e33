/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event with the input's bytes in its fields: each format gives one line, and the JSON one is read by jansson. The
 * first byte says where the fields are cut, the second which of them are absent.
 */
#include "fuzz.h"

#include "sample.h"

#include <jansson.h>

/* The input, cut into one piece a field, each with a NUL behind it. */
static void fill(struct sample *s, const uint8_t *data, size_t size, char *copy)
{
	struct sample_field fields[SAMPLE_FIELDS];
	size_t n = sample_fields(s, fields), piece = data[0] % 64, at = 2;

	for (size_t f = 0; f < n; f++) {
		size_t length = size - at < piece ? size - at : piece;

		if (data[1] >> (f % 8) & 1)
			continue;
		memcpy(copy, data + at, length);
		copy[length] = '\0';
		sample_set(&fields[f], (struct span){copy, length});
		copy += length + 1;
		at += length;
	}
}

static void check(const struct format *format, const struct sample *s, struct buffer *b)
{
	const struct sink_context context = {.width = s->call.request_bytes % 200};
	json_error_t error;
	json_t *event;

	buffer_reset(b);
	format->call(&context, &s->call, 1, b);
	CHECK(b->length == 0 || memchr(b->data, '\n', b->length) == b->data + b->length - 1);
	CHECK(b->length == 0 || (!memchr(b->data, '\x1b', b->length) && !memchr(b->data, '\0', b->length)));
	if (format != &format_json)
		return;
	event = json_loadb(b->data, b->length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	CHECK(event);
	json_decref(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + SAMPLE_FIELDS);
	struct buffer b = {0};
	struct sample s;

	if (copy && size >= 2) {
		sample_full(&s);
		fill(&s, data, size, copy);
		s.call.request_bytes = data[1];
		for (const struct format *const *f = formats; *f; f++)
			check(*f, &s, &b);
	}
	free(copy);
	buffer_done(&b);
	return 0;
}
