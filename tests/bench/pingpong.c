/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-pingpong [CPU CPU]: what everybody else pays. One byte goes there and back over 127.0.0.1 with nothing
 * attached, with programs that do nothing, and with the probe. A round is one short stretch of each, in changing order;
 * the time of a stretch is the median of its runs, so that a moment in which the machine did something else does not
 * count. A round in which somebody else had programs at the root of cgroup v2 does not count either: the first program
 * there turns the kernel's hooks on, which is most of what is measured.
 */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bench.h"
#include "capture/cgroup.h"
#include "capture/probe.h"
#include "cmd/live.h"
#include "empty.h"

#define ROUNDS     300
#define PATIENCE_S 300 /* for others to take their programs away */
#define TRIPS      20  /* in a run */
#define RUNS_MIN   10  /* in a stretch */
#define RUNS_MAX   100
#define STRETCH_NS 40000000 /* of more than RUNS_MIN runs */

static int listen_here(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, size) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) < 0)
		die("listen");
	return fd;
}

static void nodelay(int fd)
{
	const int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		die("TCP_NODELAY");
}

/* The child: sends back what comes until nothing does. */
static void echo(int listener, int cpu)
{
	int fd;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept");
	nodelay(fd);
	while (read(fd, &byte, 1) == 1)
		if (write(fd, &byte, 1) != 1)
			break;
	_exit(0);
}

static void trips(int fd, int count)
{
	char byte = 'x';

	while (count--)
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			die("the other side is gone");
}

/* ns for one trip. */
static double stretch(int fd)
{
	struct samples runs;
	double median;
	uint64_t end, now;

	samples_init(&runs, RUNS_MAX);
	trips(fd, 5 * TRIPS);
	now = now_ns(CLOCK_MONOTONIC);
	end = now + STRETCH_NS;
	for (int i = 0; i < RUNS_MAX && (i < RUNS_MIN || now < end); i++) {
		uint64_t began = now;

		trips(fd, TRIPS);
		now = now_ns(CLOCK_MONOTONIC);
		samples_add(&runs, (double)(now - began) / TRIPS);
	}
	median = samples_quantile(&runs, 0.5);
	samples_done(&runs);
	return median;
}

static int ignore(void *context, const void *bytes, size_t length)
{
	return 0;
}

/* What is attached during a stretch. */
enum mode { NOTHING, EMPTY, PROBE, MODES };

struct bench {
	struct probe *probe;
	int cgroup, empty;
	int fd;
	struct samples ns[MODES], slower[MODES];
	unsigned shared; /* rounds that do not count */
};

static void attach(struct bench *b, enum mode mode, int links[static 2])
{
	struct problem problem = {0};

	links[0] = links[1] = -1;
	if (mode == PROBE && probe_attach(b->probe, &problem) < 0) {
		errno = 0;
		die(problem.text);
	}
	if (mode != EMPTY)
		return;
	links[0] = bpf_link_create(b->empty, b->cgroup, BPF_CGROUP_INET_EGRESS, NULL);
	links[1] = bpf_link_create(b->empty, b->cgroup, BPF_CGROUP_INET_INGRESS, NULL);
	if (links[0] < 0 || links[1] < 0)
		die("the empty program cannot be attached");
}

static void detach(struct bench *b, enum mode mode, const int links[static 2])
{
	if (mode == PROBE)
		probe_detach(b->probe);
	for (int i = 0; i < 2; i++)
		if (links[i] >= 0)
			close(links[i]);
}

static bool is_shared(const struct bench *b, enum mode mode)
{
	__u32 programs[8], count = 8;

	if (bpf_prog_query(b->cgroup, BPF_CGROUP_INET_EGRESS, 0, NULL, programs, &count) < 0 && errno != ENOSPC)
		die("bpf_prog_query");
	return count != (mode == NOTHING ? 0 : 1);
}

/* One stretch; false when somebody else was there, too. */
static bool stretch_with(struct bench *b, enum mode mode, double *ret_ns)
{
	bool shared;
	int links[2];

	attach(b, mode, links);
	shared = is_shared(b, mode);
	*ret_ns = stretch(b->fd);
	shared |= is_shared(b, mode);
	detach(b, mode, links);
	return !shared;
}

static void wait_until_alone(const struct bench *b, uint64_t until)
{
	while (is_shared(b, NOTHING)) {
		if (now_ns(CLOCK_MONOTONIC) > until) {
			errno = 0;
			die("others keep programs at the root of cgroup v2");
		}
		usleep(100000);
	}
}

static void one_round(struct bench *b, unsigned first)
{
	double ns[MODES];
	bool alone = true;

	for (unsigned i = 0; i < MODES; i++) {
		enum mode mode = (first + i) % MODES;

		alone &= stretch_with(b, mode, &ns[mode]);
	}
	if (!alone) {
		b->shared++;
		return;
	}
	for (unsigned i = 0; i < MODES; i++) {
		samples_add(&b->ns[i], ns[i]);
		samples_add(&b->slower[i], (ns[i] / ns[NOTHING] - 1) * 100);
	}
}

/* The median and where it lies with a probability of 95 %, by order statistics. */
static void interval_print(struct samples *s, const char *name)
{
	double half = 0.98 / sqrt((double)s->count);

	printf("%s %.4f %.4f %.4f\n", name, samples_quantile(s, 0.5), samples_quantile(s, 0.5 - half),
	       samples_quantile(s, 0.5 + half));
}

static void rounds(struct bench *b)
{
	uint64_t until = now_ns(CLOCK_MONOTONIC) + PATIENCE_S * UINT64_C(1000000000);

	for (unsigned i = 0; i < MODES; i++) {
		samples_init(&b->ns[i], ROUNDS);
		samples_init(&b->slower[i], ROUNDS);
	}
	stretch(b->fd);
	for (unsigned i = 0; b->slower[0].count < ROUNDS; i++) {
		wait_until_alone(b, until);
		one_round(b, i);
	}
	interval_print(&b->slower[PROBE], "slower");
	interval_print(&b->slower[EMPTY], "slower_empty");
	samples_print(&b->ns[NOTHING], "alone_ns");
	samples_print(&b->ns[PROBE], "attached_ns");
	printf("rounds %zu %u\n", b->slower[0].count, b->shared);
	for (unsigned i = 0; i < MODES; i++) {
		samples_done(&b->ns[i]);
		samples_done(&b->slower[i]);
	}
}

static int client(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		die("connect");
	nodelay(fd);
	return fd;
}

static void open_probe(struct bench *b)
{
	static struct endpoints endpoints;
	const struct probe_config config = {.endpoints = &endpoints, .ring_size = LIVE_RING_DEFAULT, .handler = ignore};
	struct problem problem = {0};

	endpoints_init(&endpoints);
	if (probe_new(&config, &b->probe, &problem) == 0)
		b->cgroup = cgroup_root_open(&problem);
	if (problem.text[0]) {
		errno = 0;
		die(problem.text);
	}
	b->empty = empty_program();
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	struct sockaddr_in address;
	int listener = listen_here(&address);
	pid_t child;

	go_first();
	child = fork();
	if (child == 0)
		echo(listener, argc > 2 ? (int)strtol(argv[2], NULL, 10) : -1);
	if (child < 0)
		die("fork");
	pin(argc > 1 ? (int)strtol(argv[1], NULL, 10) : -1);
	b.fd = client(&address);
	open_probe(&b);
	rounds(&b);
	probe_free(b.probe);
	close(b.empty);
	close(b.cgroup);
	close(b.fd);
	waitpid(child, NULL, 0);
	return 0;
}
