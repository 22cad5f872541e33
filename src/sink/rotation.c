/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "sink/output.h"

struct name {
	char text[PATH_MAX];
};

static int number_name(const char *path, uint64_t number, struct name *ret_name)
{
	int n = snprintf(ret_name->text, sizeof(ret_name->text), "%s.%" PRIu64, path, number);

	return n < 0 || (size_t)n >= sizeof(ret_name->text) ? -ENAMETOOLONG : 0;
}

/* Where the next file waits; hidden, so that "calls.jsonl*" is never more than the log. */
static int next_name(const char *path, struct name *ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
	int n = snprintf(ret_name->text, sizeof(ret_name->text), "%.*s.%s.next", (int)folder, path, path + folder);

	return n < 0 || (size_t)n >= sizeof(ret_name->text) ? -ENAMETOOLONG : 0;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* The files above `keep`, of a time when more were kept. */
static void remove_surplus(const char *path, uint64_t keep)
{
	struct name name;
	int r;

	do
		r = number_name(path, ++keep, &name);
	while (r == 0 && unlink(name.text) == 0);
}

/* The first number that is free, up to `keep`; the oldest file goes where none is. */
static int free_number(const char *path, uint64_t keep, uint64_t *ret_number)
{
	struct name name;
	int r;

	for (uint64_t i = 1; i <= keep; i++) {
		r = number_name(path, i, &name);
		if (r < 0)
			return r;
		*ret_number = i;
		if (!exists(name.text))
			return 0;
	}
	return unlink(name.text) < 0 ? -errno : 0;
}

static int create_next(const struct name *next)
{
	int fd = output_create(next->text);

	if (fd == -EEXIST && unlink(next->text) == 0)
		fd = output_create(next->text);
	return fd;
}

/* From the free number down, so that no name is ever taken. */
static int shift(const char *path, uint64_t number)
{
	struct name older, newer;
	int r = 0;

	for (; number > 1 && r == 0; number--) {
		r = number_name(path, number, &older);
		if (r == 0)
			r = number_name(path, number - 1, &newer);
		if (r == 0 && rename(newer.text, older.text) < 0)
			r = -errno;
	}
	if (r == 0)
		r = number_name(path, 1, &older);
	return r == 0 && rename(path, older.text) < 0 ? -errno : r;
}

/* The log is PATH.1 already; where the new file cannot have its name, the log gets it back. */
static int name_next(const char *path, const struct name *next)
{
	struct name first;
	int r;

	if (rename(next->text, path) == 0)
		return 0;
	r = -errno;
	if (number_name(path, 1, &first) == 0)
		rename(first.text, path);
	return r;
}

int rotation_make(const char *path, uint64_t keep, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	uint64_t number = 0;
	struct name next;
	int r = next_name(path, &next);

	if (r == 0)
		r = free_number(path, keep, &number);
	if (r < 0)
		return r;
	remove_surplus(path, keep);
	fd = create_next(&next);
	if (fd < 0)
		return fd;
	r = shift(path, number);
	if (r == 0)
		r = name_next(path, &next);
	if (r < 0) {
		unlink(next.text);
		return r;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

void rotation_clean(const char *path)
{
	struct name next;

	if (next_name(path, &next) == 0)
		unlink(next.text);
}
