/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/escape.h"

#include <assert.h>

/* One look at the buffer's room for all of it. */
void json_write_raw(struct json *j, struct span key, char before, struct span data, char after)
{
	char *p;

	if (!buffer_reserve(j->out, key.length + data.length + 6))
		return;
	p = j->out->data + j->out->length;
	if (j->comma)
		*p++ = ',';
	j->comma = true;
	if (key.data) {
		*p++ = '"';
		p = mempcpy(p, key.data, key.length);
		*p++ = '"';
		*p++ = ':';
	}
	if (before)
		*p++ = before;
	p = mempcpy(p, data.data, data.length);
	if (after)
		*p++ = after;
	j->out->length = (size_t)(p - j->out->data);
}

void json_write_string(struct json *j, struct span key, struct span value)
{
	size_t n = escape_plain(value);

	json_write_raw(j, key, '"', (struct span){value.data, n}, n == value.length ? '"' : '\0');
	if (n == value.length)
		return;
	escape_json(j->out, (struct span){value.data + n, value.length - n});
	buffer_byte(j->out, '"');
}

void json_open(struct json *j, struct span key, char bracket)
{
	assert(j->depth < JSON_DEPTH);
	j->open[j->depth].before = j->out->length;
	j->open[j->depth].comma = j->comma;
	json_write_raw(j, key, bracket, SPAN_LITERAL(""), '\0');
	j->open[j->depth++].inside = j->out->length;
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	assert(j->depth > 0);
	j->depth--;
	if (j->depth > 0 && j->out->length == j->open[j->depth].inside) {
		j->out->length = j->open[j->depth].before;
		j->comma = j->open[j->depth].comma;
		return;
	}
	buffer_byte(j->out, bracket);
	j->comma = true;
}

void json_open_string(struct json *j, const char *key)
{
	json_write_raw(j, json_key(key), '"', SPAN_LITERAL(""), '\0');
}

void json_put_part(struct json *j, struct span part)
{
	escape_json(j->out, part);
}

void json_close_string(struct json *j)
{
	buffer_byte(j->out, '"');
}
