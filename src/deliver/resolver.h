/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of a server. getaddrinfo(3) waits for the network: a thread of its own does it, which is started before the
 * sandbox is entered and lives as long as the process. Numeric addresses need none.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESSES_MAX 8

struct addresses {
	struct sockaddr_storage address[ADDRESSES_MAX];
	socklen_t length[ADDRESSES_MAX];
	unsigned count;
	char why[128]; /* of a count of 0 */
};

struct resolver;

/* `host` and `port` are copied; `type`: SOCK_STREAM, SOCK_DGRAM. One resolver a process. 0 or -errno. */
int resolver_start(const char *host, const char *port, int type, struct resolver **ret_resolver);

/* Asks for the addresses; a question that is under way stays the only one. */
void resolver_ask(struct resolver *r);

/* Ready to read when there is an answer; -1: answers are there at once. */
int resolver_fd(const struct resolver *r);

/* Takes the answer, when there is one. */
bool resolver_take(struct resolver *r, struct addresses *ret_addresses);
