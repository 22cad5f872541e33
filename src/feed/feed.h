/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's end of one sink program: a bounded queue in front of a socket pair. Nothing here waits: a sink that is
 * slow, stands still or is dead costs its own events, which are counted, and nobody else's.
 *
 * Life of a feed: started (the launcher was given its socket) → ending (no new events, what is queued goes out, then
 * the socket is shut) → gone. A program that ends by itself is started again after 1, 2, 4 … 60 seconds.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "config/settings.h"
#include "feed/frame.h"
#include "sink/outage.h"

struct launcher;

struct feed {
	struct settings settings;
	struct buffer pairs;       /* "KEY\0VALUE\0" …, what FRAME_SETTINGS carries */
	struct launcher *launcher; /* borrowed */
	size_t max;                /* bytes of the queue, beyond which events are dropped */

	int fd;                                /* -1: not running */
	struct buffer queue;                   /* whole frames */
	size_t head;                           /* offset of the first that is not out */
	size_t out;                            /* bytes of that frame that are out already */
	struct buffer in;                      /* of a state that has not come in full */
	uint64_t started_at, start_at, end_by; /* ns, CLOCK_BOOTTIME; end_by 0: not ending */
	unsigned failures;                     /* starts in a row that did not last */
	bool shut;                             /* the program was told that nothing follows */
	bool fresh;                            /* it was started, and has not been told the counts */
	struct outage outage;                  /* the failure that goes on, as it was said */

	uint64_t taken;   /* events that were to go to this sink */
	uint64_t dropped; /* of these: no room in the queue, or on the way to a program that ended */
	uint64_t sent;    /* of these: handed in full to the program that runs now */
	uint64_t starts;
	struct feed_state state;  /* the last that the running program told */
	struct feed_state before; /* sums of the programs that ended */
};

/* `pairs` is taken over. The program is started by the first feed_turn(). */
void feed_init(struct feed *f, const struct settings *s, struct buffer *pairs, struct launcher *launcher, size_t max);

/* Closes without waiting; what was queued is counted as dropped by then. */
void feed_done(struct feed *f);

/* Waits until an event of `length` bytes has room, `patience` ns at most. Returns what is left of the patience. */
uint64_t feed_make_room(struct feed *f, size_t length, uint64_t patience);

/* Queues one event. */
void feed_event(struct feed *f, uint16_t level, uint64_t time, struct span payload);

/* Queues a frame that is no event, unless the queue is full. */
void feed_tell(struct feed *f, enum frame_kind kind, const void *payload, size_t length);

/* Hands to the socket what it takes, reads the program's state, starts and ends it. `now` is CLOCK_BOOTTIME, ns. */
void feed_turn(struct feed *f, uint64_t now);

/* Gives back the memory of a queue that is empty. */
void feed_rest(struct feed *f);

/* Nothing more will be queued; the program gets `patience` ns to bring out what there is. */
void feed_end(struct feed *f, uint64_t now, uint64_t patience);

/* Has the program ended (or never run), and is it not to be started again? */
bool feed_is_gone(const struct feed *f);

struct pollfd feed_poll(const struct feed *f);

/* When feed_turn() wants to be called without anything to poll; UINT64_MAX: not at all. */
uint64_t feed_until(const struct feed *f);

/* Events that did not reach their place: dropped here, or given up by the program. */
uint64_t feed_lost(const struct feed *f);

/* Events handed over by the program and its predecessors. */
uint64_t feed_written(const struct feed *f);

/* "log", "syslog siem" */
void feed_label(const struct feed *f, char text[static SETTINGS_NAME * 2]);
