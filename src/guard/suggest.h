/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that allow what a history holds (guard/history.h), and nothing else. Each caller has a name: its unit when that
 * is a service, else its container, else executable and user. Units that are new at every start (sessions, scopes) and
 * those that run whatever a user likes (user@1000.service) name nobody.
 */
#pragma once

#include "guard/history.h"
#include "guard/tally.h"

struct suggestion {
	struct table *table; /* of any rules that look at requests (suggest_rules): it judges them */
	const struct endpoints *endpoints;
	uint64_t nobody;  /* the log does not know the caller */
	uint64_t outside; /* to an address that is no endpoint of these rules */
	struct tally tally;
};

extern const char suggest_rules[];

/* For history.call; `context` is the suggestion. */
void suggest_take(void *context, const struct observation *o);

/*
 * Appends the rules, with comments. There is no `deny` at the end when there are more callers than rules.
 * Returns how many calls are left out then.
 */
uint64_t suggest_write(struct suggestion *s, struct buffer *out);

void suggest_done(struct suggestion *s);
