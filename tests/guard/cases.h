/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tests/guard/cases: what its comment says. Malformed lines end the program. */
#pragma once

#include "base/buffer.h"
#include "guard/question.h"

struct cases_question {
	unsigned line; /* in the file */
	const char *text;
	struct question question;
	bool legacy;
	const char *verdict; /* "allow", "eperm", "eacces", "later" */
	unsigned rule_line;  /* in the rules; 0: none */
};

/* For each set of rules, then for each question about it. */
struct cases_reader {
	void (*rules)(void *context, const char *name, struct span text);
	void (*question)(void *context, const struct cases_question *q);
	void *context;
};

void cases_read(const char *path, const struct cases_reader *reader);
