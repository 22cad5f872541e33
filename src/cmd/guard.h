/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard: its actions, one or a few a file. */
#pragma once

#include "base/option.h"
#include "guard/rules.h"

struct guard_options {
	bool json;
	const char *endpoint[ENDPOINTS_MAX]; /* --endpoint, checked */
	unsigned endpoints;
};

struct guard_action {
	const char *name;
	unsigned arguments; /* how many words follow */
	int (*run)(const struct guard_options *o, char **words);
};

int guard_apply(const struct guard_options *o, char **words); /* FILE */
int guard_off(const struct guard_options *o, char **words);
int guard_status(const struct guard_options *o, char **words);
