/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The guard's maps, and what it keeps of a socket. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "bpf/body.h"
#include "bpf/guard.h"
#include "bpf/readers.h"
#include "bpf/walk.h"
#include "caller.bpf.h"

/* The only variable: its map is mapped by user space, and pinned. */
struct guard_control control;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct guard_slot);
} tables SEC(".maps");

/* Sockets whose every send is judged before it is queued, by cookie. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, READERS_MAX);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 4096);
		});
} readers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, READERS_MAX);
	__type(key, __u32);
	__type(value, struct reader_owner);
} owners SEC(".maps");

/* Connect records of denied sockets no probe looks at. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct announcement);
} announcements SEC(".maps");

#define READ_CHUNK 256 /* loaded at once */
#define SCAN_CHUNK 16  /* looked at in one function: each byte is many ways to verify */
#define GIDS_KEPT  64

/* Where in the stream of requests the next byte is. */
struct reading {
	struct head head;
	struct http http;
	__u64 method;  /* the request line's, HEAD_F_LINE */
	__u32 seq;     /* of the next byte, as in TCP */
	__u32 request; /* how many are complete */
};

#define CLAIM_STREAM     0x01 /* TCP to an endpoint: requests are judged */
#define CLAIM_STRANGER   0x02 /* no connect was seen: nothing is known but the socket's user */
#define CLAIM_DEAD       0x04 /* a request was refused: nothing more is sent */
#define CLAIM_PLACED     0x08 /* `first` and reading.seq are valid */
#define CLAIM_EXE_CUT    0x10
#define CLAIM_CGROUP_CUT 0x20
#define CLAIM_GIDS_CUT   0x40
#define CLAIM_BLIND_DENY 0x80 /* `blind`: and the verdict was no */

/*
 * One socket. All programs that write it hold the socket's lock. Loops keep their variables here, too: what is read
 * from a map is any number to the verifier, and the ways through a loop's body are one again at its end.
 */
struct claim {
	__u64 cookie;
	__u64 generation; /* of `set`; 0: to be asked */
	__u64 told;       /* generation a datagram's verdict was told for */
	__u64 blind;      /* generation that was asked about bytes that cannot be read */
	struct rule_set set;
	struct endpoint_key remote;
	__u32 flags;                                   /* CLAIM_* */
	__u64 atoms;                                   /* of groups */
	__u32 uid, gids;                               /* gids: in gid[1…], ascending; gid[0] is the effective one */
	__u32 gid_last, padding;                       /* the highest in gid[1…], or of those that were cut off */
	__u32 first;                                   /* sequence of the stream's first byte */
	__u32 exe, cgroup;                             /* bytes used */
	__u32 at, state, low, left, from, size, begin; /* of loops */
	__u32 rule;                                    /* the last decision */
	__u8 verdict, unread, enforced, reserved;
	struct reading now, before; /* before: at `begin`, where a request began */
	struct cgroup_states cgroups;
	struct walk walk;
	__u8 chunk[READ_CHUNK];
	__u32 gid[GIDS_KEPT];
	char exe_path[EXE_SIZE];
	char cgroup_path[CGROUP_SIZE];
	char line[WALK_LINE]; /* the start line; a name read above may run over into it */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct claim);
} claims SEC(".maps");

/* May this address be guarded? `word` is its last 32 bits, network order. */
static __always_inline bool guarded_maybe(__u32 word)
{
	__u32 bit = endpoint_bit(word);

	return (control.bits[(bit >> 6) % ENDPOINT_WORDS] >> (bit & 63)) & 1;
}

static __always_inline struct guard_slot *slot_get(__u64 generation)
{
	__u32 index = generation & 1;

	return bpf_map_lookup_elem(&tables, &index);
}

static __always_inline __u64 generation_now(void)
{
	return *(volatile __u64 *)&control.generation;
}

/* Was the slot of this generation left alone until now? */
static __always_inline bool generation_holds(__u64 generation)
{
	barrier();
	return *(volatile __u64 *)&control.begun - generation < 2;
}

static __always_inline bool enforcing(void)
{
	return *(volatile __u32 *)&control.mode == TABLE_ENFORCE;
}

/* The number of an endpoint; *ret_exact: false when only its address is one. 0: not guarded. */
static __always_inline __u32 number_of(const struct guard_slot *slot, const struct endpoint_key *key, bool *ret_exact)
{
	struct endpoint_key address = *key;
	__u32 number = guard_number(&slot->endpoints, key);

	*ret_exact = number != 0;
	if (number)
		return number;
	address.port = 0;
	return guard_number(&slot->endpoints, &address);
}
