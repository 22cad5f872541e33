/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log in a folder of its own. As root the disk is a tmpfs in a mount namespace of our own, which can be full.
 */
#pragma once

#include "unit.h"

#include "base/cleanup.h"
#include "folder.h"
#include "sink/logfile.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

#define KEEP 4

static char folder[] = "/tmp/imdsnitch-logfile-XXXXXX";
static char path[NAME_ROOM];
static bool has_disk; /* `folder` is a tmpfs of 256 KiB */

static inline struct log_settings settings(uint64_t max_size)
{
	struct log_settings s = {.format = "json", .max_size = max_size, .keep = KEEP, .fsync = UINT64_MAX};

	snprintf(s.path, sizeof(s.path), "%s", path);
	return s;
}

static inline const char *numbered(unsigned number)
{
	static char text[NAME_ROOM + 16];

	snprintf(text, sizeof(text), "%s.%u", path, number);
	return number == 0 ? path : text;
}

/* A line of `length` bytes with its number. */
static inline void put(struct logfile *l, unsigned number, size_t length)
{
	_cleanup_free_ char *line = malloc(length + 1);

	assert_non_null(line);
	memset(line, 'x', length);
	snprintf(line, length, "{\"n\":%08u", number);
	line[strlen(line)] = ' ';
	line[length - 1] = '\n';
	logfile_put(l, (struct span){line, length});
}

static inline void open_log(struct logfile *l, const struct log_settings *s)
{
	struct problem problem = {0};

	assert_int_equal(logfile_open(l, s, &problem), 0);
}

static inline size_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 ? (size_t)st.st_size : 0;
}

/* Oldest first: numbers rise by one, from `first` on if that is not 0, over all files; returns how many lines. */
static inline unsigned check_order(unsigned first, unsigned *ret_last)
{
	unsigned count = 0, previous = first > 0 ? first - 1 : 0;

	for (int i = KEEP + 2; i >= 0; i--) {
		size_t length;
		_cleanup_free_ char *data = file_read(numbered((unsigned)i), &length);

		for (char *line = data; *line; line = strchr(line, '\n') + 1, count++) {
			unsigned number = 0;

			assert_non_null(strchr(line, '\n'));
			assert_int_equal(sscanf(line, "{\"n\":%u", &number), 1);
			assert_true(previous == 0 || number == previous + 1);
			previous = number;
		}
	}
	if (ret_last)
		*ret_last = previous;
	return count;
}

static inline void counts_add_up(const struct logfile *l)
{
	struct feed_state state = {0};

	logfile_report(l, &state);
	assert_int_equal(state.written + state.unwritten + state.held, l->events);
}

static inline void put_text(struct logfile *l, const char *text)
{
	logfile_put(l, span_of(text));
}

static inline int set_up(void **state)
{
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(folder))
		return -1;
	has_disk = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		   mount("tmpfs", folder, "tmpfs", 0, "size=256k") == 0;
	in_folder(folder, "calls.jsonl", path);
	return 0;
}

static inline int tear_down(void **state)
{
	folder_empty(folder);
	if (has_disk)
		umount(folder);
	return rmdir(folder);
}
