/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading end of a BPF ring buffer. libbpf's maps the data twice in full, so that a record that goes around the
 * end is one piece, and every mapped page counts as resident memory: here the second mapping is as long as the longest
 * record.
 */
#pragma once

#include <stddef.h>

/* Longer records cannot be read; of the wire's, the longest is a stream record with a full chunk. */
#define RING_RECORD_MAX 8192

struct ring;

/* Maps the ring of `map` (borrowed) with `size` bytes of data, a power of two. 0 or -errno. */
int ring_new(int map, size_t size, struct ring **ret_ring);

/* Always returns NULL; NULL is fine. */
struct ring *ring_free(struct ring *r);

/*
 * Hands on up to `max` records, each of them aligned to 8. Returns how many there were, or what the handler returned
 * when it was < 0; that record is read then.
 */
int ring_read(struct ring *r, unsigned max, int (*handler)(void *context, const void *bytes, size_t length),
	      void *context);
