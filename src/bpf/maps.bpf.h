/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps, constants and counters the programs share. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "caller.bpf.h"
#include "endpoint.h"

/* Filled before load from the list of endpoints (endpoint.h). */
const volatile __u64 cfg_endpoint_bits[ENDPOINT_WORDS];

/*
 * Bytes in the ring beyond which it is full for everything but ends: the end of a conversation that user space holds
 * must not be lost with the rest, or it is held for good.
 */
const volatile __u64 cfg_ring_full = 1 << 20;

/* Read by user space through the mapped .bss; since load. */
__u64 lost[RECORD_KINDS_COUNTED];
__u64 truncated;
__u64 unannounced;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21); /* set at load */
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ENDPOINTS_SIZE);
	__type(key, struct endpoint_key);
	__type(value, __u8);
} endpoints SEC(".maps");

#define CONVERSATION_ANNOUNCED  0x01 /* the connect record is in the ring */
#define CONVERSATION_CONNECTED  0x02 /* the connect hook saw it */
#define CONVERSATION_SYN_SENT   0x04
#define CONVERSATION_NO_CONNECT 0x08 /* it began before our eyes, but no connect hook ran: MPTCP */

/* One direction; each is written by one side only. */
struct direction {
	__u32 isn;
	__u8 has_isn;
	__u8 lost; /* a record of this direction found no room since the last one that did */
	__u16 reserved;
};

struct conversation {
	struct direction sent;
	struct direction received;
	__u32 flags; /* CONVERSATION_* */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conversation);
} conversations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct announcement);
} announcements SEC(".maps");

static __always_inline int ring_has_room(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < cfg_ring_full;
}

static __always_inline void count_lost(__u32 kind)
{
	__sync_fetch_and_add(&lost[kind], 1);
}

/* May this be an endpoint? `word` is the last 32 bits of the address, network order. */
static __always_inline int endpoint_maybe(__u32 word)
{
	__u32 bit = endpoint_bit(word);

	return (cfg_endpoint_bits[bit >> 6] >> (bit & 63)) & 1;
}

static __always_inline int endpoint_known(const struct endpoint_key *key)
{
	return bpf_map_lookup_elem(&endpoints, key) != NULL;
}
