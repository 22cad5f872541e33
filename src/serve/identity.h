/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/*
 * The ids of a user and a group by name, from /etc/passwd and /etc/group and from nothing else: this is asked with
 * every right there is, where no NSS module has a place. 0, or -ENOENT with *ret_missing "user" or "group".
 */
int identity_find(const char *user, const char *group, uid_t *ret_user, gid_t *ret_group, const char **ret_missing);
