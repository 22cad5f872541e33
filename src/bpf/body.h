/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lies behind a request's head: where the message ends (RFC 9112 sections 6 and 7). One text for user space
 * (call/http.c) and for the guard's kernel programs, so that both find the next head at the same byte.
 */
#pragma once

#include "bpf/head.h"

enum http_state {
	HTTP_HEAD, /* at or in a head */
	HTTP_BODY, /* Content-Length: `left` bytes to come */
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_EXTENSION,
	HTTP_CHUNK_DATA, /* `left` bytes of this chunk to come */
	HTTP_CHUNK_END,  /* the line end behind a chunk's data */
	HTTP_TRAILER,    /* at the start of a trailer line */
	HTTP_TRAILER_LINE,
	HTTP_UNTIL_CLOSE, /* a response that ends with the connection */
	HTTP_OPAQUE,      /* not HTTP from here on: a tunnel, another protocol */
	HTTP_LOST,        /* message boundaries are not known */
};

struct http {
	__u64 left;
	__u8 state;  /* enum http_state */
	__u8 digits; /* of the chunk size */
	__u8 reserved[6];
};

static inline void body_begin_length(struct http *h, __u64 length)
{
	h->left = length;
	h->state = length ? HTTP_BODY : HTTP_HEAD;
}

static inline void body_begin_chunked(struct http *h)
{
	h->left = 0;
	h->digits = 0;
	h->state = HTTP_CHUNK_SIZE;
}

/*
 * RFC 9112 section 6.3. Where the standard has the server refuse and close (a transfer coding without final chunked, or
 * in HTTP/1.0; a bad Content-Length), nothing behind the head can be relied on.
 */
static inline void body_begin_request(struct http *h, const struct head *head)
{
	int chunked = head->flags & HEAD_F_CHUNKED && head->minor != 0;

	if (head->major == 0)
		h->state = HTTP_OPAQUE;
	else if (chunked)
		body_begin_chunked(h);
	else if (head->seen & HEADER_TRANSFER_ENCODING || head->flags & HEAD_F_BAD_LENGTH)
		h->state = HTTP_LOST;
	else
		body_begin_length(h, head->flags & HEAD_F_LENGTH ? head->content_length : 0);
}

static inline int body_hex(__u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line of a chunk's size is over. */
static inline __u8 body_chunk_begin(struct http *h)
{
	if (h->digits == 0)
		return HTTP_LOST;
	h->digits = 0;
	return h->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
}

static inline __u8 body_size_byte(struct http *h, __u8 c)
{
	int digit = body_hex(c);

	if (digit >= 0) {
		if (h->left >> 60)
			return HTTP_LOST;
		h->left = h->left << 4 | (__u64)digit;
		h->digits = 1;
		return HTTP_CHUNK_SIZE;
	}
	if (c == '\n')
		return body_chunk_begin(h);
	if (h->digits && (c == ';' || c == ' ' || c == '\t' || c == '\r'))
		return HTTP_CHUNK_EXTENSION;
	return HTTP_LOST;
}

/* One byte of chunk framing (RFC 9112 section 7.1). Returns the state then. */
static inline __u8 body_framing_byte(struct http *h, __u8 c)
{
	switch (h->state) {
	case HTTP_CHUNK_SIZE:
		return body_size_byte(h, c);
	case HTTP_CHUNK_EXTENSION:
		return c == '\n' ? body_chunk_begin(h) : HTTP_CHUNK_EXTENSION;
	case HTTP_CHUNK_END:
		if (c == '\r')
			return HTTP_CHUNK_END;
		return c == '\n' ? HTTP_CHUNK_SIZE : HTTP_LOST;
	case HTTP_TRAILER:
		if (c == '\r')
			return HTTP_TRAILER;
		return c == '\n' ? HTTP_HEAD : HTTP_TRAILER_LINE;
	case HTTP_TRAILER_LINE:
		return c == '\n' ? HTTP_TRAILER : HTTP_TRAILER_LINE;
	default:
		return HTTP_LOST;
	}
}

/* Is the state one of body_framing_byte()'s? */
static inline int body_in_framing(const struct http *h)
{
	return h->state >= HTTP_CHUNK_SIZE && h->state <= HTTP_TRAILER_LINE && h->state != HTTP_CHUNK_DATA;
}

/* Is the state one with `left` bytes to come? */
static inline int body_in_content(const struct http *h)
{
	return h->state == HTTP_BODY || h->state == HTTP_CHUNK_DATA;
}

/* `length` bytes of content went by, at most `left`. */
static inline void body_taken(struct http *h, __u64 length)
{
	h->left -= length;
	if (h->left == 0)
		h->state = h->state == HTTP_BODY ? HTTP_HEAD : HTTP_CHUNK_END;
}
