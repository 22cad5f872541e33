/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the arguments of a process (caller/caller.h), within a bound, and quotes them as a shell reads them. */
#pragma once

#include "caller/caller.h"

/*
 * Bytes of arguments of one process in one event, so that no caller makes a line of any length: above what a script
 * given to a shell or a Java class path needs. What is cut is said (struct args.cut).
 */
#define ARGS_MAX ((size_t)256 * 1024)

struct args {
	struct span rest;
	bool cut; /* `max` left something out, or the process's arguments were cut before */
};

/* The first `max` bytes of the arguments of p; a process without known arguments has none. */
struct args args_of(const struct process *p, size_t max);

/* The next argument without its NUL; false at the end. */
bool args_next(struct args *a, struct span *ret_arg);

/*
 * Calls `part` with the pieces that, one after the other, are the arguments joined by spaces and quoted for a POSIX
 * shell: two different lists of arguments never give the same text.
 */
void args_quote(struct args a, void (*part)(void *context, struct span piece), void *context);
