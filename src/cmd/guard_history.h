/* SPDX-License-Identifier: Apache-2.0 */
/* What `guard test` and `guard suggest` share: the logs they read. */
#pragma once

#include "cmd/guard.h"
#include "guard/history.h"

/*
 * Reads the logs that --log names, else the service's with what it was before it was rotated; history.call and
 * .context are set. 0, or -errno after a message. *ret_missing, where it is not NULL: the service has no log, and
 * that is no mistake.
 */
int guard_history_read(const struct guard_options *o, struct history *h, bool *ret_missing);

/* Appends a sentence, with a newline, when the logs do not reach back as far as --since asks for. */
void guard_history_reach(const struct history *h, struct buffer *out);

#define GUARD_STAMP 21
/* "2026-11-22T07:36:15Z", or "never" for 0. Returns text. */
const char *guard_stamp(uint64_t time, char text[static GUARD_STAMP]);
