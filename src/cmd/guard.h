/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard: its actions, one or a few a file. */
#pragma once

#include "base/option.h"
#include "guard/policy.h"

#define GUARD_LOGS 64

struct guard_options {
	bool json;
	const char *endpoint[ENDPOINTS_MAX]; /* --endpoint, checked */
	unsigned endpoints;
	uint64_t since;              /* --since, ns before now; 0: all there is */
	const char *log[GUARD_LOGS]; /* --log; they were there */
	unsigned logs;
};

struct guard_action {
	const char *name;
	unsigned arguments; /* how many words follow */
	unsigned optional;  /* and how many more may */
	int (*run)(const struct guard_options *o, char **words);
};

int guard_apply(const struct guard_options *o, char **words); /* FILE */
int guard_off(const struct guard_options *o, char **words);
int guard_status(const struct guard_options *o, char **words);
int guard_suggest(const struct guard_options *o, char **words);
int guard_test(const struct guard_options *o, char **words); /* [FILE] */

/* Rules that were read become the table, with the endpoints of the options. */
int guard_compile(struct policy *p, const struct guard_options *o, struct problem *problem);
