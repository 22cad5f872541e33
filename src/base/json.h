/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON (RFC 8259) into a buffer, on one line. A member that is not known leaves no trace: absent strings are
 * skipped, and so is an object or array in which nothing was written (but for the outermost).
 *
 * Names stay clear of jansson's (json_object, json_array, ...), which is linked into the same program.
 *
 * `key` is a literal that needs no escaping; NULL for the outermost value and inside arrays.
 */
#pragma once

#include "base/buffer.h"

#define JSON_DEPTH 8

struct json {
	struct buffer *out;
	bool comma; /* a value stands before the next one */
	unsigned depth;
	struct {
		size_t before, inside; /* out->length before the comma and key, and behind the bracket */
		bool comma;
	} open[JSON_DEPTH];
};

static inline struct json json_into(struct buffer *out)
{
	return (struct json){.out = out};
}

/* Inlined, so that the length of a literal key costs nothing. */
static inline struct span json_key(const char *key)
{
	return (struct span){key, key ? strlen(key) : 0};
}

void json_open(struct json *j, struct span key, char bracket);
void json_close(struct json *j, char bracket);
void json_write_string(struct json *j, struct span key, struct span value);
/* `data` as it is between `before` and `after` (NUL: nothing). */
void json_write_raw(struct json *j, struct span key, char before, struct span data, char after);

static inline void json_open_object(struct json *j, const char *key)
{
	json_open(j, json_key(key), '{');
}

static inline void json_close_object(struct json *j)
{
	json_close(j, '}');
}

static inline void json_open_array(struct json *j, const char *key)
{
	json_open(j, json_key(key), '[');
}

static inline void json_close_array(struct json *j)
{
	json_close(j, ']');
}

/* Absent: nothing. */
static inline void json_put_span(struct json *j, const char *key, struct span value)
{
	if (value.data)
		json_write_string(j, json_key(key), value);
}

/* NULL: nothing. */
static inline void json_put_text(struct json *j, const char *key, const char *value)
{
	json_put_span(j, key, span_of(value));
}

/* As json_put_text() for text that needs no escaping. */
static inline void json_put_plain(struct json *j, const char *key, const char *value)
{
	if (value)
		json_write_raw(j, json_key(key), '"', span_of(value), '"');
}

static inline void json_put_number(struct json *j, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT];

	json_write_raw(j, json_key(key), '\0', number_text(value, text), '\0');
}

/* A number as a string: "0". */
static inline void json_put_number_text(struct json *j, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT];

	json_write_raw(j, json_key(key), '"', number_text(value, text), '"');
}

static inline void json_put_bool(struct json *j, const char *key, bool value)
{
	json_write_raw(j, json_key(key), '\0', value ? SPAN_LITERAL("true") : SPAN_LITERAL("false"), '\0');
}

/* A string in parts: open, any number of parts, close. Parts are escaped. */
void json_open_string(struct json *j, const char *key);
void json_put_part(struct json *j, struct span part);
void json_close_string(struct json *j);
