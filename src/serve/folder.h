/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "base/problem.h"

/*
 * Makes the folder that `path` lies in when it is missing and its own parent is there, mode 0750, owned by `user` and
 * `group` (user 0: by who we are). 0 or -errno with the problem.
 */
int folder_make(const char *path, uid_t user, gid_t group, struct problem *problem);
