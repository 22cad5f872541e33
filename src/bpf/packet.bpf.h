/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses and packets as the programs see them: shared by the probe and the guard. */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "endpoint.h"
#include "keep.bpf.h"

#define AF_INET          2
#define AF_INET6         10
#define GO_ON            1
/* struct tcphdr, byte 13 */
#define TCP_FLAGS_OFFSET 13

/* The address asked for, as a key; true when it is IPv4 in IPv6's clothes. */
static __always_inline void asked_v4(struct endpoint_key *key, struct bpf_sock_addr *ctx)
{
	key->ip[2] = bpf_htonl(0xffff);
	key->ip[3] = ctx->user_ip4;
	key->port = bpf_ntohs((__u16)ctx->user_port);
}

static __always_inline bool asked_v6(struct endpoint_key *key, struct bpf_sock_addr *ctx)
{
	key->ip[0] = ctx->user_ip6[0];
	key->ip[1] = ctx->user_ip6[1];
	key->ip[2] = ctx->user_ip6[2];
	key->ip[3] = ctx->user_ip6[3];
	key->port = bpf_ntohs((__u16)ctx->user_port);
	return !key->ip[0] && !key->ip[1] && key->ip[2] == bpf_htonl(0xffff);
}

/*
 * Copies the socket's local or remote address out of the context. The IPv4 word is loaded first and kept: clang would
 * else select the offset before the load, and the verifier allows constant offsets into the context only.
 */
#define address_read(skb, side, to)                                                                                    \
	do {                                                                                                           \
		__u32 __last = (skb)->side##_ip4;                                                                      \
                                                                                                                       \
		keep(__last);                                                                                          \
		(to)[0] = 0;                                                                                           \
		(to)[1] = 0;                                                                                           \
		(to)[2] = bpf_htonl(0xffff);                                                                           \
		if ((skb)->family == AF_INET6) {                                                                       \
			(to)[0] = (skb)->side##_ip6[0];                                                                \
			(to)[1] = (skb)->side##_ip6[1];                                                                \
			(to)[2] = (skb)->side##_ip6[2];                                                                \
			__last = (skb)->side##_ip6[3];                                                                 \
		}                                                                                                      \
		(to)[3] = __last;                                                                                      \
	} while (0)

/* One packet of a metadata conversation, headers taken apart. */
struct segment {
	struct endpoint_key remote;
	__u64 cookie;
	__u32 sequence;
	__u32 tcp;     /* offset of the TCP header in the packet */
	__u32 payload; /* and of the payload */
	__u32 length;  /* of the payload */
	__u16 flags;   /* RECORD_F_* */
	__u16 port;    /* the caller's */
	__u8 tcp_flags;
	__u8 hop_limit;
};

/* Finds the TCP header behind IPv6 extension headers (RFC 8200 section 4); 0: not TCP. */
static __always_inline __u32 ipv6_payload(struct __sk_buff *skb, __u8 next)
{
	__u32 offset = sizeof(struct ipv6hdr);

	for (int i = 0; i < 4; i++) {
		__u8 option[2];

		if (next == IPPROTO_TCP)
			return offset;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_ROUTING)
			return 0;
		if (bpf_skb_load_bytes(skb, offset, option, sizeof(option)))
			return 0;
		next = option[0];
		offset += (option[1] + 1) * 8;
	}
	return 0;
}

/* Where the TCP header is, and the hop limit; 0: not TCP. */
static __always_inline __u32 ip_payload(struct __sk_buff *skb, __u8 *hop_limit)
{
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} ip;

	if (bpf_skb_load_bytes(skb, 0, &ip.v4, sizeof(ip.v4)))
		return 0;
	if (ip.v4.version == 4) {
		*hop_limit = ip.v4.ttl;
		return ip.v4.protocol == IPPROTO_TCP ? ip.v4.ihl * 4 : 0;
	}
	if (bpf_skb_load_bytes(skb, 0, &ip.v6, sizeof(ip.v6)))
		return 0;
	*hop_limit = ip.v6.hop_limit;
	return ipv6_payload(skb, ip.v6.nexthdr);
}

static __always_inline bool segment_read(struct segment *segment, struct __sk_buff *skb)
{
	__u32 offset = ip_payload(skb, &segment->hop_limit);
	struct tcphdr tcp;

	if (!offset || bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)))
		return false;
	segment->sequence = bpf_ntohl(tcp.seq);
	segment->tcp_flags = ((__u8 *)&tcp)[TCP_FLAGS_OFFSET];
	segment->tcp = offset;
	segment->payload = offset + tcp.doff * 4;
	if (segment->payload > skb->len)
		return false;
	segment->length = skb->len - segment->payload;
	segment->port = skb->local_port;
	segment->cookie = bpf_get_socket_cookie(skb);
	return true;
}

static __always_inline __u32 remote_word(struct __sk_buff *skb)
{
	__u32 word = skb->remote_ip4;

	keep(word); /* as in address_read() */
	if (skb->family == AF_INET6)
		word = skb->remote_ip6[3];
	return word;
}
