// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The probe: connect (who), stream (what), state and release (end), at the root of cgroup v2. It only looks: every
 * verdict is "go on". A packet to or from any other address leaves after one comparison.
 */
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "caller.bpf.h"
#include "maps.bpf.h"
#include "packet.bpf.h"

/* <linux/skbuff.h>: the hardware or this host vouches for the checksum. */
#define CHECKSUM_UNNECESSARY 1
#define CHECKSUM_PARTIAL     3
/* Summed at a time. */
#define SUM_BYTES            128
#define SUM_MAX              65536
/* A packet before segmentation: 64 KiB (GSO_LEGACY_MAX_SIZE); BIG TCP may exceed it and is counted as truncated. */
#define CHUNKS_MAX           17

/* Puts the record in the ring if it is not yet there; false when there was no room. */
static __always_inline bool announce(struct conversation *conversation, struct announcement *a)
{
	__u64 size = sizeof(a->record) + a->record.args;

	a->record.header.length = size;
	keep(size);
	if (size < sizeof(a->record) || size > sizeof(a->record) + ARGS_SIZE)
		return false;
	if (!ring_has_room() || bpf_ringbuf_output(&events, a, size, 0))
		return false;
	conversation->flags |= CONVERSATION_ANNOUNCED;
	return true;
}

static __always_inline void connect_seen(struct bpf_sock_addr *ctx, const struct endpoint_key *key, bool mapped)
{
	struct conversation *conversation;
	struct announcement *a;

	conversation = bpf_sk_storage_get(&conversations, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	a = bpf_sk_storage_get(&announcements, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conversation || !a) {
		count_lost(RECORD_CONNECT);
		return;
	}
	__builtin_memset(conversation, 0, sizeof(*conversation));
	__builtin_memset(&a->record, 0, offsetof(struct connect_record, exe_names));
	conversation->flags = CONVERSATION_CONNECTED;
	record_begin(&a->record.header, RECORD_CONNECT, 0, bpf_get_socket_cookie(ctx));
	__builtin_memcpy(a->record.destination.ip, key->ip, sizeof(key->ip));
	a->record.destination.port = key->port;
	a->record.destination.mapped = mapped;
	caller_read(a);
	if (announce(conversation, a))
		bpf_sk_storage_delete(&announcements, ctx->sk);
}

SEC("cgroup/connect4")
int connect_v4(struct bpf_sock_addr *ctx)
{
	struct endpoint_key key = {};

	if (!endpoint_maybe(ctx->user_ip4) || ctx->protocol != IPPROTO_TCP)
		return GO_ON;
	asked_v4(&key, ctx);
	if (endpoint_known(&key))
		connect_seen(ctx, &key, false);
	return GO_ON;
}

SEC("cgroup/connect6")
int connect_v6(struct bpf_sock_addr *ctx)
{
	struct endpoint_key key = {};
	bool mapped;

	if (!endpoint_maybe(ctx->user_ip6[3]) || ctx->protocol != IPPROTO_TCP)
		return GO_ON;
	mapped = asked_v6(&key, ctx);
	if (endpoint_known(&key))
		connect_seen(ctx, &key, mapped);
	return GO_ON;
}

static __always_inline __u64 sum_fold(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (sum >> 16) + (sum & 0xffff);
}

/* Adds up to SUM_BYTES of the packet to `sum` (RFC 1071), 16 bits; -1 when they cannot be read. Global: stream_emit()
 */
__noinline int sum_add(struct __sk_buff *skb, __u64 from, __u64 sum)
{
	__u32 words[SUM_BYTES / sizeof(__u32)] = {};
	__u64 left = skb->len - from - 1;

	if (left >= SUM_BYTES)
		left = SUM_BYTES - 1;
	keep(left);
	left = (left & (SUM_BYTES - 1)) + 1; /* 1 to SUM_BYTES, as 5.10 understands it */
	if (bpf_skb_load_bytes(skb, from, words, left))
		return -1;
	for (unsigned k = 0; k < SUM_BYTES / sizeof(__u32); k++)
		sum += words[k];
	return sum_fold(sum);
}

/*
 * Is the TCP checksum right? sk_buff.csum holds the sum of the pseudo header by now (skb_checksum_init() in
 * tcp_v4_rcv() and tcp_v6_rcv()).
 */
__noinline int checksum_fits(struct __sk_buff *skb, __u64 from)
{
	int sum = sum_fold(BPF_CORE_READ((struct sk_buff *)skb, csum));

	for (int i = 0; i < SUM_MAX / SUM_BYTES && from < skb->len && sum >= 0; i++) {
		sum = sum_add(skb, from, sum);
		from += SUM_BYTES;
	}
	return from >= skb->len && sum == 0xffff;
}

/* TCP tests most checksums behind this hook, and drops what does not fit: damaged bytes never reach the caller. */
static __always_inline bool segment_damaged(struct __sk_buff *skb, const struct segment *segment)
{
	struct sk_buff *packet = (struct sk_buff *)skb;
	__u64 summed = BPF_CORE_READ_BITFIELD_PROBED(packet, ip_summed);

	if (summed == CHECKSUM_UNNECESSARY || summed == CHECKSUM_PARTIAL)
		return false;
	return !BPF_CORE_READ_BITFIELD_PROBED(packet, csum_valid) && !checksum_fits(skb, segment->tcp);
}

/* What a stream record needs beside the packet, packed into one argument. */
#define STREAM_ARGUMENT(flags, tcp_flags, hop_limit)                                                                   \
	((__u64)(flags) | (__u64)(tcp_flags) << 16 | (__u64)(hop_limit) << 24)

static __always_inline void stream_fill(struct stream_record *record, struct __sk_buff *skb, __u32 offset, __u32 data,
					__u64 argument)
{
	record_begin(&record->header, RECORD_STREAM, sizeof(*record) + data, bpf_get_socket_cookie(skb));
	record->header.flags = (__u16)argument;
	record->offset = offset;
	record->data = data;
	record->source = skb->local_port;
	record->port = bpf_ntohl(skb->remote_port);
	record->tcp_flags = (__u8)(argument >> 16);
	record->hop_limit = (__u8)(argument >> 24);
	record->reserved = 0;
	address_read(skb, remote, (__u32 *)record->destination);
}

/*
 * Reserves room of a fixed size (a size known at run time only would need a copy) and fills it; 0 when the ring is
 * full or the packet could not be read.
 */
#define STREAM_EMIT(room)                                                                                              \
	static __always_inline int stream_emit_##room(struct __sk_buff *skb, __u32 offset, __u32 from, __u64 data,     \
						      __u64 argument)                                                  \
	{                                                                                                              \
		struct stream_record *record;                                                                          \
		__u64 bounded = data - 1;                                                                              \
                                                                                                                       \
		record = bpf_ringbuf_reserve(&events, sizeof(*record) + (room), 0);                                    \
		if (!record)                                                                                           \
			return 0;                                                                                      \
		keep(bounded);                                                                                         \
		bounded = (bounded & ((room)-1)) + 1; /* 1 to room, as 5.10 understands it */                          \
		if (data && bpf_skb_load_bytes(skb, from, record + 1, bounded)) {                                      \
			bpf_ringbuf_discard(record, 0);                                                                \
			return 0;                                                                                      \
		}                                                                                                      \
		stream_fill(record, skb, offset, data, argument);                                                      \
		bpf_ringbuf_submit(record, 0);                                                                         \
		return 1;                                                                                              \
	}

STREAM_EMIT(256)
STREAM_EMIT(512)
STREAM_EMIT(1024)
STREAM_EMIT(4096)

/*
 * Global functions: the verifier looks at each once and not once for every way that leads to it (figures in
 * docs/decisions.md). On 5.10 such a function takes the context and numbers only. `data` has 64 bits so that its bound
 * is on the very register the verifier sees it in (-mcpu=v2).
 */
__noinline int stream_emit(struct __sk_buff *skb, __u32 offset, __u32 from, __u64 data, __u64 argument)
{
	if (data <= 256)
		return stream_emit_256(skb, offset, from, data, argument);
	if (data <= 512)
		return stream_emit_512(skb, offset, from, data, argument);
	if (data <= 1024)
		return stream_emit_1024(skb, offset, from, data, argument);
	return stream_emit_4096(skb, offset, from, data, argument);
}

/* One chunk, `done` bytes into the payload. SYN belongs to the first record, FIN and RST to the last. */
static __always_inline int stream_chunk(struct __sk_buff *skb, __u32 offset, __u64 from, __u32 done, __u64 argument)
{
	__u32 left = skb->len - from - done;
	__u32 data = left < STREAM_CHUNK ? left : STREAM_CHUNK;

	if (done)
		argument &= ~STREAM_ARGUMENT(0, TCP_F_SYN, 0);
	if (left > STREAM_CHUNK)
		argument &= ~STREAM_ARGUMENT(0, TCP_F_FIN | TCP_F_RST, 0);
	if (left > STREAM_CHUNK && done == (CHUNKS_MAX - 1) * STREAM_CHUNK) {
		argument |= RECORD_F_CUT;
		__sync_fetch_and_add(&truncated, 1);
	}
	if (ring_has_room() && stream_emit(skb, offset + done, from + done, data, argument))
		return 0;
	count_lost(RECORD_STREAM);
	return RECORD_F_LOST;
}

/* The payload from `from` to the packet's end in chunks. Returns RECORD_F_LOST when the last one found no room. */
__noinline int stream_send(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 argument)
{
	__u32 done = 0;
	int lost = argument & RECORD_F_LOST;

	for (int i = 0; i < CHUNKS_MAX; i++) {
		argument = (argument & ~RECORD_F_LOST) | lost;
		lost = stream_chunk(skb, offset, from, done, argument);
		done += STREAM_CHUNK;
		if (from + done >= skb->len)
			break;
	}
	return lost;
}

/* The first SYN: the socket has its own address now. */
static __always_inline void open_seen(struct __sk_buff *skb, const struct segment *segment)
{
	struct open_record *record = NULL;

	if (ring_has_room())
		record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count_lost(RECORD_OPEN);
		return;
	}
	__builtin_memset(record, 0, sizeof(*record));
	record_begin(&record->header, RECORD_OPEN, sizeof(*record), segment->cookie);
	record->header.flags = segment->flags & RECORD_F_NO_CONNECT;
	address_read(skb, local, (__u32 *)record->source.ip);
	record->source.port = segment->port;
	__builtin_memcpy(record->destination.ip, segment->remote.ip, sizeof(record->destination.ip));
	record->destination.port = segment->remote.port;
	bpf_ringbuf_submit(record, 0);
}

/* A connect record that found no room goes first, so that the call it belongs to has a caller. */
static __always_inline void announce_late(struct conversation *conversation, struct bpf_sock *sk)
{
	struct announcement *a;

	if ((conversation->flags & (CONVERSATION_ANNOUNCED | CONVERSATION_CONNECTED)) != CONVERSATION_CONNECTED)
		return;
	a = bpf_sk_storage_get(&announcements, sk, NULL, 0);
	if (!a)
		return;
	a->record.header.flags |= RECORD_F_LATE;
	if (announce(conversation, a))
		bpf_sk_storage_delete(&announcements, sk);
}

/*
 * A socket no connect hook ran for: it was open before our time, unless its SYN passes now. MPTCP connects its TCP
 * sockets itself, past the hooks.
 */
static __always_inline struct conversation *conversation_new(struct bpf_sock *sk, struct segment *segment)
{
	bool begins = (segment->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_SYN;
	struct conversation *conversation;

	if (!segment->length && !begins)
		return NULL;
	conversation = bpf_sk_storage_get(&conversations, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conversation)
		return NULL;
	if (begins)
		conversation->flags |= CONVERSATION_NO_CONNECT;
	else
		__sync_fetch_and_add(&unannounced, 1);
	return conversation;
}

static __always_inline struct conversation *conversation_find(struct bpf_sock *sk, struct segment *segment)
{
	struct conversation *conversation = bpf_sk_storage_get(&conversations, sk, NULL, 0);

	if (!conversation)
		conversation = conversation_new(sk, segment);
	if (!conversation)
		return NULL;
	if (conversation->flags & CONVERSATION_NO_CONNECT)
		segment->flags |= RECORD_F_NO_CONNECT;
	else if (!(conversation->flags & CONVERSATION_CONNECTED))
		segment->flags |= RECORD_F_UNANNOUNCED;
	return conversation;
}

static __always_inline void stream_seen(struct __sk_buff *skb, struct bpf_sock *sk, struct segment *segment,
					bool ingress)
{
	struct conversation *conversation = conversation_find(sk, segment);
	struct direction *direction;
	bool syn = segment->tcp_flags & TCP_F_SYN;
	__u32 offset;

	if (!conversation)
		return;
	announce_late(conversation, sk);
	direction = ingress ? &conversation->received : &conversation->sent;
	if (syn) {
		if (!ingress && !direction->has_isn)
			open_seen(skb, segment);
		direction->isn = segment->sequence;
		direction->has_isn = 1;
		conversation->flags |= CONVERSATION_SYN_SENT;
		if (!ingress && !segment->length)
			return;
	}
	offset = segment->sequence + syn;
	if (direction->has_isn)
		offset -= direction->isn + 1;
	else
		segment->flags |= RECORD_F_NO_OFFSET;
	if (!segment->length && !(segment->tcp_flags & (TCP_F_SYN | TCP_F_FIN | TCP_F_RST)))
		return;
	if (direction->lost)
		segment->flags |= RECORD_F_LOST;
	direction->lost = stream_send(skb, offset, segment->payload,
				      STREAM_ARGUMENT(segment->flags, segment->tcp_flags, segment->hop_limit)) != 0;
}

static __noinline int stream_maybe(struct __sk_buff *skb, bool ingress)
{
	struct segment segment = {.flags = ingress ? RECORD_F_INGRESS : 0};
	struct bpf_sock *sk = skb->sk;

	address_read(skb, remote, segment.remote.ip);
	segment.remote.port = bpf_ntohl(skb->remote_port);
	if (!sk || !endpoint_known(&segment.remote))
		return GO_ON;
	sk = bpf_sk_fullsock(sk);
	/* The RST of a socket that is aborted leaves after its end was told: it belongs to nothing any more. */
	if (!sk || sk->protocol != IPPROTO_TCP || sk->state == BPF_TCP_CLOSE)
		return GO_ON;
	if (!segment_read(&segment, skb)) {
		count_lost(RECORD_STREAM);
		return GO_ON;
	}
	if (ingress && segment_damaged(skb, &segment))
		return GO_ON;
	stream_seen(skb, sk, &segment, ingress);
	return GO_ON;
}

SEC("cgroup_skb/egress")
int stream_egress(struct __sk_buff *skb)
{
	return endpoint_maybe(remote_word(skb)) ? stream_maybe(skb, false) : GO_ON;
}

SEC("cgroup_skb/ingress")
int stream_ingress(struct __sk_buff *skb)
{
	return endpoint_maybe(remote_word(skb)) ? stream_maybe(skb, true) : GO_ON;
}

static __always_inline void close_seen(__u64 cookie, __u16 flags, __u32 error, __u32 old_state)
{
	struct close_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_lost(RECORD_CLOSE);
		return;
	}
	record_begin(&record->header, RECORD_CLOSE, sizeof(*record), cookie);
	record->header.flags = flags;
	record->error = error;
	record->old_state = old_state;
	bpf_ringbuf_submit(record, 0);
}

/* The end of a connection. Socket storage is not to be had here before 5.11, so the address says whose it is. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_close, const struct sock *sk, int old_state, int new_state)
{
	const struct sock_common *common = &sk->__sk_common;
	struct endpoint_key key = {};
	__u64 cookie;

	if (new_state != BPF_TCP_CLOSE)
		return 0;
	if (BPF_CORE_READ(common, skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&key.ip, common, skc_v6_daddr.in6_u.u6_addr32);
	} else {
		key.ip[2] = bpf_htonl(0xffff);
		key.ip[3] = BPF_CORE_READ(common, skc_daddr);
	}
	key.port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
	if (!endpoint_maybe(key.ip[3]) || !endpoint_known(&key))
		return 0;
	cookie = BPF_CORE_READ(common, skc_cookie.counter);
	if (cookie) /* 0: a socket of before our time that never said anything */
		close_seen(cookie, 0, BPF_CORE_READ(sk, sk_err), old_state);
	return 0;
}

/* A socket given up without ever having sent a SYN (no route, refused by a policy): no state change tells of it. */
SEC("cgroup/sock_release")
int release_close(struct bpf_sock *sk)
{
	struct conversation *conversation = bpf_sk_storage_get(&conversations, sk, NULL, 0);
	struct announcement *a;

	if (!conversation || !(conversation->flags & CONVERSATION_CONNECTED))
		return GO_ON;
	if (!(conversation->flags & CONVERSATION_ANNOUNCED)) {
		a = bpf_sk_storage_get(&announcements, sk, NULL, 0);
		if (a)
			a->record.header.flags |= RECORD_F_LATE;
		if (!a || !announce(conversation, a))
			count_lost(RECORD_CONNECT);
	}
	if (!(conversation->flags & CONVERSATION_SYN_SENT))
		close_seen(bpf_get_socket_cookie(sk), RECORD_F_RELEASED, 0, BPF_TCP_CLOSE);
	return GO_ON;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
