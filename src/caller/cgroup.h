/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a process's cgroups says where it lives. Pure. */
#pragma once

#include "caller/container.h"

/* What /proc/PID/cgroup says, cgroups(7): "HIERARCHY:CONTROLLERS:PATH" lines. */
struct cgroup_lines {
	struct span unified;        /* path of the v2 line; absent: none */
	struct span legacy;         /* path of the best v1 line that is not the root; absent: none */
	struct container container; /* of `legacy` */
};

/*
 * The best v1 line is one whose path names a container; among these, or when there is none, name=systemd goes before
 * pids, memory, cpu, devices, freezer and the rest. A line cut by the end of the text does not count.
 */
void cgroup_parse(struct span text, struct cgroup_lines *ret_lines);
