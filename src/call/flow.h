/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a conversation as a byte stream: every byte once, in order, and every hole reported. */
#pragma once

#include "call/budget.h"

/*
 * Out-of-order bytes and segments held per direction before a hole is given up. One packet that comes late is passed
 * by as many as the window allows, each of up to 64 KiB: segmentation comes behind the hooks.
 */
#define FLOW_HELD_BYTES    (1U << 20)
#define FLOW_HELD_SEGMENTS 512

struct segment;

struct flow {
	int64_t next; /* stream offset of the byte that comes next */
	struct segment *held;
	uint32_t held_bytes;
	uint16_t held_segments;
	bool raw; /* offsets are raw sequence numbers */
};

/* at_start: the bytes begin where a segment began. Both may be called several times for one record. */
struct flow_events {
	void (*data)(void *context, struct span data, bool at_start);
	void (*gap)(void *context, uint64_t length);
};

/*
 * Feeds a segment. `offset` is modulo 2^32. wait: bytes missing before it may still come (a reordered packet), so hold
 * it; else they are lost.
 */
void flow_feed(struct flow *f, struct budget *budget, uint32_t offset, struct span data, bool wait,
	       const struct flow_events *events, void *context);

/* The stream ends at `offset`, or went on at least that far: what is missing before it is lost. */
void flow_expect(struct flow *f, uint32_t offset, const struct flow_events *events, void *context);

/* Nothing missing will come any more: reports the holes and delivers what is held. */
void flow_flush(struct flow *f, struct budget *budget, const struct flow_events *events, void *context);

/* Wipes and frees what is held, undelivered. */
void flow_done(struct flow *f, struct budget *budget);
