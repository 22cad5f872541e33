/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scrape: the request a client sends, and the response it earns. GET and HEAD of /metrics, one request a
 * connection. Pure: what moves the bytes is metrics/server.c.
 */
#pragma once

#include "base/buffer.h"
#include "bpf/head.h"

#define SCRAPE_HEAD_MAX   8192
#define SCRAPE_TARGET_MAX 512 /* a longer target's end is not looked at */

struct scrape {
	struct head head;
	char start[SCRAPE_TARGET_MAX]; /* of the request line */
};

void scrape_init(struct scrape *s);

/* Reads bytes of the request. 0: more are needed; else the status of the response, and no more is read. */
unsigned scrape_read(struct scrape *s, struct span bytes);

/* Appends the response; `content` is what a status of 200 brings. */
void scrape_answer(const struct scrape *s, unsigned status, struct span content, struct buffer *b);
