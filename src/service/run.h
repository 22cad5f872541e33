/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the system to its end: no shell, a clean environment, a time limit, bounded output. */
#pragma once

#include <stdbool.h>

#define RUN_TEXT    8192
#define RUN_SECONDS 120

struct run_result {
	int status;          /* exit status; 128 + signal */
	char text[RUN_TEXT]; /* the start of its stdout and stderr, NUL-terminated, without the last newline */
};

/* Whether a program of this name is in one of the system's directories. */
bool run_has(const char *program);

/*
 * argv[0] is a name, looked for in the system's directories only. `input` is its standard input, NULL: none. Whatever
 * its status is, 0; -ENOENT: there is no such program; -ETIMEDOUT: it was ended after RUN_SECONDS; or another -errno.
 */
int run_program(const char *const argv[], const char *input, struct run_result *ret_result);
