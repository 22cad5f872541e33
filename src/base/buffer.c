/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_done(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}

bool buffer_grow(struct buffer *b, size_t more)
{
	size_t capacity = b->capacity ? b->capacity : 256;
	char *data;

	if (b->failed || more > SIZE_MAX / 2 - b->length)
		return false;
	if (b->length + more <= b->capacity)
		return true;
	while (capacity < b->length + more)
		capacity *= 2;
	data = realloc(b->data, capacity);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

void buffer_append(struct buffer *b, const void *data, size_t length)
{
	if (length == 0 || !buffer_reserve(b, length))
		return;
	memcpy(b->data + b->length, data, length);
	b->length += length;
}

struct span number_text(uint64_t value, char text[static NUMBER_TEXT])
{
	size_t at = NUMBER_TEXT;

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return (struct span){text + at, NUMBER_TEXT - at};
}

void buffer_number(struct buffer *b, uint64_t value)
{
	char text[NUMBER_TEXT];

	buffer_span(b, number_text(value, text));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	char small[256];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(small, sizeof(small), format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	if ((size_t)n < sizeof(small)) {
		buffer_append(b, small, (size_t)n);
		return;
	}
	if (!buffer_reserve(b, (size_t)n + 1))
		return;
	va_start(arguments, format);
	vsnprintf(b->data + b->length, (size_t)n + 1, format, arguments);
	va_end(arguments);
	b->length += (size_t)n;
}
