/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an HTTP/1 message ends (RFC 9112 sections 6 and 7). One struct http per direction of a conversation; heads are
 * read elsewhere (call/message.h), this is what lies behind them.
 */
#pragma once

#include "base/span.h"
#include "bpf/body.h"

/* The head is complete. Afterwards the state is HTTP_HEAD when there is no body. */
void http_begin_request(struct http *h, const struct head *head);
/* `method` is that of the request answered; the head must not be an interim (1xx) one. */
void http_begin_response(struct http *h, const struct head *head, enum head_method method);

/*
 * Reads body bytes. Returns how many it took (> 0 for length > 0 in a body state); *ret_content is the part of them
 * that is content, without chunk framing. Back in HTTP_HEAD: the message is over. HTTP_LOST: the framing is broken.
 */
size_t http_feed(struct http *h, const char *data, size_t length, struct span *ret_content);

/* Skips bytes that were not seen: true when all of them lie in a body or chunk of known length. */
bool http_skip(struct http *h, uint64_t length);

/* In a body, that is neither at a head nor without framing? */
static inline bool http_in_body(const struct http *h)
{
	return h->state > HTTP_HEAD && h->state <= HTTP_UNTIL_CLOSE;
}
