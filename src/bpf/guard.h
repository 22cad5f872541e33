/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the guard's programs and user space share by mapping: `control`, and two slots, each with a table and the
 * endpoints its addresses are numbered by.
 *
 * The writer sets begun = g + 1, writes the slot (g + 1) & 1 and sets generation = g + 1. A reader takes g = generation
 * and decides with the slot g & 1; when begun is g + 2 or more by then, that slot may have been written meanwhile, and
 * it asks again. So nobody decides by half of a table, and there is no moment without one.
 */
#pragma once

#include "bpf/endpoint.h"
#include "bpf/table.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/* Of the structs here and of TABLE_ABI: programs and mappings of different versions never meet. */
#define GUARD_ABI     (TABLE_ABI << 16 | 1)
#define GUARD_RETIRED 0 /* nothing is decided by it any more */

#define GUARD_ENTRIES 512
#define GUARD_BUCKETS 256
#define GUARD_CHAIN   48 /* endpoints whose hash is the same */

/* An endpoint, or, with port 0, an address of which some port is one. */
struct guard_entry {
	struct endpoint_key key;
	__u16 number; /* table.address[number] */
	__u16 next;   /* 1 + index of the next one in its bucket; 0: none */
};

struct guard_endpoints {
	__u16 bucket[GUARD_BUCKETS]; /* 1 + index of the first; 0: none */
	struct guard_entry entry[GUARD_ENTRIES];
	__u32 count;
	__u32 reserved; /* 0 */
};

struct guard_hits {
	__u64 hits;
	__u64 last; /* ns, CLOCK_BOOTTIME; 0: never */
};

struct guard_slot {
	struct table table;
	struct guard_endpoints endpoints;
	struct rule_set stranger; /* rules that fit, beside the user's, a process of whom nothing else is known */
	struct guard_hits hits[TABLE_RULES + 1]; /* the last one: no rule matched */
};

struct guard_control {
	__u32 abi;  /* GUARD_ABI or GUARD_RETIRED; here in every version */
	__u32 mode; /* enum table_mode of the table in force */
	__u64 begun, generation;
	__u64 applied; /* ns since the epoch */
	__u64 judged, denied, would_deny;
	__u64 unread; /* denials because bytes could not be read */
	__u64 errors; /* denials because the guard could not do its work: no memory, the table changed too often */
	__u64 bits[ENDPOINT_WORDS]; /* as in endpoint.h, of both slots */
};

#pragma GCC diagnostic pop

static inline __u32 guard_bucket(const struct endpoint_key *key)
{
	return ((key->ip[3] ^ key->port << 16 ^ key->port) * 0x9E3779B1u) >> 24;
}

static inline int guard_is(const struct guard_entry *entry, const struct endpoint_key *key)
{
	return entry->key.ip[3] == key->ip[3] && entry->key.port == key->port && entry->key.ip[2] == key->ip[2] &&
	       entry->key.ip[1] == key->ip[1] && entry->key.ip[0] == key->ip[0];
}

/* The number of an endpoint, or of an address (port 0); 0: none. */
static inline __u32 guard_number(const struct guard_endpoints *e, const struct endpoint_key *key)
{
	__u32 at = e->bucket[guard_bucket(key) % GUARD_BUCKETS];

	for (int i = 0; i < GUARD_CHAIN; i++) {
		const struct guard_entry *entry = &e->entry[(at - 1) % GUARD_ENTRIES];

		if (!at)
			return 0;
		if (guard_is(entry, key))
			return entry->number;
		at = entry->next;
	}
	return 0;
}
