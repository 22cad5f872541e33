/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

/*
 * What the kernel shows (kernel/bpf/ringbuf.c): a page with the consumer's position, which is ours to write, a page
 * with the producer's, and the data. Positions only grow. A record has a header of eight bytes, its length first.
 */
struct ring {
	size_t page, size, tail;
	unsigned long *consumer;
	const unsigned long *producer;
	const uint8_t *data;
};

int ring_new(int map, size_t size, struct ring **ret_ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t tail = RING_RECORD_MAX < page ? page : RING_RECORD_MAX;
	struct ring *r = calloc(1, sizeof(*r));
	void *consumer, *producer;

	if (!r)
		return -ENOMEM;
	if (tail > size)
		tail = size;
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	producer = mmap(NULL, page + size + tail, PROT_READ, MAP_SHARED, map, (off_t)page);
	*r = (struct ring){.page = page, .size = size, .tail = tail};
	if (consumer != MAP_FAILED)
		r->consumer = consumer;
	if (producer != MAP_FAILED) {
		r->producer = producer;
		r->data = (const uint8_t *)producer + page;
	}
	if (!r->consumer || !r->producer) {
		int e = errno;

		ring_free(r);
		return -e;
	}
	*ret_ring = r;
	return 0;
}

struct ring *ring_free(struct ring *r)
{
	if (!r)
		return NULL;
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)r->producer, r->page + r->size + r->tail);
	free(r);
	return NULL;
}

int ring_read(struct ring *r, unsigned max, int (*handler)(void *context, const void *bytes, size_t length),
	      void *context)
{
	unsigned long position = *r->consumer; /* nobody else writes it */
	unsigned count = 0;

	while (count < max && position < __atomic_load_n(r->producer, __ATOMIC_ACQUIRE)) {
		const uint8_t *record = r->data + (position & (r->size - 1));
		uint32_t length = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		bool discarded = length & BPF_RINGBUF_DISCARD_BIT;
		int e = 0;

		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		length &= ~BPF_RINGBUF_DISCARD_BIT;
		if (!discarded) {
			e = handler(context, record + BPF_RINGBUF_HDR_SZ, length);
			count++;
		}
		position += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
		__atomic_store_n(r->consumer, position, __ATOMIC_RELEASE);
		if (e < 0)
			return e;
	}
	return (int)count;
}
