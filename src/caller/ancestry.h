/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executable and arguments of ancestors, read from /proc and kept for a second: a busy shell script is not read anew
 * for every call of every child. Bounded: the entry not used for longest is given up.
 */
#pragma once

#include "caller/caller.h"

#define ANCESTRY_ENTRIES  512
#define ANCESTRY_ARGS_MAX 1024 /* as much as the kernel takes from the caller itself */

struct ancestry;

struct ancestry *ancestry_new(void);                /* NULL when memory is out */
struct ancestry *ancestry_free(struct ancestry *a); /* always returns NULL; NULL is fine */

/*
 * Completes an ancestor of which pid, start and name are known from the kernel. It is left as it is when the process is
 * gone or its name is another now (it has run another program since). `limit`: longer arguments are cut, a longer path
 * is left out. `a` may be NULL (nothing is kept), `now` is in ns and never goes backwards.
 */
void ancestry_complete(struct ancestry *a, int proc, uint64_t now, size_t limit, struct process *p);
