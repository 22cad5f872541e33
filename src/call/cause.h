/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a call was v1: what is remembered of each process's token requests. Bounded; when a process was forgotten, or may
 * have made requests unseen, the cause is "unknown" and never guessed.
 */
#pragma once

#include "call/call.h"

struct causes;

/* Remembers up to `max` processes. NULL when memory is out. `attached_since`: CLOCK_BOOTTIME ns, 0: unknown. */
struct causes *causes_new(unsigned max, uint64_t attached_since);
struct causes *causes_free(struct causes *c); /* always NULL */

/* A token request was sent; its answer came with this status (0: it will not come any more). */
void causes_token_sent(struct causes *c, const struct process *p);
void causes_token_answered(struct causes *c, const struct process *p, unsigned status);

/* Requests may have been missed of this process; pid 0: of any process alive at `now`. */
void causes_missed(struct causes *c, const struct process *p, uint64_t now);

/* The cause of a v1 call this process makes now. */
enum call_cause causes_judge(const struct causes *c, const struct process *p, bool sdk_lacks_v2);
