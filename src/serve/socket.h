/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket `imdsnitch status` asks: whoever connects gets one JSON document and the end of the stream. Nothing is
 * read from a client, and none is waited for. The file's mode (0660) decides who may ask.
 */
#pragma once

#include <sys/types.h>

#include "base/buffer.h"
#include "base/problem.h"

/* A document is below this, so that the kernel takes it at once. */
#define STATUS_MAX ((size_t)128 * 1024)

/*
 * Makes the socket, of `user` and `group`, and the folder it is in if that is missing. A file left behind is replaced;
 * -EADDRINUSE when a service answers on it. Returns the descriptor or -errno with the problem.
 */
int status_listen(const char *path, uid_t user, gid_t group, struct problem *problem);

/* Gives every client that waits the document, which `build` writes. */
void status_answer(int fd, void (*build)(void *context, struct buffer *out), void *context);

/* Asks the service on `path`: 0 with the document appended, or -errno with the problem. */
int status_ask(const char *path, struct buffer *document, struct problem *problem);
