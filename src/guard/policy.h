/* SPDX-License-Identifier: Apache-2.0 */
/* From a rule file to what the gate takes: rules and table together. */
#pragma once

#include "guard/compile.h"

struct policy {
	struct rules *rules;
	struct table *table;
};

/* Where the rules come from, and what they are compiled for. */
struct policy_source {
	const char *path;
	const char *provider; /* as for rules_compile(); NULL: by DMI */
	bool legacy;
	rules_mistake mistake; /* gets every mistake as text */
	void *context;
};

/* 0; -EINVAL: there are mistakes; or -errno: the file cannot be read. All of it was told. */
int policy_read(const struct policy_source *source, struct policy *ret_policy);

/*
 * For a file that cannot be applied: does it say `boot closed` all the same, in a line of its own? Returns that line,
 * or 0. Nothing else in the file is looked at.
 */
unsigned policy_boot_closed(const char *path);

/* Nobody may call: enforced, by the rule file's line `line`. */
int policy_closed(const struct policy_source *source, unsigned line, struct policy *ret_policy);

void policy_done(struct policy *p);
