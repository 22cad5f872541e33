// SPDX-License-Identifier: Apache-2.0
/* io_uring by its raw system calls: connect and send without connect() and send(). */
#include <err.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "act.h"

#define ENTRIES 8

struct ring {
	int fd;
	unsigned flags;
	_Atomic unsigned *sq_tail, *cq_head, *cq_tail, *sq_flags;
	unsigned *sq_array, sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void *map(int fd, size_t size, off_t offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* False when the kernel has no io_uring for us. */
static bool ring_open(struct ring *r, unsigned flags)
{
	struct io_uring_params p = {.flags = flags, .sq_thread_idle = 1000};
	char *sq, *cq;

	r->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0) {
		warn("io_uring_setup");
		return false;
	}
	sq = map(r->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	cq = map(r->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	r->sqes = map(r->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	r->flags = flags;
	r->sq_tail = (_Atomic unsigned *)(sq + p.sq_off.tail);
	r->sq_flags = (_Atomic unsigned *)(sq + p.sq_off.flags);
	r->sq_array = (unsigned *)(sq + p.sq_off.array);
	r->sq_mask = *(unsigned *)(sq + p.sq_off.ring_mask);
	r->cq_head = (_Atomic unsigned *)(cq + p.cq_off.head);
	r->cq_tail = (_Atomic unsigned *)(cq + p.cq_off.tail);
	r->cq_mask = *(unsigned *)(cq + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return true;
}

/* Submits one entry, waits for its end, returns its result. */
static int ring_do(struct ring *r, const struct io_uring_sqe *sqe)
{
	unsigned tail = *r->sq_tail, head = *r->cq_head, enter = IORING_ENTER_GETEVENTS;
	int result;

	r->sqes[tail & r->sq_mask] = *sqe;
	r->sq_array[tail & r->sq_mask] = tail & r->sq_mask;
	atomic_store(r->sq_tail, tail + 1);
	if (r->flags & IORING_SETUP_SQPOLL && atomic_load(r->sq_flags) & IORING_SQ_NEED_WAKEUP)
		enter |= IORING_ENTER_SQ_WAKEUP;
	while (atomic_load(r->cq_tail) == head)
		if (syscall(SYS_io_uring_enter, r->fd, 1, 1, enter, NULL, 0) < 0 && errno != EINTR)
			err(1, "io_uring_enter");
	result = r->cqes[head & r->cq_mask].res;
	atomic_store(r->cq_head, head + 1);
	return result;
}

static int ring_connect(struct ring *r, const struct act *a, int fd, unsigned char flags)
{
	const struct io_uring_sqe sqe = {
		.opcode = IORING_OP_CONNECT,
		.flags = flags,
		.fd = fd,
		.addr = (unsigned long)&a->address,
		.off = a->address_length,
	};

	return ring_do(r, &sqe);
}

static int ring_send(struct ring *r, const struct act *a, int fd, unsigned char flags)
{
	struct buffer b = {0};
	struct io_uring_sqe sqe = {.opcode = IORING_OP_SEND, .flags = flags, .fd = fd};
	int n;

	plain_request(&b, a, false);
	sqe.addr = (unsigned long)b.data;
	sqe.len = (unsigned)b.length;
	n = ring_do(r, &sqe);
	if (n >= 0 && (size_t)n != b.length)
		n = -EIO;
	buffer_done(&b);
	return n;
}

/* A kernel that knows io_uring but not the operation says EINVAL. */
static int judge(int result, const char *what)
{
	if (result >= 0)
		return 0;
	errno = -result;
	warn("%s", what);
	return result == -EINVAL || result == -EBADF ? EXIT_UNSUPPORTED : 1;
}

static int run(const struct act *a, unsigned setup, unsigned char flags, bool connects)
{
	struct ring ring;
	int r = 0, fd;

	if (!ring_open(&ring, setup))
		return EXIT_UNSUPPORTED;
	fd = connects ? open_socket(a, 0, 0) : connected(a);
	if (connects)
		r = judge(ring_connect(&ring, a, fd, flags), "IORING_OP_CONNECT");
	if (r == 0)
		r = judge(ring_send(&ring, a, fd, flags), "IORING_OP_SEND");
	if (r == 0)
		print_rest(fd);
	return r;
}

static int run_uring(const struct act *a)
{
	return run(a, 0, 0, false);
}

static int run_uring_connect(const struct act *a)
{
	return run(a, 0, 0, true);
}

/* A worker thread of the kernel connects and sends on behalf of this process. */
static int run_uring_worker(const struct act *a)
{
	return run(a, 0, IOSQE_ASYNC, true);
}

/* A kernel thread polls the ring. */
static int run_uring_poll(const struct act *a)
{
	return run(a, IORING_SETUP_SQPOLL, 0, true);
}

const struct mode uring_modes[] = {
	{"uring", run_uring},
	{"uring-connect", run_uring_connect},
	{"uring-worker", run_uring_worker},
	{"uring-poll", run_uring_poll},
	{0},
};
