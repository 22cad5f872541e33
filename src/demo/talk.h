/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the stand-in service: reads requests, has them answered, writes the log. */
#pragma once

#include "demo/standin.h"

struct talk_context {
	struct answer_rules rules;
	struct tokens tokens;
	FILE *log;
};

struct talk;

/* Takes the connected, non-blocking `fd`. NULL when memory is out (fd is closed). */
struct talk *talk_new(struct talk_context *context, int fd);

/* Logs the requests that will get no answer, closes. Returns NULL. */
struct talk *talk_free(struct talk *t);

int talk_fd(const struct talk *t);
short talk_events(const struct talk *t); /* for poll() */
uint64_t talk_due(const struct talk *t); /* when talk_serve() is to be called without an event, ms; 0: never */

/* Does what can be done without waiting. False when the connection is over. */
bool talk_serve(struct talk *t, uint64_t now);
