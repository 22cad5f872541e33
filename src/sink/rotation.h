/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a log that is rotated: PATH is written, PATH.1 is the one before, PATH.2 the one before that. Only
 * renames: whenever the program ends, each line is in one file, and the order of the numbers is that of time. A gap in
 * the numbers is what a program leaves that was killed between two renames; the next rotation closes it.
 */
#pragma once

#include <stdint.h>

/*
 * Makes PATH into PATH.1, the others one older, removes those above `keep`, and gives an open, new, empty, locked file
 * of the name PATH. 0, or -errno: PATH is as it was, perhaps with one old file less.
 */
int rotation_make(const char *path, uint64_t keep, int *ret_fd);

/* Removes what a program that was killed while rotating may have left beside the log. */
void rotation_clean(const char *path);
