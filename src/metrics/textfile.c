/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/textfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"

#define SUFFIX ".tmp"

/* NAME.PID.tmp? */
static bool is_temporary(const char *entry, const char *name)
{
	size_t length = strlen(name);
	const char *digits = entry + length + 1;
	size_t count;

	if (strncmp(entry, name, length) != 0 || entry[length] != '.')
		return false;
	count = strspn(digits, "0123456789");
	return count > 0 && strcmp(digits + count, SUFFIX) == 0;
}

static void remove_leftovers(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	const struct dirent *entry;
	DIR *d;

	if (!slash)
		return;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path) + 1, path);
	d = opendir(directory);
	if (!d)
		return;
	while ((entry = readdir(d)))
		if (is_temporary(entry->d_name, slash + 1))
			unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

int textfile_init(struct textfile *t, const char *path)
{
	*t = (struct textfile){.path = strdup(path)};
	if (!t->path || asprintf(&t->temporary, "%s.%d" SUFFIX, path, (int)getpid()) < 0) {
		free(t->path);
		*t = (struct textfile){0};
		return -ENOMEM;
	}
	remove_leftovers(path);
	return 0;
}

void textfile_done(struct textfile *t)
{
	free(t->path);
	free(t->temporary);
	*t = (struct textfile){0};
}

static int create(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	_cleanup_close_ int fd = open(path, flags, TEXTFILE_MODE);

	if (fd < 0 && errno == EEXIST && unlink(path) == 0)
		fd = open(path, flags, TEXTFILE_MODE);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, TEXTFILE_MODE) < 0)
		return -errno;
	return take_fd(&fd);
}

static int write_all(int fd, struct span content)
{
	while (content.length > 0) {
		ssize_t n = write(fd, content.data, content.length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		content = (struct span){content.data + n, content.length - (size_t)n};
	}
	return 0;
}

static int replace(const struct textfile *t, struct span content)
{
	int fd = create(t->temporary), r;

	if (fd < 0)
		return fd;
	r = write_all(fd, content);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(t->temporary, t->path) < 0)
		r = -errno;
	if (r < 0)
		unlink(t->temporary);
	return r;
}

int textfile_write(struct textfile *t, struct span content)
{
	int r = replace(t, content);

	if (r < 0 && t->failure == 0)
		log_line("the metrics cannot be written to %s: %s; it is tried again", t->path, strerror(-r));
	if (r == 0 && t->failure != 0)
		log_line("the metrics are written to %s again", t->path);
	t->failure = -r;
	return r;
}
