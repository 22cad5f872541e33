/* SPDX-License-Identifier: Apache-2.0 */
/* A file with the layout of a BPF ring buffer, and a writer that behaves like the kernel. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "capture/ring.h"

#define SIZE 65536

static struct {
	int fd;
	size_t page, used; /* of the file */
	unsigned long *consumer, *producer;
	uint8_t *data; /* twice, as the kernel maps it */
	struct ring *ring;
} k;

static struct {
	unsigned count;
	size_t length; /* of the last one */
	uint8_t first, last;
	int answer;
} seen;

static int on_record(void *context, const void *bytes, size_t length)
{
	const uint8_t *b = bytes;

	assert_ptr_equal(context, &seen);
	assert_int_equal((uintptr_t)bytes % 8, 0);
	seen.count++;
	seen.length = length;
	seen.first = b[0];
	seen.last = b[length - 1];
	return seen.answer;
}

static int setup(void **state)
{
	uint8_t *memory;

	k.page = (size_t)sysconf(_SC_PAGESIZE);
	k.used = 2 * k.page + 2 * SIZE;
	k.fd = memfd_create("ring", MFD_CLOEXEC);
	assert_return_code(ftruncate(k.fd, (off_t)k.used), errno);
	memory = mmap(NULL, k.used, PROT_READ | PROT_WRITE, MAP_SHARED, k.fd, 0);
	assert_true(memory != MAP_FAILED);
	k.consumer = (unsigned long *)memory;
	k.producer = (unsigned long *)(memory + k.page);
	k.data = memory + 2 * k.page;
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(ring_new(k.fd, SIZE, &k.ring), 0);
	return 0;
}

static int teardown(void **state)
{
	ring_free(k.ring);
	munmap(k.consumer, k.used);
	close(k.fd);
	return 0;
}

static uint32_t *put(uint32_t length, uint8_t fill, uint32_t flags)
{
	size_t at = *k.producer % SIZE, size = (length + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
	uint32_t *header = (uint32_t *)(k.data + at);

	memset(k.data + at + BPF_RINGBUF_HDR_SZ, fill, length);
	header[0] = length | flags;
	if (at + size > SIZE) /* there is but one copy in the kernel */
		memcpy(k.data, k.data + SIZE, at + size - SIZE);
	*k.producer += size;
	return header;
}

static int take(unsigned max)
{
	return ring_read(k.ring, max, on_record, &seen);
}

static void test_empty(void **state)
{
	assert_int_equal(take(10), 0);
	assert_int_equal(seen.count, 0);
}

static void test_in_order(void **state)
{
	put(5, 'a', 0);
	put(72, 'b', 0);
	assert_int_equal(take(1), 1);
	assert_int_equal(seen.first, 'a');
	assert_int_equal(seen.length, 5);
	assert_int_equal(take(10), 1);
	assert_int_equal(seen.last, 'b');
	assert_int_equal(seen.length, 72);
	assert_int_equal(*k.consumer, *k.producer);
}

/* A record still being written stops the reading; it and what is behind it come later. */
static void test_busy(void **state)
{
	uint32_t *busy = put(8, 'a', BPF_RINGBUF_BUSY_BIT);

	put(8, 'b', 0);
	assert_int_equal(take(10), 0);
	assert_int_equal(*k.consumer, 0);
	*busy &= ~BPF_RINGBUF_BUSY_BIT;
	assert_int_equal(take(10), 2);
	assert_int_equal(seen.first, 'b');
}

static void test_discarded(void **state)
{
	put(300, 'a', BPF_RINGBUF_DISCARD_BIT);
	put(8, 'b', 0);
	assert_int_equal(take(10), 1);
	assert_int_equal(seen.first, 'b');
	put(300, 'a', BPF_RINGBUF_DISCARD_BIT);
	assert_int_equal(take(10), 0);
	assert_int_equal(*k.consumer, *k.producer);
}

/* Around the end a record is one piece all the same. */
static void test_around(void **state)
{
	for (int i = 0; i < 100; i++) {
		put(4160, (uint8_t)i, 0);
		assert_int_equal(take(10), 1);
		assert_int_equal(seen.first, i);
		assert_int_equal(seen.last, i);
	}
}

static void test_handler_stops(void **state)
{
	put(8, 'a', 0);
	put(8, 'b', 0);
	seen.answer = -EPIPE;
	assert_int_equal(take(10), -EPIPE);
	assert_int_equal(seen.first, 'a');
	seen.answer = 0;
	assert_int_equal(take(10), 1);
	assert_int_equal(seen.first, 'b');
}

static void test_no_ring(void **state)
{
	struct ring *ring = NULL;

	assert_int_equal(ring_new(-1, SIZE, &ring), -EBADF);
	assert_null(ring);
	assert_null(ring_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_discarded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_around, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handler_stops, setup, teardown),
		cmocka_unit_test(test_no_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
