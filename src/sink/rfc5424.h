/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a syslog message, RFC 5424 section 6, and its frame on a stream, RFC 6587 section 3.4.1. */
#pragma once

#include "base/buffer.h"

struct rfc5424 {
	unsigned facility;  /* 0 to 23 */
	char host[256];     /* HOSTNAME; "-": unknown */
	uint32_t process;   /* PROCID; 0: unknown */
	const char *format; /* of the events: "json" … (sink/sink.h) */
};

/* HOSTNAME may hold visible ASCII only. */
void rfc5424_set_host(struct rfc5424 *s, const char *name);

/*
 * Appends everything in front of the MSG, which is `event` without its line end: PRI, VERSION, TIMESTAMP, HOSTNAME,
 * APP-NAME, PROCID, MSGID (the event's action), an empty STRUCTURED-DATA, and no BOM: "MSG-ANY", since the readers of
 * JSON and of log lines stumble over one. With `counted`, the message's length comes first. `level` and `time` (ns
 * since the epoch) are the event's.
 */
void rfc5424_head(const struct rfc5424 *s, unsigned level, uint64_t time, struct span event, bool counted,
		  struct buffer *b);

/* The MSG: an event without its line end. */
struct span rfc5424_body(struct span event);
