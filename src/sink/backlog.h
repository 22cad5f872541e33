/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that wait for a server, in bounded memory. The oldest are kept: when there is no room the newest are
 * dropped, until half of the room is free again, so that an outage leaves one gap and not many.
 *
 * A message is waiting, then underway (given to the kernel), then released (the server's side has it). A connection
 * that breaks makes those underway wait again.
 */
#pragma once

#include "base/buffer.h"

#define BACKLOG_MAX ((size_t)1024 * 1024) /* bytes; one message may go beyond when nothing else is there */

struct backlog {
	struct buffer bytes;
	size_t first, next; /* offsets: of the oldest message, of the oldest that waits */
	uint64_t messages, waiting;
	uint64_t dropped;
	bool full;
};

/* Would `more` bytes bring it near its bound? Then send first what can be sent. */
static inline bool backlog_is_filling(const struct backlog *b, size_t more)
{
	return b->messages > 0 && b->bytes.length - b->first + more > BACKLOG_MAX / 2;
}

/* Takes a message made of two parts; false: it was dropped, and counted. */
bool backlog_put(struct backlog *b, struct span head, struct span body);

/* The oldest message that waits; no data when none does. Valid until the next call of another function. */
struct span backlog_next(const struct backlog *b);

/* That message is underway; `mark` rises from message to message. */
void backlog_underway(struct backlog *b, uint64_t mark);

/* Forgets the messages underway whose mark is `mark` or less; returns how many. */
uint64_t backlog_release(struct backlog *b, uint64_t mark);

/* All that are underway wait again. */
void backlog_rewind(struct backlog *b);

void backlog_done(struct backlog *b);
