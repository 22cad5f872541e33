/* SPDX-License-Identifier: Apache-2.0 */
#include "call/http.h"

static void begin_length(struct http *h, uint64_t length)
{
	h->left = length;
	h->state = length ? HTTP_BODY : HTTP_HEAD;
}

static void begin_chunked(struct http *h)
{
	h->left = 0;
	h->digits = 0;
	h->state = HTTP_CHUNK_SIZE;
}

/*
 * RFC 9112 section 6.3. Where the standard has the server refuse and close (a transfer coding without final chunked, or
 * in HTTP/1.0; a bad Content-Length), nothing behind the head can be relied on.
 */
void http_begin_request(struct http *h, const struct head *head)
{
	bool chunked = head->flags & HEAD_F_CHUNKED && head->minor != 0;

	if (head->major == 0)
		h->state = HTTP_OPAQUE;
	else if (chunked)
		begin_chunked(h);
	else if (head->seen & HEADER_TRANSFER_ENCODING || head->flags & HEAD_F_BAD_LENGTH)
		h->state = HTTP_LOST;
	else
		begin_length(h, head->flags & HEAD_F_LENGTH ? head->content_length : 0);
}

void http_begin_response(struct http *h, const struct head *head, enum head_method method)
{
	if (head->status == 101 || (method == METHOD_CONNECT && head->status / 100 == 2))
		h->state = HTTP_OPAQUE;
	else if (method == METHOD_HEAD || head->status == 204 || head->status == 304)
		h->state = HTTP_HEAD;
	else if (head->flags & HEAD_F_CHUNKED)
		begin_chunked(h);
	else if (head->seen & HEADER_TRANSFER_ENCODING || head->flags & HEAD_F_BAD_LENGTH ||
		 !(head->flags & HEAD_F_LENGTH))
		h->state = HTTP_UNTIL_CLOSE;
	else
		begin_length(h, head->content_length);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line of a chunk's size is over. */
static uint8_t chunk_begin(struct http *h)
{
	if (h->digits == 0)
		return HTTP_LOST;
	h->digits = 0;
	return h->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
}

static uint8_t chunk_size_byte(struct http *h, char c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		if (h->left >> 60)
			return HTTP_LOST;
		h->left = h->left << 4 | (uint64_t)digit;
		h->digits = 1;
		return HTTP_CHUNK_SIZE;
	}
	if (c == '\n')
		return chunk_begin(h);
	if (h->digits && (c == ';' || c == ' ' || c == '\t' || c == '\r'))
		return HTTP_CHUNK_EXTENSION;
	return HTTP_LOST;
}

/* One byte of chunk framing (RFC 9112 section 7.1). */
static uint8_t framing_byte(struct http *h, char c)
{
	switch (h->state) {
	case HTTP_CHUNK_SIZE:
		return chunk_size_byte(h, c);
	case HTTP_CHUNK_EXTENSION:
		return c == '\n' ? chunk_begin(h) : HTTP_CHUNK_EXTENSION;
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

static void content_end(struct http *h)
{
	if (h->left == 0)
		h->state = h->state == HTTP_BODY ? HTTP_HEAD : HTTP_CHUNK_END;
}

size_t http_feed(struct http *h, const char *data, size_t length, struct span *ret_content)
{
	size_t used = 0;

	*ret_content = (struct span){data, 0};
	if (h->state == HTTP_UNTIL_CLOSE || h->state == HTTP_OPAQUE) {
		ret_content->length = length;
		return length;
	}
	if (h->state == HTTP_BODY || h->state == HTTP_CHUNK_DATA) {
		used = h->left < length ? (size_t)h->left : length;
		ret_content->length = used;
		h->left -= used;
		content_end(h);
		return used;
	}
	while (used < length && h->state >= HTTP_CHUNK_SIZE && h->state <= HTTP_TRAILER_LINE &&
	       h->state != HTTP_CHUNK_DATA)
		h->state = framing_byte(h, data[used++]);
	return used;
}

bool http_skip(struct http *h, uint64_t length)
{
	if ((h->state != HTTP_BODY && h->state != HTTP_CHUNK_DATA) || h->left < length)
		return false;
	h->left -= length;
	content_end(h);
	return true;
}
