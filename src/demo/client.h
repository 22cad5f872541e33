/* SPDX-License-Identifier: Apache-2.0 */
/* The clients of the demo: real programs where they are installed, a built-in one where they are not. */
#pragma once

/* How many there are. */
unsigned client_count(void);

/* What client number `i` does, for people; *ret_missing is the program it lacks, or NULL. */
const char *client_headline(unsigned i, const char **ret_missing);

/* Is client `i` left out when its program is missing? */
_Bool client_optional(unsigned i);

/* Runs client `i` in a child that dies with this process, and waits for it. 0, or -errno when there was no child. */
int client_run(unsigned i);
