/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

static bool find_user(const char *name, uid_t *ret_user)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	while (file && (entry = fgetpwent(file))) {
		if (strcmp(entry->pw_name, name) == 0) {
			*ret_user = entry->pw_uid;
			return true;
		}
	}
	return false;
}

static bool find_group(const char *name, gid_t *ret_group)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/group", "re");
	const struct group *entry;

	while (file && (entry = fgetgrent(file))) {
		if (strcmp(entry->gr_name, name) == 0) {
			*ret_group = entry->gr_gid;
			return true;
		}
	}
	return false;
}

int identity_find(const char *user, const char *group, uid_t *ret_user, gid_t *ret_group, const char **ret_missing)
{
	uid_t uid;
	gid_t gid;

	*ret_missing = "user";
	if (!find_user(user, &uid))
		return -ENOENT;
	*ret_missing = "group";
	if (!find_group(group, &gid))
		return -ENOENT;
	*ret_user = uid;
	*ret_group = gid;
	return 0;
}
