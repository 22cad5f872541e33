/* SPDX-License-Identifier: Apache-2.0 */
/* What rules would have done to the calls of a history (guard/history.h). */
#pragma once

#include "guard/history.h"
#include "guard/rules.h"
#include "guard/tally.h"

/* Why a denial may be none: what the log does not have decides. The guard would know. */
enum {
	DOUBT_GROUPS = 1,  /* the caller's supplementary groups, which no log has */
	DOUBT_REQUEST = 2, /* the request, which was not seen whole */
};

struct rehearsal {
	const struct rules *rules;
	struct table *table; /* of these rules; is changed while a question is asked, and then as it was */

	uint64_t allowed, refused;
	uint64_t groups;    /* of the refused: DOUBT_GROUPS */
	uint64_t request;   /* of the refused: DOUBT_REQUEST */
	uint64_t nobody;    /* the log does not know the caller: not judged */
	uint64_t outside;   /* to an address that is no endpoint of these rules: not judged */
	struct tally tally; /* of the refused; keys: refusal_read() */
};

/* For history.call; `context` is the rehearsal. */
void rehearsal_take(void *context, const struct observation *o);
void rehearsal_done(struct rehearsal *r);

/* Whom, and by which rule. Spans point into the row; absent: not known. */
struct refusal {
	uint32_t uid, rule;
	uint32_t doubts; /* DOUBT_* */
	struct span user, exe, unit, container;
};
void refusal_read(const struct tally_row *row, struct refusal *ret);

/*
 * As question_ask(). Where the port is no endpoint's, who alone decides, as it does for what is not TCP. *ret_doubts:
 * DOUBT_*, of a denial.
 */
int rehearsal_ask(struct table *t, const struct endpoints *endpoints, const struct observation *o,
		  struct answer *ret_answer, uint32_t *ret_doubts);
