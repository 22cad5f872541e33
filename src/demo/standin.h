/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in metadata service: one thread, one poll(), as many listeners as wanted, HTTP/1.1 with keep-alive and
 * pipelining. Its log is the ground truth for the tracer's events: one line for each request whose head was
 * complete, written when its answer is out or its connection is gone:
 *
 *   method TAB target TAB HTTP-version TAB token|- TAB status|- TAB client TAB client-port TAB service TAB bytes TAB
 * bytes
 *
 * Bytes that are not printable ASCII are \xNN. The last two are the request's head and body, and what of the answer
 * (without 1xx answers) was given to the kernel; the status is '-' when no whole status line was.
 */
#pragma once

#include <stdio.h>

#include "demo/answer.h"

struct standin;

/* `log` may be NULL; it is borrowed and flushed at every line. NULL when memory is out. */
struct standin *standin_new(const struct answer_rules *rules, FILE *log);
struct standin *standin_free(struct standin *s);

/*
 * Listens on "ADDR", "ADDR:PORT" or "[ADDR6]:PORT", port 80 unless said. `protocol`: 0 for TCP, or IPPROTO_MPTCP.
 * 0 or -errno.
 */
int standin_listen(struct standin *s, const char *address, int protocol);

/*
 * Serves until `*stop` becomes true. A signal handler sets it: the signal should be blocked, it is let in only while
 * the service waits. 0 or -errno.
 */
int standin_run(struct standin *s, const volatile bool *stop);
