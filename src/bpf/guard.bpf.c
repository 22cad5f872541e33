// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The guard: who may call a metadata service, and for what. At the root of cgroup v2:
 *
 *   connect4, connect6, sendmsg4, sendmsg6   by who alone: the caller gets EPERM
 *   sockops, sk_msg                          by what is asked: the caller gets EACCES from the send that completes it
 *   egress                                   nothing leaves that was not judged: fast open's SYN, sockets that no
 *                                            sk_msg looks at, bytes the send buffer had no room for
 *
 * Anything to any other address leaves after one look into a bitmap.
 */
#include <stddef.h>

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "guard_read.bpf.h"

#define REFUSE 0

WHO_FUNCTIONS(addr, struct bpf_sock_addr, SOCKET_ADDR, GROUPS_ADDR)
WHO_FUNCTIONS(msg, struct sk_msg_md, SOCKET_MSG, GROUPS_KEPT)
WHO_FUNCTIONS(skb, struct __sk_buff, SOCKET_SKB, GROUPS_KEPT)

/* sk_msg: one call for each piece of memory; bpf_msg_pull_data() makes the range one. */
static __always_inline int load_msg(struct sk_msg_md *msg, __u32 from, void *to, __u64 length)
{
	if (bpf_msg_pull_data(msg, from, from + length, 0))
		return -1;
	return bpf_probe_read_kernel(to, length, msg->data);
}

static __always_inline int load_skb(struct __sk_buff *skb, __u32 from, void *to, __u64 length)
{
	return bpf_skb_load_bytes(skb, from, to, length);
}

#define LENGTH_MSG(msg) ((msg)->size)
#define LENGTH_SKB(skb) ((skb)->len)

TELL_FUNCTIONS(msg, struct sk_msg_md, load_msg, LENGTH_MSG)
TELL_FUNCTIONS(skb, struct __sk_buff, load_skb, LENGTH_SKB)
READ_FUNCTIONS(msg, struct sk_msg_md, load_msg)
READ_FUNCTIONS(skb, struct __sk_buff, load_skb)
RUN_FUNCTIONS(msg, struct sk_msg_md)
RUN_FUNCTIONS(skb, struct __sk_buff)

/* The whole caller, for a socket no probe looks at. */
__noinline int announce_addr(struct bpf_sock_addr *ctx)
{
	struct announcement *a = bpf_sk_storage_get(&announcements, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct claim *c = claim_addr(ctx);
	__u64 args;

	if (!a || !c)
		return 0;
	__builtin_memset(&a->record, 0, offsetof(struct connect_record, exe_names));
	record_begin(&a->record.header, RECORD_CONNECT, 0, c->cookie);
	a->record.header.flags = RECORD_F_GUARD;
	__builtin_memcpy(a->record.destination.ip, c->remote.ip, sizeof(c->remote.ip));
	a->record.destination.port = c->remote.port;
	a->record.destination.mapped = c->reserved;
	caller_read(a);
	args = a->record.args;
	keep(args);
	if (args <= ARGS_SIZE) {
		a->record.header.length = sizeof(a->record) + args;
		readers_tell(a, sizeof(a->record) + args);
	}
	bpf_sk_storage_delete(&announcements, ctx->sk);
	return 0;
}

/* At connect only what is refused, or would be, is told; of datagrams one for each table. */
__noinline int tell_addr(struct bpf_sock_addr *ctx)
{
	struct claim *c = claim_addr(ctx);
	struct verdict_record v;

	if (!c || c->verdict == DECISION_LATER || (c->flags & CLAIM_STREAM && c->verdict != DECISION_DENY))
		return 0;
	decision_count(c);
	if (c->verdict != DECISION_DENY || (c->told && c->told == c->generation))
		return 0;
	c->told = c->generation;
	if (!(c->flags & CLAIM_STREAM))
		announce_addr(ctx);
	verdict_fill(&v, c, RECORD_AT_CONNECT, ctx->protocol);
	readers_tell(&v, sizeof(v));
	return 0;
}

__noinline int decide_addr(struct bpf_sock_addr *ctx, __u64 generation)
{
	struct guard_slot *slot = slot_get(generation);
	struct claim *c = claim_addr(ctx);
	struct decision d = {.rule = TABLE_NONE, .verdict = DECISION_ALLOW};
	bool exact, stream;
	__u32 number;

	if (!slot || !c)
		return 0;
	number = number_of(slot, &c->remote, &exact);
	stream = exact && ctx->protocol == IPPROTO_TCP;
	if (stream)
		c->flags |= CLAIM_STREAM;
	else
		c->flags &= ~CLAIM_STREAM;
	if (number)
		d = decide_connect(&slot->table, &c->set, number, stream);
	decision_keep(c, slot, d, false);
	return 0;
}

__noinline int judge_addr(struct bpf_sock_addr *ctx)
{
	struct claim *c = claim_addr(ctx);

	if (!c)
		return 0;
	for (int i = 0; i < 3; i++) {
		__u64 generation = generation_now();

		c->generation = 0;
		who_addr(ctx, generation);
		decide_addr(ctx, generation);
		if (generation_holds(generation))
			return denied(c);
	}
	decision_fail(c);
	return denied(c);
}

__noinline int claim_who(struct bpf_sock_addr *ctx)
{
	struct claim *c = claim_addr(ctx);

	if (c)
		who_read(c);
	return 0;
}

static __always_inline void claim_reset(struct claim *c, const struct endpoint_key *key, bool mapped, __u64 cookie)
{
	if (c->cookie != cookie)
		c->told = 0;
	c->cookie = cookie;
	c->generation = 0;
	c->blind = 0;
	c->remote = *key;
	c->flags = 0;
	c->reserved = mapped;
	reading_reset(&c->now);
	c->now.seq = 0;
	c->now.request = 0;
}

/* Is the address, whatever the port, one of the table in force? */
static __always_inline bool guarded(const struct endpoint_key *key)
{
	struct guard_slot *slot = slot_get(generation_now());
	bool exact;

	return slot && number_of(slot, key, &exact);
}

static __always_inline int ask(struct bpf_sock_addr *ctx, const struct endpoint_key *key, bool mapped)
{
	struct claim *c;
	int refused;

	if (!guarded(key))
		return GO_ON;
	c = bpf_sk_storage_get(&claims, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c) {
		count(&control.errors);
		return enforcing() ? REFUSE : GO_ON;
	}
	claim_reset(c, key, mapped, bpf_get_socket_cookie(ctx));
	claim_who(ctx);
	refused = judge_addr(ctx);
	tell_addr(ctx);
	return refused ? REFUSE : GO_ON;
}

static __always_inline int ask_v4(struct bpf_sock_addr *ctx)
{
	struct endpoint_key key = {};

	if (!guarded_maybe(ctx->user_ip4))
		return GO_ON;
	asked_v4(&key, ctx);
	return ask(ctx, &key, false);
}

static __always_inline int ask_v6(struct bpf_sock_addr *ctx)
{
	struct endpoint_key key = {};
	bool mapped;

	if (!guarded_maybe(ctx->user_ip6[3]))
		return GO_ON;
	mapped = asked_v6(&key, ctx);
	return ask(ctx, &key, mapped);
}

SEC("cgroup/connect4")
int guard_connect4(struct bpf_sock_addr *ctx)
{
	return ask_v4(ctx);
}

SEC("cgroup/connect6")
int guard_connect6(struct bpf_sock_addr *ctx)
{
	return ask_v6(ctx);
}

SEC("cgroup/sendmsg4")
int guard_sendmsg4(struct bpf_sock_addr *ctx)
{
	return ask_v4(ctx);
}

SEC("cgroup/sendmsg6")
int guard_sendmsg6(struct bpf_sock_addr *ctx)
{
	return ask_v6(ctx);
}

/* A connection stands: from here on its sends are judged. Only those whose connect was seen: no MPTCP, nothing old. */
SEC("sockops")
int guard_sockops(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk;
	struct claim *c;
	__u32 word;
	__u64 key;

	if (ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		return 1;
	word = ops->remote_ip4;
	keep(word);
	if (ops->family == AF_INET6)
		word = ops->remote_ip6[3];
	sk = ops->sk;
	if (!sk || !guarded_maybe(word))
		return 1;
	c = bpf_sk_storage_get(&claims, sk, NULL, 0);
	if (!c || !(c->flags & CLAIM_STREAM))
		return 1;
	key = c->cookie;
	if (bpf_sock_hash_update(ops, &sockets, &key, BPF_ANY))
		count(&control.errors);
	return 1;
}

#define ROOM_KEPT  4096 /* what the kernel charges beside the bytes */
#define ROOM_LEAST 512  /* an empty queue takes one segment, however small the buffer is */

/*
 * How many bytes will be queued for sure. What does not find room after it was judged would be taken back, and the
 * verdict stay valid for whatever is sent next (net/ipv4/tcp_bpf.c, tcp_bpf_send_verdict(): psock->eval).
 */
static __always_inline __u32 room_of(struct sock *sk, struct tcp_sock *tp, __u32 write_seq)
{
	__u32 queued = BPF_CORE_READ(sk, sk_wmem_queued), buffer = BPF_CORE_READ(sk, sk_sndbuf);
	__u32 unsent = write_seq - BPF_CORE_READ(tp, snd_nxt), low = BPF_CORE_READ(tp, notsent_lowat);
	__u32 room = buffer > queued + ROOM_KEPT ? buffer - queued - ROOM_KEPT : 0;

	if (BPF_CORE_READ(sk, sk_err))
		return 0;
	if (!low)
		low = BPF_CORE_READ(sk, __sk_common.skc_net.net, ipv4.sysctl_tcp_notsent_lowat);
	if (unsent && unsent + ROOM_KEPT >= low)
		return 0;
	return room < ROOM_LEAST && !queued ? ROOM_LEAST : room;
}

/* Is what is to be sent what comes next? Else egress judges it when it leaves. Sets c->from and c->size. */
static __always_inline bool place_msg(struct sk_msg_md *msg, struct claim *c)
{
	struct sock *sk = BPF_CORE_READ((struct sk_msg *)msg, sk);
	struct tcp_sock *tp = (void *)sk;
	__u32 write_seq = BPF_CORE_READ(tp, write_seq), room = room_of(sk, tp, write_seq);

	if (!(c->flags & CLAIM_PLACED) || !room || (__s32)(write_seq - c->now.seq) > 0)
		return false;
	if (write_seq != c->now.seq) { /* judged, and never queued */
		c->now.http.state = HTTP_LOST;
		c->now.seq = write_seq;
	}
	c->from = 0;
	c->size = msg->size < room ? msg->size : room;
	return true;
}

/*
 * How far the verdict goes. To be said each time: what was said for the first part of a message holds for the next one,
 * too (net/core/skmsg.c, sk_psock_msg_verdict() takes msg->apply_bytes, and nobody resets it). 0: for all of it.
 */
static __always_inline void verdict_until(struct sk_msg_md *msg, __u32 end)
{
	bpf_msg_apply_bytes(msg, end < msg->size ? end : 0);
}

SEC("sk_msg")
int guard_request(struct sk_msg_md *msg)
{
	struct claim *c = claim_msg(msg);

	if (!c)
		return SK_PASS;
	if (c->flags & CLAIM_DEAD) {
		verdict_until(msg, msg->size);
		return SK_DROP;
	}
	if (!place_msg(msg, c)) {
		verdict_until(msg, msg->size);
		return SK_PASS;
	}
	if (!run_msg(msg)) {
		verdict_until(msg, c->from);
		return SK_PASS;
	}
	if (c->begin) { /* what came before it passes; then we are asked again */
		c->now = c->before;
		verdict_until(msg, c->begin);
		return SK_PASS;
	}
	tell_msg(msg, 0);
	c->flags |= CLAIM_DEAD;
	c->now.seq = c->before.seq;
	verdict_until(msg, msg->size);
	return SK_DROP;
}

static __always_inline __u32 user_of(struct __sk_buff *skb)
{
	return BPF_CORE_READ((struct sk_buff *)skb, sk, sk_uid.val);
}

static __always_inline struct claim *stranger_new(struct __sk_buff *skb, struct bpf_sock *sk,
						  const struct endpoint_key *key)
{
	struct claim *c = bpf_sk_storage_get(&claims, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!c)
		return NULL;
	claim_reset(c, key, false, bpf_get_socket_cookie(skb));
	c->flags = CLAIM_STRANGER | CLAIM_STREAM;
	c->uid = user_of(skb);
	c->now.http.state = HTTP_LOST;
	return c;
}

/* Where the bytes stand that are to be judged: c->from to c->size of the packet. false: there are none. */
static __always_inline bool place_skb(struct __sk_buff *skb, struct claim *c, const struct segment *segment)
{
	__u32 start = segment->sequence + (segment->tcp_flags & TCP_F_SYN ? 1 : 0);
	__u32 end = start + segment->length, known = 0;
	bool urgent = segment->tcp_flags & TCP_F_URG;

	if ((segment->tcp_flags & (TCP_F_SYN | TCP_F_ACK)) == TCP_F_SYN && !(c->flags & CLAIM_PLACED)) {
		c->first = c->now.seq = start;
		c->flags |= CLAIM_PLACED;
	}
	if (!segment->length)
		return false;
	if (c->flags & CLAIM_PLACED && !urgent) {
		if ((__s32)(end - c->now.seq) <= 0)
			return false;
		known = c->now.seq - start;
	}
	if (known > segment->length || urgent) {
		/* Before it something is missing; or who listens may leave out what is urgent. */
		c->now.http.state = HTTP_LOST;
		c->now.seq = start;
		known = 0;
	}
	c->from = segment->payload + known;
	c->size = skb->len;
	return true;
}

static __always_inline int stream_leaves(struct __sk_buff *skb, struct claim *c, const struct segment *segment)
{
	__u32 seq;

	if (!place_skb(skb, c, segment))
		return GO_ON;
	if (c->flags & CLAIM_DEAD)
		return REFUSE;
	seq = c->now.seq;
	if (!run_skb(skb) && (c->from >= c->size || !enforcing()))
		return GO_ON;
	tell_skb(skb, c->begin);
	c->flags |= CLAIM_DEAD;
	c->now.seq = seq;
	return REFUSE;
}

/* Datagrams and other ports of sockets that did not ask at connect: they were there before the guard. */
__noinline int other_leaves(struct __sk_buff *skb)
{
	struct endpoint_key key = {};
	struct guard_slot *slot = slot_get(generation_now());
	struct rule_set who;
	struct decision d;
	__u32 number;
	bool exact;

	address_read(skb, remote, key.ip);
	key.port = bpf_ntohl(skb->remote_port);
	if (!slot || slot->table.mode != TABLE_ENFORCE)
		return GO_ON;
	number = number_of(slot, &key, &exact);
	if (!number)
		return GO_ON;
	who = *decide_user(&slot->table, user_of(skb));
	rule_set_and(&who, &slot->stranger);
	d = decide_connect(&slot->table, &who, number, 0);
	if (d.verdict != DECISION_DENY)
		return GO_ON;
	count(&control.denied);
	return REFUSE;
}

/* A packet that is none of TCP's, on a TCP socket: a tunnel's, whose content has passed here before. */
static __always_inline int unread_leaves(struct __sk_buff *skb)
{
	__u8 head[8];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return enforcing() ? REFUSE : GO_ON;
	if (head[0] >> 4 == 6 && head[6] != IPPROTO_HOPOPTS && head[6] != IPPROTO_DSTOPTS && head[6] != IPPROTO_ROUTING)
		return GO_ON;
	if (head[0] >> 4 == 4)
		return GO_ON;
	return enforcing() ? REFUSE : GO_ON;
}

static __always_inline int packet_leaves(struct __sk_buff *skb)
{
	struct segment segment = {};
	struct guard_slot *slot = slot_get(generation_now());
	struct bpf_sock *sk = skb->sk;
	struct claim *c;
	bool exact;

	address_read(skb, remote, segment.remote.ip);
	segment.remote.port = bpf_ntohl(skb->remote_port);
	if (!sk || !slot || !number_of(slot, &segment.remote, &exact))
		return GO_ON;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return GO_ON;
	c = bpf_sk_storage_get(&claims, sk, NULL, 0);
	if (sk->protocol != IPPROTO_TCP || !exact)
		return c || other_leaves(skb) == GO_ON ? GO_ON : REFUSE;
	if (!segment_read(&segment, skb))
		return unread_leaves(skb);
	if (!c && !segment.length)
		return GO_ON;
	if (!c)
		c = stranger_new(skb, sk, &segment.remote);
	if (c)
		return stream_leaves(skb, c, &segment);
	count(&control.errors);
	return enforcing() ? REFUSE : GO_ON;
}

SEC("cgroup_skb/egress")
int guard_egress(struct __sk_buff *skb)
{
	return guarded_maybe(remote_word(skb)) ? packet_leaves(skb) : GO_ON;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
