/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for a test of files, and small files in it. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 128

/* `folder` ends in XXXXXX, as mkdtemp(3) wants it. */
static inline const char *in_folder(const char *folder, const char *name, char path[static NAME_ROOM])
{
	snprintf(path, NAME_ROOM, "%s/%s", folder, name);
	return path;
}

static inline void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

/* The whole file with a NUL behind it, freed by the caller; "" for one that is not there. */
static inline char *file_read(const char *path, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {0};
	char *data;
	ssize_t n = 0;

	if (fd >= 0)
		fstat(fd, &st);
	data = calloc(1, (size_t)st.st_size + 1);
	if (fd >= 0 && data)
		n = read(fd, data, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (ret_length)
		*ret_length = n > 0 ? (size_t)n : 0;
	return data;
}

static inline bool file_is(const char *path, const char *text)
{
	char *data = file_read(path, NULL);
	bool same = data && strcmp(data, text) == 0;

	free(data);
	return same;
}

static inline unsigned folder_empty(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		unlinkat(dirfd(d), e->d_name, 0);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}
