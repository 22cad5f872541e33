/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls a process has no use for are closed off (seccomp(2)): those that would give it more rights or reach
 * other processes end it, any other answers EPERM.
 */
#pragma once

/* What a process does beside computing, reading files, and talking through descriptors it has. */
enum {
	SANDBOX_WRITE_FILES = 1, /* creates, writes, renames and removes files */
	SANDBOX_CONNECT = 2,     /* makes unix and IP sockets, and connects them */
	SANDBOX_LISTEN = 4,      /* accepts connections on sockets it makes */
	SANDBOX_LOCK = 8,        /* flock(2) on descriptors it has */
};

/*
 * For the rest of this process's life, and for all its threads. With SANDBOX_WRITE_FILES missing, files open for
 * reading only. 0 or -errno. In builds with a sanitizer, whose runtime needs more, it only sets no_new_privs.
 */
int sandbox_enter(unsigned allowed);
