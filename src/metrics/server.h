/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 server for scrapes, on one socket of this host. Never waits: it is polled. Bounded in clients, in
 * bytes and in time; when all places are taken, the client longest without a whole request has to go.
 */
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "base/problem.h"
#include "metrics/scrape.h"

#define SERVER_CLIENTS     8
#define SERVER_FDS         (SERVER_CLIENTS + 1)
#define SERVER_REQUEST_MS  5000  /* from connecting to the end of the request */
#define SERVER_RESPONSE_MS 10000 /* from there until the client has it all */
#define SERVER_LINGER_MS   1000  /* from there until the client closes */

struct server_client {
	int fd; /* -1: none */
	enum { CLIENT_READS, CLIENT_WRITES, CLIENT_LINGERS } state;
	uint64_t deadline; /* ms */
	struct scrape scrape;
	struct buffer out;
	size_t done; /* bytes of `out` that are sent */
};

struct server {
	int fd;
	char path[108]; /* of a unix socket, to be removed; "": none */
	dev_t device;
	ino_t inode;
	uint64_t paused_until; /* ms: accept(2) failed for want of something */
	struct server_client client[SERVER_CLIENTS];
	void (*content)(const void *context, struct buffer *b); /* appends what GET brings */
	const void *context;
};

/* `listen` is 127.0.0.1:PORT, [::1]:PORT or unix:PATH; set `content` and `context` behind it. */
int server_open(struct server *s, const char *listen, struct problem *problem);
void server_close(struct server *s);

/* Times are ms of one clock. Fills in what is to be polled, SERVER_FDS at most; returns how many. */
unsigned server_watch(const struct server *s, struct pollfd *fds, uint64_t now);
void server_ready(struct server *s, const struct pollfd *fds, unsigned count, uint64_t now);

/* Ends what has taken too long. Returns after how many ms it wants to be called again; -1: not at all. */
int server_expire(struct server *s, uint64_t now);
