// SPDX-License-Identifier: Apache-2.0
#include "demo/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METHOD_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~" /* RFC 9110 section 5.6.2 */

static struct span until(struct span s, char c)
{
	const char *end = s.length ? memchr(s.data, c, s.length) : NULL;

	return (struct span){s.data, end ? (size_t)(end - s.data) : s.length};
}

static struct span skip(struct span s, size_t n)
{
	return n >= s.length ? (struct span){s.data + s.length, 0} : (struct span){s.data + n, s.length - n};
}

static struct span trim(struct span s)
{
	while (s.length && (*s.data == ' ' || *s.data == '\t'))
		s = skip(s, 1);
	while (s.length && strchr(" \t\r", s.data[s.length - 1]))
		s.length--;
	return s;
}

static bool same_word(struct span s, const char *word)
{
	return s.length == strlen(word) && strncasecmp(s.data, word, s.length) == 0;
}

/* Takes one line, without its end, off the front of `*rest`. */
static struct span take_line(struct span *rest)
{
	struct span line = until(*rest, '\n');

	*rest = skip(*rest, line.length + 1);
	if (line.length && line.data[line.length - 1] == '\r')
		line.length--;
	return line;
}

/* "GET /path" alone. Anything longer has a version or is rubbish for request_read() to refuse. */
static bool is_simple_request(struct span line)
{
	line = trim(line);
	return span_starts(line, SPAN_LITERAL("GET /")) && !memchr(line.data + 4, ' ', line.length - 4);
}

size_t request_head_end(struct span bytes, size_t *scanned)
{
	size_t first = 0;

	while (first < bytes.length && strchr("\r\n", bytes.data[first]) && bytes.data[first])
		first++;
	if (*scanned < first)
		*scanned = first;
	for (size_t i = *scanned; i < bytes.length; i++) {
		struct span line = {bytes.data + first, i - first};

		if (bytes.data[i] != '\n')
			continue;
		if (bytes.data[i - 1] == '\n' || (i > 1 && bytes.data[i - 1] == '\r' && bytes.data[i - 2] == '\n'))
			return i + 1;
		if (!memchr(line.data, '\n', line.length) && is_simple_request(line))
			return i + 1;
	}
	*scanned = bytes.length;
	return 0;
}

static bool is_http11(const struct request *r)
{
	return r->major == 1 && r->minor == 1;
}

static int read_version(struct span s, struct request *r)
{
	if (s.length == 0) {
		r->minor = 9;
		return 0;
	}
	if (s.length != 8 || !span_starts(s, SPAN_LITERAL("HTTP/")) || !isdigit((unsigned char)s.data[5]) ||
	    s.data[6] != '.' || !isdigit((unsigned char)s.data[7]))
		return -EBADMSG;
	r->major = s.data[5] - '0';
	r->minor = s.data[7] - '0';
	r->refused = r->refused || r->major != 1 || r->minor > 1;
	r->keep_alive = is_http11(r);
	return 0;
}

static int read_request_line(struct span line, struct request *r)
{
	r->method = until(line, ' ');
	line = trim(skip(line, r->method.length));
	r->target = until(line, ' ');
	line = trim(skip(line, r->target.length));
	if (r->method.length == 0 || r->method.length > 20 || r->target.length == 0)
		return -EBADMSG;
	for (size_t i = 0; i < r->method.length; i++) {
		if (!memchr(METHOD_LETTERS, tolower((unsigned char)r->method.data[i]), sizeof(METHOD_LETTERS) - 1))
			return -EBADMSG;
		r->refused = r->refused || !isupper((unsigned char)r->method.data[i]);
	}
	return read_version(line, r);
}

static int read_length(struct span value, uint64_t *ret_length)
{
	uint64_t length = 0;

	if (value.length == 0 || value.length > 18)
		return -EBADMSG;
	for (size_t i = 0; i < value.length; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return -EBADMSG;
		length = length * 10 + (uint64_t)(value.data[i] - '0');
	}
	*ret_length = length;
	return 0;
}

static int read_field(struct span name, struct span value, struct request *r)
{
	if (same_word(name, "X-aws-ec2-metadata-token")) {
		r->has_token = true;
		r->token = value;
	} else if (same_word(name, "X-aws-ec2-metadata-token-ttl-seconds")) {
		r->has_ttl = true;
		r->ttl = value;
	} else if (same_word(name, "X-Forwarded-For") || same_word(name, "Forwarded")) {
		r->forwarded = true;
	} else if (same_word(name, "Connection")) {
		r->keep_alive = is_http11(r) ? !same_word(value, "close") : same_word(value, "keep-alive");
	} else if (same_word(name, "Expect")) {
		r->expects_continue = is_http11(r) && same_word(value, "100-continue");
	} else if (same_word(name, "Transfer-Encoding")) {
		r->chunked = same_word(value, "chunked");
	} else if (same_word(name, "Content-Length")) {
		return read_length(value, &r->length);
	}
	return 0;
}

int request_read(struct span head, struct request *ret_request)
{
	struct request r = {0};
	struct span line;
	int e;

	do {
		line = take_line(&head);
	} while (line.length == 0 && head.length);
	e = read_request_line(line, &r);
	if (e < 0)
		return e;
	while (head.length) {
		struct span name;

		line = take_line(&head);
		if (line.length == 0 || *line.data == ' ' || *line.data == '\t')
			continue;
		name = until(line, ':');
		if (name.length == line.length || read_field(name, trim(skip(line, name.length + 1)), &r) < 0)
			r.refused = true;
	}
	*ret_request = r;
	return 0;
}

static struct span origin_form(const struct request *r)
{
	struct span rest;

	if (!span_starts(r->target, SPAN_LITERAL("http://")))
		return r->target;
	rest = skip(r->target, strlen("http://"));
	rest = skip(rest, until(rest, '/').length);
	return rest.length ? rest : SPAN_LITERAL("/");
}

struct span request_path(const struct request *r)
{
	return until(origin_form(r), '?');
}

struct span request_query(const struct request *r)
{
	struct span target = origin_form(r);

	return skip(target, until(target, '?').length + 1);
}

void request_body_init(struct request_body *b, const struct request *r)
{
	*b = (struct request_body){.chunked = r->chunked, .left = r->chunked ? 0 : r->length};
	b->done = !b->chunked && b->left == 0;
}

/* One line of the chunked coding. */
static int take_chunk_line(struct request_body *b, struct span line)
{
	char digits[17] = "";
	char *end;

	switch (b->at) {
	case CHUNK_SIZE:
		line = trim(until(line, ';'));
		if (line.length == 0 || line.length >= sizeof(digits))
			return -EBADMSG;
		memcpy(digits, line.data, line.length);
		b->left = strtoull(digits, &end, 16);
		if (*end)
			return -EBADMSG;
		b->at = b->left ? CHUNK_DATA : CHUNK_TRAILER;
		return 0;
	case CHUNK_END:
		b->at = CHUNK_SIZE;
		return line.length ? -EBADMSG : 0;
	default:
		b->done = line.length == 0;
		return 0;
	}
}

ssize_t request_body_take(struct request_body *b, struct span bytes)
{
	const struct span all = bytes;

	while (!b->done && bytes.length) {
		if (!b->chunked || b->at == CHUNK_DATA) {
			size_t n = bytes.length < b->left ? bytes.length : (size_t)b->left;

			bytes = skip(bytes, n);
			b->left -= n;
			b->done = !b->chunked && b->left == 0;
			if (b->chunked && b->left == 0)
				b->at = CHUNK_END;
		} else {
			if (!memchr(bytes.data, '\n', bytes.length))
				break;
			if (take_chunk_line(b, take_line(&bytes)) < 0)
				return -EBADMSG;
		}
	}
	return (ssize_t)(all.length - bytes.length);
}
