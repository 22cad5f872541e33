/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head scanner against http-parser (the parser of older Node.js): whatever http-parser takes as an HTTP/1.x request
 * head must be read in the same way. Used by tests/unit/head.c and by the fuzzer.
 */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <http_parser.h>

#include "bpf/head.h"

struct reference {
	const char *data;
	const char *url;
	size_t url_length;
	uint32_t seen;
	bool complete, chunked, invalid;
	bool coding;  /* in a header whose name begins with Transfer-Encoding */
	bool valued;  /* that header had a value before this line */
	bool forgets; /* a chunked before this would be forgotten, see reference_value() */
};

static inline int reference_url(http_parser *p, const char *at, size_t length)
{
	struct reference *r = p->data;

	r->url = at;
	r->url_length = length;
	return 0;
}

static inline int reference_field(http_parser *p, const char *at, size_t length)
{
	static const char *const names[] = HEAD_NAME_LIST;
	static const char coding[] = "Transfer-Encoding";
	struct reference *r = p->data;

	r->coding = length >= sizeof(coding) - 1 && strncasecmp(coding, at, sizeof(coding) - 1) == 0;
	r->valued = false;
	if (r->coding && length > sizeof(coding) - 1)
		r->forgets = true;
	if (memchr(at, ' ', length))
		r->invalid = true;
	for (unsigned k = 0; k < HEAD_NAMES; k++)
		if ((HEAD_HEADERS >> k & 1) && strlen(names[k]) == length && strncasecmp(names[k], at, length) == 0)
			r->seen |= 1U << k;
	return 0;
}

/*
 * http-parser forgets that the last transfer coding was chunked at another header whose name only begins with
 * Transfer-Encoding, at another Transfer-Encoding without a value (an empty list element, which RFC 9110 section 5.6.1
 * has ignored), and at a folded line of nothing but spaces (which are optional white space, RFC 9112 section 5.2).
 */
static inline int reference_value(http_parser *p, const char *at, size_t length)
{
	struct reference *r = p->data;
	size_t spaces = 0;

	while (spaces < length && at[spaces] == ' ')
		spaces++;
	if (r->coding && (length == 0 || (r->valued && spaces == length)))
		r->forgets = true;
	r->valued = true;
	return 0;
}

static inline int reference_complete(http_parser *p)
{
	struct reference *r = p->data;

	r->complete = true;
	r->chunked = p->flags & F_CHUNKED;
	http_parser_pause(p, 1);
	return 0;
}

/* Debian's build is the lenient one: what RFC 9112 forbids is checked here. */
static inline bool reference_valid(const struct reference *r, const http_parser *p, size_t length)
{
	const char *at, *end = r->data + length;

	if (!r->complete || r->invalid || p->http_major != 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (r->data[i] == '\r' && (i + 1 == length || r->data[i + 1] != '\n'))
			return false;
	for (size_t i = 0; i < r->url_length; i++)
		if ((unsigned char)r->url[i] <= ' ' || r->url[i] == 0x7f)
			return false;
	at = r->url + r->url_length;
	while (at < end && *at == ' ')
		at++;
	return end - at >= 5 && memcmp(at, "HTTP/", 5) == 0;
}

/* http-parser knows neither tabs nor empty elements in a list; RFC 9110 section 5.6 does. */
static inline bool reference_knows_chunked(const struct reference *r, size_t length)
{
	return (r->chunked || !r->forgets) && !memchr(r->data, '\t', length) && !memchr(r->data, ',', length);
}

static inline const char *head_differs(const struct head *h, enum head_result result, const http_parser *p,
				       const struct reference *r, size_t length)
{
	const char *method = http_method_str((enum http_method)p->method);

	if (result != HEAD_DONE)
		return "not complete";
	if (h->leading + h->length != length)
		return "head length";
	if (h->major != p->http_major || h->minor != p->http_minor)
		return "version";
	if (strlen(method) != h->method.length || memcmp(method, r->data + h->leading, h->method.length) != 0)
		return "method";
	if (h->target.length != r->url_length || r->data + h->leading + h->target.offset != r->url)
		return "target";
	if (h->seen != r->seen)
		return "headers";
	if (!!(h->flags & HEAD_F_CHUNKED) != r->chunked && reference_knows_chunked(r, length))
		return "chunked";
	if (h->flags & HEAD_F_BAD_LENGTH)
		return "bad content-length";
	if (h->flags & HEAD_F_LENGTH ? h->content_length != p->content_length : p->content_length != UINT64_MAX)
		return "content-length";
	return NULL;
}

/* NULL when both agree or http-parser rejects; else what differs. `*ret_accepted`: http-parser took it. */
static inline const char *head_compare(const char *data, size_t length, bool *ret_accepted)
{
	struct reference r = {.data = data};
	http_parser_settings settings = {.on_url = reference_url,
					 .on_header_field = reference_field,
					 .on_header_value = reference_value,
					 .on_headers_complete = reference_complete};
	enum head_result result = HEAD_MORE;
	struct head h;
	http_parser p;
	size_t n;

	http_parser_init(&p, HTTP_REQUEST);
	p.data = &r;
	n = http_parser_execute(&p, &settings, data, length);
	*ret_accepted = reference_valid(&r, &p, length);
	head_init(&h, HEAD_REQUEST);
	for (size_t i = 0; i < length && result == HEAD_MORE; i++)
		result = head_step(&h, (uint8_t)data[i]);
	if (!*ret_accepted)
		return NULL;
	return head_differs(&h, result, &p, &r, n + 1);
}
