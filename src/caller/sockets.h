/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations that were open before the program started: TCP sockets connected to a metadata address, in every
 * network namespace some process is in. (Not seen: a namespace only a single thread, a mount or a descriptor is in.)
 */
#pragma once

#include "base/span.h"

#define OPEN_SOCKETS_MAX 256

struct open_socket {
	uint8_t local[16], remote[16]; /* network order, IPv4 as ::ffff:a.b.c.d */
	uint16_t local_port, remote_port;
	uint32_t netns; /* inode number of the network namespace */
	uint32_t pid;   /* a process that has it open; 0: none found */
	uint32_t state; /* as in include/net/tcp_states.h; 1 is ESTABLISHED */
	uint64_t inode; /* of the socket */
};

struct open_sockets {
	unsigned count;  /* sockets that match, also those `list` has no room for */
	unsigned listed; /* valid entries of `list` */
	bool complete;   /* false: a bound was met or a table could not be read; there may be more */
	struct open_socket list[OPEN_SOCKETS_MAX];
};

/* Is this remote address and port a metadata service's? */
typedef bool (*sockets_match)(const uint8_t ip[16], uint16_t port, void *data);

/*
 * Reads /proc/PID/net/tcp and tcp6 once for each network namespace, and looks for the owners when there is any match.
 * `proc` is a directory fd of /proc. Sockets over which a request or an answer may still travel count: from SYN_SENT to
 * ESTABLISHED, FIN_WAIT and CLOSE_WAIT; not TIME_WAIT, LISTEN, CLOSING, LAST_ACK. Returns 0 or -errno (`proc` cannot be
 * read). Bounded in namespaces, lines, descriptors and time (2 s).
 */
int sockets_open(int proc, sockets_match match, void *data, struct open_sockets *ret_sockets);

/* One line of /proc/PID/net/tcp or tcp6, proc_pid_net(5); netns and pid are 0. False for the head line and rubbish. */
bool sockets_parse_line(struct span line, struct open_socket *ret_socket);
