/* SPDX-License-Identifier: Apache-2.0 */
#include "service/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* No program of ours is larger. */
#define COPY_MAX  ((size_t)256 << 20)
#define DEPTH_MAX 32

static void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

int file_read(const char *path, size_t limit, char **ret_content, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_free_ char *content = NULL;
	size_t length = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (uint64_t)st.st_size > limit)
		return -EFBIG;
	content = malloc((size_t)st.st_size + 1);
	if (!content)
		return -ENOMEM;
	while (length < (size_t)st.st_size) {
		n = read(fd, content + length, (size_t)st.st_size - length);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	content[length] = '\0';
	*ret_content = TAKE_PTR(content);
	*ret_length = length;
	return 0;
}

static bool is_already(const char *path, const char *content, size_t length, unsigned mode)
{
	size_t old_length = 0;
	char *old = NULL;
	struct stat st;
	bool same;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != mode || st.st_uid != geteuid())
		return false;
	same = file_read(path, length, &old, &old_length) == 0 && old && old_length == length &&
	       (length == 0 || memcmp(old, content, length) == 0);
	free(old);
	return same;
}

static int write_whole(int fd, const char *content, size_t length, unsigned mode)
{
	while (length > 0) {
		ssize_t n = write(fd, content, length);

		if (n < 0)
			return -errno;
		content += n;
		length -= (size_t)n;
	}
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_put(const char *path, const char *content, size_t length, unsigned mode)
{
	const char *slash = strrchr(path, '/');
	char temporary[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r;

	if (!slash || slash - path > PATH_MAX - 32)
		return -EINVAL;
	if (is_already(path, content, length, mode))
		return 0;
	snprintf(temporary, sizeof(temporary), "%.*s/.imdsnitch-XXXXXX", (int)(slash - path), path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_whole(fd, content, length, mode);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r < 0 ? r : 1;
}

int file_copy(const char *source, const char *path, unsigned mode)
{
	char *content = NULL;
	size_t length = 0;
	int r = file_read(source, COPY_MAX, &content, &length);

	if (r == 0)
		r = file_put(path, content, length, mode);
	free(content);
	return r;
}

static int erase_entry(int directory, const char *name, dev_t device, unsigned depth);

/* What is in the directory `fd`, which is closed. Goes on after an error, returns the first. */
static int erase_content(int fd, dev_t device, unsigned depth)
{
	_cleanup_(cleanup_closedir) DIR *d = fdopendir(fd);
	struct dirent *entry;
	int first = 0, r;

	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	while ((entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = erase_entry(dirfd(d), entry->d_name, device, depth + 1);
		if (first == 0)
			first = r;
	}
	return first;
}

static int erase_entry(int directory, const char *name, dev_t device, unsigned depth)
{
	struct stat st;
	int fd, r;

	if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != device || depth > DEPTH_MAX) {
		close(fd);
		return -EXDEV;
	}
	r = erase_content(fd, device, depth);
	return unlinkat(directory, name, AT_REMOVEDIR) < 0 && r == 0 ? -errno : r;
}

int file_erase_tree(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return erase_entry(AT_FDCWD, path, st.st_dev, 0);
}

static bool has_files(int fd, unsigned depth)
{
	_cleanup_(cleanup_closedir) DIR *d = fdopendir(fd);
	struct dirent *entry;

	if (!d) {
		close(fd);
		return true;
	}
	while ((entry = readdir(d))) {
		int below;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (depth > DEPTH_MAX)
			return true;
		below = openat(dirfd(d), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0 || has_files(below, depth + 1))
			return true;
	}
	return false;
}

bool file_tree_has_files(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && has_files(fd, 0);
}

bool file_is_roots(const char *path)
{
	char part[PATH_MAX];
	struct stat st;
	size_t length = strlen(path);

	if (path[0] != '/' || length >= sizeof(part))
		return false;
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (lstat(part, &st) < 0 || S_ISLNK(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022))
			return false;
	}
	return true;
}
