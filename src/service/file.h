/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are put in their place whole or not at all, and taken away again. Paths are absolute. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes the file at `path` one of root's with this content and mode: written beside it, synced, renamed. A symbolic
 * link there is replaced, not followed. 1: it was written; 0: it was like that already; -errno.
 */
int file_put(const char *path, const char *content, size_t length, unsigned mode);

/* The same with the content of the file `source`. */
int file_copy(const char *source, const char *path, unsigned mode);

/* Reads a regular file of at most `limit` bytes; NUL-terminated behind its end. 0 or -errno; *ret_content is to be
 * freed. */
int file_read(const char *path, size_t limit, char **ret_content, size_t *ret_length);

/*
 * Removes a directory and all below it. Its files may belong to somebody hostile: no symbolic link is followed, no
 * other file system entered. 0, also when it is not there, or -errno of the first thing that stays.
 */
int file_erase_tree(const char *path);

/* Whether there is something in it that is not a directory; false when it is not there. */
bool file_tree_has_files(const char *path);

/* Whether only root can change what is found at this path, which has no symbolic links. */
bool file_is_roots(const char *path);
