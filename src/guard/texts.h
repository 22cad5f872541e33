/* SPDX-License-Identifier: Apache-2.0 */
/* The part of compiling that makes automata: executables, cgroups, units, containers, paths, and what judges a path. */
#pragma once

#include "base/problem.h"
#include "guard/rules.h"

struct compiler {
	const struct rules *rules;
	struct table *t;
	struct problem *problem;
	uint32_t cells, states, sets; /* used */
};

/* When `all` and the addresses are in the table. 0 or -errno with the problem. */
int compile_texts(struct compiler *c);
