/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel and these rights allow, one ability at a time: for doctor, and to explain why watch cannot run. */
#pragma once

#include <stdbool.h>

#include "base/problem.h"

/* Who cannot do without it. */
enum ability_need { NEED_NOBODY, NEED_WATCH, NEED_GUARD };

struct ability {
	const char *name;   /* "BTF" */
	const char *needed; /* what for */
	enum ability_need need;
	/* 0, or -errno with *problem saying why not and what to do. */
	int (*check)(const struct ability *a, struct problem *problem);
};

/* In the order in which one depends on the other; ended by a NULL name. */
extern const struct ability abilities[];

/* The first required ability that is missing, with *problem set; NULL when there is none. */
const struct ability *ability_missing(struct problem *problem);
