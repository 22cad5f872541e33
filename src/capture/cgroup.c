/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "capture/cgroup.h"

#define CGROUP2_MAGIC   0x63677270 /* linux/magic.h */
/* The inode number of the initial cgroup namespace: PROC_CGROUP_INIT_INO, linux/proc_ns.h. */
#define CGROUP_INIT_INO 0xEFFFFFFBU

static int directory_open(const char *path)
{
	struct statfs fs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_MAGIC) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/* A mount shows the root only when it was not made of a directory below it (fourth field of proc_pid_mountinfo(5)). */
static int mounted_open(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], root[1024], point[1024];

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		const char *type = strstr(line, " - cgroup2 ");
		int fd;

		if (!type || sscanf(line, "%*d %*d %*s %1023s %1023s", root, point) != 2 || strcmp(root, "/") != 0)
			continue;
		fd = directory_open(point);
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

/* A detached mount (fsopen(2), Linux 5.2): seen by nobody, gone with the descriptor. */
static int private_open(void)
{
	_cleanup_close_ int context = (int)syscall(SYS_fsopen, "cgroup2", 1U /* FSOPEN_CLOEXEC */);
	_cleanup_close_ int mount = -1;
	int fd;

	if (context < 0)
		return -errno;
	if (syscall(SYS_fsconfig, context, 6U /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
		return -errno;
	mount = (int)syscall(SYS_fsmount, context, 1U /* FSMOUNT_CLOEXEC */, 0U);
	if (mount < 0)
		return -errno;
	fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_root_open(struct problem *problem)
{
	int fd = mounted_open();

	if (fd >= 0)
		return fd;
	fd = private_open();
	if (fd < 0)
		return problem_set(problem, fd,
				   "cgroup v2 is not mounted and could not be mounted privately (%s); run: mount -t "
				   "cgroup2 none /sys/fs/cgroup/unified",
				   strerror(-fd));
	return fd;
}

bool cgroup_root_is_global(void)
{
	struct stat st;

	return stat("/proc/self/ns/cgroup", &st) == 0 && st.st_ino == CGROUP_INIT_INO;
}

bool cgroup_is_legacy(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup "))
			return true;
	return false;
}
