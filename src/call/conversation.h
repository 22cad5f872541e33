/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations: what one socket said to one service, put together again from records, in order, by stream offset.
 * Each complete request becomes exactly one call; each conversation without one becomes one connect call at its end.
 */
#pragma once

#include "call/call.h"
#include "call/service.h"
#include "capture/decode.h"

struct conversations;

struct conversations_config {
	unsigned max;        /* conversations held; the least recently active one is evicted beyond that */
	size_t max_buffered; /* bytes of all reassembly and head buffers together */
	const struct endpoints *endpoints; /* borrowed */
	const char *provider; /* said by DMI or by the user, "aws" …; NULL: judge by address and request shape */
	struct caller_context caller;
	uint64_t attached_since; /* CLOCK_BOOTTIME ns; processes older than that may have done things unseen. 0: unknown
				  */
	/* Takes ownership of the call. Called in the order in which calls end. */
	void (*on_call)(void *context, struct call *call);
	void *context;
};

struct conversations_counts {
	uint64_t evicted;       /* conversations dropped for want of room */
	uint64_t truncated;     /* requests of which bytes were missing */
	uint64_t open_at_start; /* conversations first seen in mid-stream */
	unsigned active;
	size_t buffered; /* bytes held in buffers now */
};

/* NULL when memory is out. `config` is copied. */
struct conversations *conversations_new(const struct conversations_config *config);

/* Emits what is pending (as after conversations_end()) and frees. NULL is fine. */
struct conversations *conversations_free(struct conversations *c);

/* Feeds one decoded record. 0 or -ENOMEM (the conversation is then marked incomplete). */
int conversations_feed(struct conversations *c, const struct record *record);

/* Some verdicts wait for records that may not come: call conversations_tick() every now and then. */
bool conversations_wait(const struct conversations *c);
/* Tells of them what is known. `now`: CLOCK_BOOTTIME, ns. */
void conversations_tick(struct conversations *c, uint64_t now);

/* Ends every conversation: the program stops watching. */
void conversations_end(struct conversations *c);

/* The clock moved: new CLOCK_REALTIME - CLOCK_BOOTTIME in ns for what comes. */
void conversations_set_realtime_offset(struct conversations *c, int64_t offset);

void conversations_count(const struct conversations *c, struct conversations_counts *ret_counts);
