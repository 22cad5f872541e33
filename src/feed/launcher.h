/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process without rights that starts the sink programs: the service itself cannot, since a program it started would
 * be held by the service's own sandbox, and needs other system calls.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/problem.h"
#include "config/settings.h"

struct launcher;

/*
 * Forks the process, which becomes `user` and `group` (0: stays what it is) and gives up every right. Programs are
 * looked for beside this executable, in ../libexec/imdsnitch from there, and where they were installed. Call it before
 * anything is loaded, and before threads. 0 or -errno with the problem.
 */
int launcher_new(uid_t user, gid_t group, struct launcher **ret_launcher, struct problem *problem);

/* Where launcher_new() finds the program for this kind of sink. False: it is not installed. */
bool launcher_find(enum settings_kind kind, char path[static PATH_MAX]);

/* NULL is fine; returns NULL. Programs that run go on until their feed ends. */
struct launcher *launcher_free(struct launcher *l);

/* 0, or -ENOENT with the problem: the program for this kind of sink is not installed. */
int launcher_check(const struct launcher *l, enum settings_kind kind, struct problem *problem);

/* Has it died? Then no program can be started any more. */
bool launcher_is_gone(const struct launcher *l);

/* Starts the program for this kind of sink. Returns our end of its socket, or -errno. */
int launcher_start(struct launcher *l, enum settings_kind kind);
