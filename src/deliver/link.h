/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to one syslog server: resolved, connected, secured, connected again after 1 s, 2 s … 60 s when it breaks, and
 * never waited for. Datagrams go whole or not at all. On a stream what was sent is known to have arrived when the
 * server's kernel has acknowledged it; until then it may have to be sent again.
 */
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "base/problem.h"
#include "base/span.h"
#include "config/settings.h"
#include "deliver/resolver.h"
#include "deliver/tls.h"

enum link_kind { LINK_UNIX, LINK_UDP, LINK_TCP, LINK_TLS };
enum link_state { LINK_DOWN, LINK_RESOLVING, LINK_CONNECTING, LINK_SECURING, LINK_UP };

struct link {
	enum link_kind kind;
	enum link_state state;
	char host[256], port[16]; /* of LINK_UNIX: none, the path is in `settings` */
	struct syslog_settings settings;
	struct resolver *resolver;
	struct addresses addresses;
	unsigned next_address;
	int fd;
	bool stream;
	SSL_CTX *context;
	SSL *session;
	short wants;            /* poll(2) events without which nothing goes on */
	uint64_t sent, arrived; /* on this connection: bytes on the wire, and those acknowledged */
	uint64_t refusals;      /* datagrams that the server's host sent back, as far as it said so */
	uint64_t up_since;      /* ns, CLOCK_MONOTONIC; 0: not up */
	uint64_t silent_until;  /* ns, CLOCK_MONOTONIC: of a TLS server that has our certificate to look at; 0: none */
	uint64_t heard;         /* bytes it had sent before */
	unsigned attempts;      /* in vain */
	uint64_t retry_at, deadline; /* ns, CLOCK_MONOTONIC */
	char why[200];               /* it is not up */
};

/* Reads the settings, starts what must be started before the sandbox. Does not connect. 0 or -errno with *problem. */
int link_open(struct link *l, const struct syslog_settings *s, struct problem *problem);

/* Goes on with connecting, and notices a server that has gone. True when it is up. */
bool link_drive(struct link *l);

/*
 * Sends bytes of a message, on a datagram link the whole. Returns how many were taken; -EAGAIN: none now; -EMSGSIZE: it
 * is too long for a datagram; any other -errno: the link broke (and is down).
 */
ssize_t link_send(struct link *l, struct span bytes);

/* Looks how much has arrived: l->arrived. */
void link_look(struct link *l);

/* Something has arrived: the next trouble is a new one. */
void link_is_good(struct link *l);

/* Up for so long that it can be called so, also when nothing was sent. */
bool link_is_steady(const struct link *l);

/* What to poll. Returns how many, 1 at most. */
unsigned link_watch(const struct link *l, bool has_more, struct pollfd *fd);

/* ms until link_drive() is to be called without an event on the descriptor; -1: never. */
int link_wait(const struct link *l);

/* Certificates and key are read again, for the next connection. */
void link_reload(struct link *l);

/* Ends the connection, with a farewell where the protocol has one, and frees. */
void link_close(struct link *l);
