/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard: its actions, one or a few a file. */
#pragma once

#include "base/option.h"
#include "guard/policy.h"

#define GUARD_LOGS    64

#define GUARD_GROUPS  64
#define GUARD_HEADERS 16

#define GUARD_RULES   "/etc/imdsnitch/guard.rules"

/* explain: the call that is asked about; NULL: not said. */
struct guard_call {
	uint32_t uid;
	const char *user; /* as it was said */
	uint32_t groups[GUARD_GROUPS];
	unsigned group_count;
	bool has_uid, has_groups, v1, v2;
	const char *exe, *unit, *container, *cgroup, *method, *path;
	const char *header[GUARD_HEADERS];
	unsigned headers;
	struct endpoints address; /* none or one */
};

struct guard_options {
	bool json, hits;
	const char *endpoint[ENDPOINTS_MAX]; /* --endpoint, checked */
	unsigned endpoints;
	struct guard_call call;
	uint64_t since;              /* --since, ns before now; 0: all there is */
	const char *log[GUARD_LOGS]; /* --log; they were there */
	unsigned logs;
	const char *inventory; /* --inventory; it was there. NULL: not said */
};

struct guard_action {
	const char *name;
	unsigned least, most;                                    /* words that follow */
	const char *expected;                                    /* what they are */
	int (*run)(const struct guard_options *o, char **words); /* ended by a NULL */
};

extern const struct option_spec guard_call_options[], guard_check_options[];

int guard_apply(const struct guard_options *o, char **words); /* FILE */
int guard_off(const struct guard_options *o, char **words);
int guard_status(const struct guard_options *o, char **words);
int guard_check(const struct guard_options *o, char **words);   /* FILE */
int guard_explain(const struct guard_options *o, char **words); /* [FILE] */

/* The rules of a file, compiled for this machine; mistakes are said. */
int guard_read_rules(const char *path, struct policy *ret_policy);
int guard_suggest(const struct guard_options *o, char **words);
int guard_test(const struct guard_options *o, char **words); /* [FILE] */

/* Rules that were read become the table, with the endpoints of the options. */
int guard_compile(struct policy *p, const struct guard_options *o, struct problem *problem);
