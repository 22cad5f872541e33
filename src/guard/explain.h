/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules read one by one, as a person reads them: what a caller and a request satisfy and why not. The table says the
 * same by other means; tests/fuzz/guard.c compares them.
 */
#pragma once

#include "base/buffer.h"
#include "call/judge.h"
#include "caller/container.h"
#include "guard/question.h"
#include "guard/selector.h"

/* What there is to know about a question. */
struct facts {
	const struct question *question;
	const struct endpoint *endpoint;
	bool cgroup_known;
	struct container container;

	bool asked; /* the fields below are those of a request; else only the connect is asked about */
	bool known; /* it could be read */
	bool path_known;
	struct span method;
	struct path path;
	enum call_version version;     /* VERSION_UNKNOWN: not known */
	enum call_class class;         /* CLASS_NONE: not known */
	const struct service *service; /* NULL: not known; also at connect */
};

/*
 * `provider` and `legacy` as for rules_compile(), `answer` from question_ask() of the same question. -ENOENT when the
 * address is no endpoint's.
 */
int facts_init(struct facts *f, const struct rules *rules, const char *provider, bool legacy, const struct question *q,
	       const struct answer *answer);

enum reading {
	READING_FITS,
	READING_DOUBT, /* a deny: nothing is known to the contrary */
	READING_LATER, /* fits so far; the request decides */
	READING_UNFIT,
	READING_UNPROVEN, /* an allow: what it looks at is not known */
	READING_NEEDS,    /* needs a request, and there never is one */
};

static inline bool reading_is_match(enum reading r)
{
	return r <= READING_LATER;
}

/* *ret_selector: the one that decided, NULL when the rule has none. */
enum reading facts_read(const struct facts *f, const struct rule *rule, const struct selector **ret_selector);

/* The first rule that matches, or TABLE_NONE. */
unsigned facts_first(const struct facts *f, const struct rules *rules, enum reading *ret_reading);

/* Appends what is known about what the selector looks at, escaped: "its unit is nginx.service". */
void facts_describe(const struct facts *f, enum selector_kind kind, struct buffer *out);
