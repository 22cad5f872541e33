/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes somebody else owns. Not NUL-terminated, may hold any byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *data; /* NULL: absent; an empty value has a non-NULL data */
	size_t length;
};

#define SPAN_LITERAL(s) ((struct span){(s), sizeof(s) - 1})

static inline struct span span_of(const char *s)
{
	return (struct span){s, s ? strlen(s) : 0};
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool span_starts(struct span s, struct span prefix)
{
	return s.length >= prefix.length && (prefix.length == 0 || memcmp(s.data, prefix.data, prefix.length) == 0);
}

/* Takes a decimal number from the start of `s`; false when there is none or it exceeds 64 bits. */
static inline bool span_take_decimal(struct span *s, uint64_t *ret)
{
	size_t i = 0;
	uint64_t n = 0;

	for (; i < s->length && s->data[i] >= '0' && s->data[i] <= '9'; i++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, s->data[i] - '0', &n))
			return false;
	*s = (struct span){s->data + i, s->length - i};
	*ret = n;
	return i > 0;
}
