/* SPDX-License-Identifier: Apache-2.0 */
/* The root of cgroup v2: where the programs are attached. */
#pragma once

#include <stdbool.h>

#include "base/problem.h"

/*
 * Opens the root directory of the cgroup v2 hierarchy: where it is mounted (unified, or beside v1), or a private
 * mount nobody else sees. Returns a file descriptor the caller closes, or -errno with *problem set.
 */
int cgroup_root_open(struct problem *problem);

/* Is cgroup v1 in use beside v2? A process in the root of v2 may then be in a container all the same. */
bool cgroup_is_legacy(void);

/* Are we in the initial cgroup namespace? Elsewhere the "root" is a container's own cgroup. */
bool cgroup_root_is_global(void);
