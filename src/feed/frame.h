/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What travels between `serve` and one of its sink programs: frames on a stream socket pair, in host byte order. Each
 * has a head and `length` bytes of payload. Both sides are built together; a program of another version is refused at
 * the first frame (FRAME_VERSION), since a package upgrade may exchange the programs while the service runs.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define FRAME_VERSION     2
#define FRAME_PAYLOAD_MAX (2U << 20) /* an event with all its arguments, escaped, is below this */

enum frame_kind {
	FRAME_SETTINGS = 1, /* to the sink, first of all: u32 FRAME_VERSION, then "KIND\0NAME\0" and "KEY\0VALUE\0" … */
	FRAME_EVENT,        /* to the sink: one event in the format the sink works with */
	FRAME_COUNTS, /* to the sink: struct feed_counts, each second when they changed, else every ten, and at the end
		       */
	FRAME_REOPEN, /* to the sink: files may have been moved away; nothing inside */
	FRAME_STATE   /* from the sink: struct feed_state */
};

/* Severities of RFC 5424, section 6.2.1, which journald uses as well. */
enum level { LEVEL_ALERT = 1, LEVEL_ERROR = 3, LEVEL_WARNING = 4, LEVEL_INFO = 6 };

struct frame {
	uint32_t length; /* of the payload */
	uint16_t kind;   /* enum frame_kind */
	uint16_t level;  /* of an event, enum level */
	uint64_t time;   /* of an event, ns since the epoch */
};

static_assert(sizeof(struct frame) == 16, "no padding");

/* Counted since the start of the service. */
struct feed_counts {
	uint64_t time;           /* now, ns since the epoch */
	uint64_t attached_since; /* ns since the epoch */
	uint64_t calls, calls_v1, calls_v2, calls_unknown, connects;
	uint64_t lost, truncated, evicted, open_at_start, attached_seconds, denied, would_deny;
	uint64_t unwritten; /* events that queues or sinks have lost, of all sinks */
	uint64_t dropped;   /* of these, events of the sink that gets this frame, as serve counts them */
	uint64_t last;      /* 1: the programs are detached, nothing follows */
	char boot_id[40];
	char run_id[40]; /* of this run of the service, a random UUID */
};

/* Of the sink program, since its start. */
struct feed_state {
	uint64_t written;   /* events handed to where they belong */
	uint64_t unwritten; /* events given up */
	uint64_t bytes;     /* handed over */
	uint64_t held;      /* events taken and not yet written or given up */
	uint64_t pid;       /* filled in by deliver/program.c, as the next one */
	uint64_t resident;  /* bytes of memory */
	char failure[256];  /* what is wrong now; "": nothing */
};
