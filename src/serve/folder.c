/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_make(const char *path, uid_t user, gid_t group, struct problem *problem)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (stat(folder, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : problem_set(problem, -ENOTDIR, "%s is no folder", folder);
	if (mkdir(folder, 0750) < 0)
		return problem_set(problem, -errno, "the folder %s cannot be made: %s", folder, strerror(errno));
	if (user && chown(folder, user, group) < 0)
		return problem_set(problem, -errno, "the folder %s cannot be given away: %s", folder, strerror(errno));
	return 0;
}
