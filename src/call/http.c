/* SPDX-License-Identifier: Apache-2.0 */
#include "call/http.h"

void http_begin_request(struct http *h, const struct head *head)
{
	body_begin_request(h, head);
}

void http_begin_response(struct http *h, const struct head *head, enum head_method method)
{
	if (head->status == 101 || (method == METHOD_CONNECT && head->status / 100 == 2))
		h->state = HTTP_OPAQUE;
	else if (method == METHOD_HEAD || head->status == 204 || head->status == 304)
		h->state = HTTP_HEAD;
	else if (head->flags & HEAD_F_CHUNKED)
		body_begin_chunked(h);
	else if (head->seen & HEADER_TRANSFER_ENCODING || head->flags & HEAD_F_BAD_LENGTH ||
		 !(head->flags & HEAD_F_LENGTH))
		h->state = HTTP_UNTIL_CLOSE;
	else
		body_begin_length(h, head->content_length);
}

size_t http_feed(struct http *h, const char *data, size_t length, struct span *ret_content)
{
	size_t used = 0;

	*ret_content = (struct span){data, 0};
	if (h->state == HTTP_UNTIL_CLOSE || h->state == HTTP_OPAQUE) {
		ret_content->length = length;
		return length;
	}
	if (body_in_content(h)) {
		used = h->left < length ? (size_t)h->left : length;
		ret_content->length = used;
		body_taken(h, used);
		return used;
	}
	while (used < length && body_in_framing(h))
		h->state = body_framing_byte(h, (uint8_t)data[used++]);
	return used;
}

bool http_skip(struct http *h, uint64_t length)
{
	if (!body_in_content(h) || h->left < length)
		return false;
	body_taken(h, length);
	return true;
}
