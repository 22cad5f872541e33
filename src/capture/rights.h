/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/* Open files that attaching and reading other processes take, with room to spare. */
#define RIGHTS_FILES 64

/* Raises the limit of open files to RIGHTS_FILES, if it is lower. 0, or -errno: the limit was set to stay. */
int rights_raise_files(void);

/* Takes the limit of locked memory away: kernels before 5.11 charge maps to it (commit d5299b67dd59). 0 or -errno. */
int rights_raise_memory(void);

/*
 * Gives up every capability but those that reading other processes' /proc entries needs (CAP_SYS_PTRACE for exe and
 * cwd, CAP_DAC_READ_SEARCH for files of others), and the way to get any back. These two are not inherited by programs
 * that are run later. Call it when all is attached and open.
 * Becomes `user` and `group`, unless `user` is 0, which stays who it is. 0 or -errno.
 */
int rights_drop(uid_t user, gid_t group);

/* As rights_drop(), keeping nothing. */
int rights_drop_all(uid_t user, gid_t group);
