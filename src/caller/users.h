/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users and groups, as the host knows them: an id is meant in the initial user namespace, so a process in a
 * container gets the name that the host gives its id, or none. A bounded cache in front of a source.
 *
 * The built-in source reads /etc/passwd, /etc/group and the links of systemd's dynamic users itself. It does not use
 * NSS: modules of NSS may talk to a network inside the process that holds capabilities, may block the pipeline for as
 * long as their server is away, cost 0.4 to 1.2 MB resident, and crash a static program (libnss_systemd, glibc 2.36).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define USERS_NAME_SIZE 256 /* LOGIN_NAME_MAX */

struct users_source {
	/* Write the name; 0, -ENOENT when there is none, or another -errno. */
	int (*user)(void *data, uint32_t uid, char name[static USERS_NAME_SIZE]);
	int (*group)(void *data, uint32_t gid, char name[static USERS_NAME_SIZE]);
	uint64_t (*now)(void *data); /* ns, never backwards; NULL: CLOCK_MONOTONIC */
	void *data;
};

extern const struct users_source users_files; /* data: a string put in front of every path; NULL: none */

struct users;

/* `source` is copied; NULL: users_files. NULL when memory is out. */
struct users *users_new(const struct users_source *source);
struct users *users_free(struct users *u); /* always returns NULL; NULL is fine */

/*
 * NULL: no such name, or not to be had now. Valid until the next call with the same `u`. Looked up at most once in 5
 * minutes (1 minute when there was none). A source that takes longer than 100 ms is left alone for 1000 times as long,
 * at most 10 minutes.
 */
const char *users_user_name(struct users *u, uint32_t uid);
const char *users_group_name(struct users *u, uint32_t gid);
