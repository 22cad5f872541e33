/* SPDX-License-Identifier: Apache-2.0 */
/* One explained failure on its way up: what, where, what to do. Lower layers fill it, commands print it. */
#pragma once

struct problem {
	char text[512]; /* empty: none */
};

/* Writes the text and returns r, so that a function can `return problem_set(p, -EPERM, …)`. p may be NULL. */
int problem_set(struct problem *p, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));
