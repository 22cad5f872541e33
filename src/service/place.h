/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the programs are, and where the service shall run them: where they are when that is a place of the system's
 * own, which no user can change and the sandbox of the unit shows; else in /usr/local, to which they are copied.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/problem.h"

/* The program itself, then those it runs. */
#define PLACE_PROGRAMS 6

struct place_program {
	const char *name;
	char source[PATH_MAX]; /* "": it was not found */
	char target[PATH_MAX]; /* where the service runs it; the same as `source` when it stays there */
};

struct place {
	bool copied;
	struct place_program programs[PLACE_PROGRAMS];
};

/*
 * `executable` is the program's own path without symbolic links, `libexec` the folder the build meant for the programs
 * it runs. 0 or -errno with *problem set.
 */
int place_find(const char *executable, const char *libexec, struct place *ret_place, struct problem *problem);
