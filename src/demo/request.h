/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the stand-in metadata service reads requests. On purpose its own reading of RFC 9112, not the tracer's scanner:
 * what the service received is the truth the tracer is measured against.
 */
#pragma once

#include <sys/types.h>

#include "base/span.h"

/* A head beyond this is answered 431. Far above the 100 KB a test sends. */
#define REQUEST_HEAD_MAX ((size_t)1024 * 1024)

/* Spans point into the bytes that were read. */
struct request {
	struct span method, target;
	int major, minor; /* 0 and 9: a request line without version */
	bool refused;     /* a head, but one no service takes: 400 */
	bool has_token;
	struct span token;
	bool has_ttl;
	struct span ttl;
	bool forwarded;
	bool keep_alive;
	bool expects_continue;
	bool chunked;
	uint64_t length; /* of the body, when not chunked */
};

/*
 * Looks for the end of a head, from `*scanned` on, which it moves. Returns the head's length with its empty line, 0
 * when more bytes are needed. A request line without version is a head of its own.
 */
size_t request_head_end(struct span bytes, size_t *scanned);

/* Reads a complete head. 0, or -EBADMSG when this is no HTTP. */
int request_read(struct span head, struct request *ret_request);

/* The path without scheme, authority and query; and the query without '?'. */
struct span request_path(const struct request *r);
struct span request_query(const struct request *r);

/* Where in a body the reader is. */
struct request_body {
	bool chunked;
	bool done;
	uint64_t left; /* bytes of the body or of the present chunk that are still to come */
	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER } at;
};

void request_body_init(struct request_body *b, const struct request *r);

/* Takes as much of `bytes` as belongs to the body. Returns how many bytes that were, or -EBADMSG. */
ssize_t request_body_take(struct request_body *b, struct span bytes);
