/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How an address is recognised as a metadata service, in the kernel and where its tables are filled. Two steps, so
 * that a packet of anybody else costs one multiplication and one load, however many endpoints there are: a bitmap
 * over a hash of the address's last 32 bits says "surely not" or "maybe", then a hash map knows.
 */
#pragma once

#include <linux/types.h>

#define ENDPOINT_BITS       4096
#define ENDPOINT_HASH_SHIFT 20 /* 32 - log2(ENDPOINT_BITS) */
#define ENDPOINT_WORDS      (ENDPOINT_BITS / 64)
#define ENDPOINTS_SIZE      256

struct endpoint_key {
	__u32 ip[4]; /* network order, IPv4 as ::ffff:a.b.c.d */
	__u32 port;  /* host order */
};

/* Index of the bit for an address; `word` is ip[3] as loaded from memory. */
static inline __u32 endpoint_bit(__u32 word)
{
	return (__u32)(word * 0x9E3779B1u) >> ENDPOINT_HASH_SHIFT;
}
