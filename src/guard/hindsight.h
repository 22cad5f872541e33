/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules would have done to calls of which only the inventory's rows are left (guard/folded.h).
 *
 * A row stands for many calls, and does not tell everything of each. So a rule holds for all of them, for none, or it
 * is not known: then what the rules do is looked at both ways. Where it comes to the same, it is what they do; where it
 * does not, the row is in doubt.
 */
#pragma once

#include "guard/folded.h"
#include "guard/rules.h"
#include "guard/tally.h"

/* The rules, and what they were compiled to, and for. */
struct hindsight_rules {
	const struct rules *rules;
	const struct table *table;
	const char *provider; /* as for rules_compile() */
};

struct hindsight {
	struct hindsight_rules by;

	/* Rows, and the calls they count. */
	struct hindsight_count {
		uint64_t rows, calls;
	} all, allowed, refused;
	struct hindsight_count doubtful; /* refused or not */
	struct hindsight_count nobody;   /* the caller is not known: not judged */
	struct hindsight_count outside;  /* of a service that these rules have no endpoint of: not judged */
	struct tally tally;              /* calls that were refused, or are in doubt; keys: hindsight_read() */
};

/* For folded_reader.row; `context` is the hindsight. */
void hindsight_take(void *context, const struct folded *row);
void hindsight_done(struct hindsight *h);

/* What becomes of a row's calls. */
struct hindsight_answer {
	bool may_pass, may_be_refused; /* both: in doubt */
	bool later;                    /* another rule, further down, may be the one that refuses */
	uint32_t rule;                 /* the first that may refuse */
	uint32_t unknown;              /* SELECTOR_BIT() of what would have to be known */
};

/* 0, or -ENOENT: no endpoint of the rules has the row's service. */
int hindsight_ask(const struct hindsight_rules *by, const struct folded *row, struct hindsight_answer *ret_answer);

/* Whom, for what, and by which rule. Spans point into the row, and are as they are in the database; absent: none. */
struct hindsight_finding {
	uint32_t uid;
	struct hindsight_answer answer;
	struct span user, executable, place_kind, place, service, version, class, request;
};
void hindsight_read(const struct tally_row *row, struct hindsight_finding *ret);
