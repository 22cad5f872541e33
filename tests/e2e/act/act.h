/* SPDX-License-Identifier: Apache-2.0 */
/* The awkward ways of making a metadata call. Shared by the files of the `act` program. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* The kernel does not have what the mode needs. */
#define EXIT_UNSUPPORTED 77

struct act {
	char **argv;
	const char *host;
	unsigned short port;
	struct sockaddr_storage address;
	socklen_t address_length;
	/* options */
	const char *path, *token, *header;
	unsigned at, count, size, concurrency, uid, seconds;
};

/* Each mode connects, asks, prints the answers' bytes to stdout and returns the exit status. */
struct mode {
	const char *name;
	int (*run)(const struct act *a);
};

extern const struct mode write_modes[], byte_modes[], flow_modes[], socket_modes[], process_modes[], uring_modes[],
	mix_modes[];

/* io.c: all of them end the program with a message when they fail. */
int open_socket(const struct act *a, int flags, int protocol);
void connect_socket(const struct act *a, int fd);
int connected(const struct act *a);
void send_all(int fd, struct span bytes);
/* As send_all(), but the other side may have closed: false then. */
bool send_some(int fd, struct span bytes);
/* Copies what comes to stdout until the end of the stream; a reset counts as the end. */
void print_rest(int fd);
/* Copies one answer that has a Content-Length to stdout; false at the end of the stream. */
bool print_answer(int fd);
/* One answer, not printed; its status, or -1. */
int read_status(int fd);
/* The plain request: --path, --token, --header; the connection is to be closed after it unless `keep`. */
void plain_request(struct buffer *b, const struct act *a, bool keep);
/* Sends the plain request on a connected socket and prints the answer. */
void ask(const struct act *a, int fd);
