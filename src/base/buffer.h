/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer. Running out of memory is sticky: `failed` is set, later appends do nothing. */
#pragma once

#include "base/span.h"

struct buffer {
	char *data;
	size_t length;
	size_t capacity;
	bool failed;
};

void buffer_done(struct buffer *b);

/* Keeps the memory, forgets the content and the failure. */
static inline void buffer_reset(struct buffer *b)
{
	b->length = 0;
	b->failed = false;
}

bool buffer_grow(struct buffer *b, size_t more); /* what buffer_reserve() does when room is short */

/* Makes room for `more` further bytes; false when memory is out. */
static inline bool buffer_reserve(struct buffer *b, size_t more)
{
	return (!b->failed && more <= b->capacity - b->length) || buffer_grow(b, more);
}

void buffer_append(struct buffer *b, const void *data, size_t length);
void buffer_number(struct buffer *b, uint64_t value); /* in decimal */

#define NUMBER_TEXT 20 /* digits of 2^64 - 1 */
/* The number in decimal, at the end of `text`. */
struct span number_text(uint64_t value, char text[static NUMBER_TEXT]);

void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void buffer_byte(struct buffer *b, char c)
{
	if (b->length < b->capacity || buffer_reserve(b, 1))
		b->data[b->length++] = c;
}

static inline void buffer_string(struct buffer *b, const char *s)
{
	buffer_append(b, s, strlen(s));
}

static inline void buffer_span(struct buffer *b, struct span s)
{
	buffer_append(b, s.data, s.length);
}

static inline struct span buffer_view(const struct buffer *b)
{
	return (struct span){b->data ? b->data : "", b->length};
}
