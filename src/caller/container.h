/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a cgroup path to container, pod and unit. Pure; the path may hold any bytes.
 *
 * Which component is believed. Whoever a cgroup is delegated to may create cgroups of any name below it: a user below
 * user@UID.service, a service with Delegate=, everything inside a container. So the path is walked from the root and
 * only names that root's own managers gave count: slices, plain directories, and the first container or unit met.
 * What comes below the first container or unit is claimed by the one inside and is not read, with two exceptions:
 * below the service of a container manager (containerd.service …), which is root's as well, and the
 * libpod-payload-ID that podman --cgroups=split puts below the service that runs it. In consequence
 *  - a container inside a container (kind, docker in docker) is reported as the outer one;
 *  - a rootless container has none: its unit is user@UID.service, its name could be forged by that user;
 *  - the processes that watch over a container (conmon, lxc.monitor, nspawn's supervisor) are not in it.
 */
#pragma once

#include "base/span.h"

#define CONTAINER_NAME_SIZE 256 /* NAME_MAX and a NUL */

/* Empty strings and NULL: none, or unknown. */
struct container {
	const char *runtime; /* "docker", "containerd", "cri-o", "podman", "lxc", "systemd-nspawn"; static storage */
	char id[CONTAINER_NAME_SIZE];
	char pod_uid[37]; /* dashes as in the Kubernetes API; static pods have 32 hex digits without */
	/*
	 * As sd_pid_get_unit(3): the first unit below the slices, thus user@1000.service and not what that user runs
	 * in it. A scope that only holds the container is left out: container.id says it, and its name is new at
	 * every start.
	 */
	char unit[CONTAINER_NAME_SIZE];
};

/* `path` is absolute, from the root of the hierarchy. Names longer than NAME_MAX end the walk. */
void container_parse(struct span path, struct container *ret_container);
