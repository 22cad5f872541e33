/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the systemd unit, from packaging/systemd/imdsnitch.service.in. A unit that the program installed has one
 * more section, which systemd leaves alone: what was installed with it, and is to be removed with it.
 */
#pragma once

#include "base/buffer.h"
#include "service/place.h"

#define UNIT_NAME       "imdsnitch.service"
#define UNIT_PATH       "/etc/systemd/system/" UNIT_NAME
#define UNIT_GUARD_NAME "imdsnitch-guard.service"
#define UNIT_GUARD_PATH "/etc/systemd/system/" UNIT_GUARD_NAME
#define UNIT_USER       "imdsnitch"
#define UNIT_SIZE_MAX   ((size_t)64 << 10)
#define UNIT_FILES_MAX  32

/* Files, and folders with a "/" at their end, in the order they were made. */
struct unit_files {
	char path[UNIT_FILES_MAX][PATH_MAX];
	unsigned count;
};

/* The line for systemd-sysusers(8) that makes the user. */
extern const char unit_sysusers[];

/* Adds a path that is not in it; false when there is no room. */
bool unit_files_add(struct unit_files *files, const char *path);

/* Appends the unit's text for programs in this place. */
void unit_write(struct buffer *b, const struct place *place, const struct unit_files *files);

/* The unit that applies the guard's rules at boot. It is one of the files installed with the other one. */
void unit_guard_write(struct buffer *b, const struct place *place);

/* What a unit says was installed with it. Only clean absolute paths are taken. */
void unit_read_files(const char *text, struct unit_files *ret_files);
