/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "bpf/endpoint.h"
#include "capture/cgroup.h"
#include "capture/readers.h"
#include "capture/rights.h"
#include "capture/ring.h"
#include "probe.skel.h"

#define PROGRAMS 6

_Static_assert(ENDPOINTS_SIZE >= ENDPOINTS_MAX, "the kernel's table holds every endpoint");

/* Who comes first: a socket must be known before its packets are seen. */
static const char *const programs[PROGRAMS + 1] = {
	"connect_v4", "connect_v6", "release_close", "state_close", "stream_egress", "stream_ingress", NULL,
};

struct probe {
	struct probe_bpf *skeleton;
	struct bpf_link *links[PROGRAMS];
	struct ring *ring;
	struct readers *readers; /* NULL: the guard does not know us, or no more */
	uint64_t lost_verdicts;  /* when it does no more */
	struct loss_record loss; /* as last handed on */
	record_handler handler;
	void *context;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

__attribute__((format(printf, 2, 0))) static int talk(enum libbpf_print_level level, const char *format,
						      va_list arguments)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, arguments);
}

static libbpf_print_fn_t printer = quiet;

void probe_verbose(void)
{
	printer = talk;
}

bool probe_is_verbose(void)
{
	return printer == talk;
}

const char *const *probe_programs(void)
{
	return programs;
}

static struct endpoint_key endpoint_key(const struct call_address *a)
{
	struct endpoint_key key = {.port = a->port};

	memcpy(key.ip, a->ip, sizeof(key.ip));
	return key;
}

static void fill_bitmap(struct probe_bpf *skeleton, const struct endpoints *endpoints)
{
	for (unsigned i = 0; i < endpoints->count; i++) {
		struct endpoint_key key = endpoint_key(&endpoints->list[i].address);
		uint32_t bit = endpoint_bit(key.ip[3]);

		skeleton->rodata->cfg_endpoint_bits[bit / 64] |= 1ULL << (bit % 64);
	}
}

static int fill_map(struct probe_bpf *skeleton, const struct endpoints *endpoints)
{
	const uint8_t present = 1;

	for (unsigned i = 0; i < endpoints->count; i++) {
		struct endpoint_key key = endpoint_key(&endpoints->list[i].address);

		if (bpf_map__update_elem(skeleton->maps.endpoints, &key, sizeof(key), &present, sizeof(present),
					 BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

/* Hands the loss counters on when they differ from those handed on before. */
static int read_loss(struct probe *p)
{
	const struct probe_bpf__bss *bss = p->skeleton->bss;
	struct loss_record now = {.header = p->loss.header};
	struct timespec ts;

	for (unsigned i = 0; i < RECORD_KINDS_COUNTED; i++)
		now.lost[i] = __atomic_load_n(&bss->lost[i], __ATOMIC_RELAXED);
	now.lost[LOST_VERDICTS] = p->lost_verdicts + readers_lost(p->readers);
	now.truncated = __atomic_load_n(&bss->truncated, __ATOMIC_RELAXED);
	now.unannounced = __atomic_load_n(&bss->unannounced, __ATOMIC_RELAXED);
	if (memcmp(&now, &p->loss, sizeof(now)) == 0)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now.header.kind = RECORD_LOSS;
	now.header.length = sizeof(now);
	now.header.time = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	p->loss = now;
	return p->handler(p->context, &now, sizeof(now));
}

/* A loss goes before every record that was made after it: what that record ends is then known to have a gap. */
static int on_record(void *context, const void *data, size_t size)
{
	struct probe *p = context;
	int r = read_loss(p);

	return r < 0 ? r : p->handler(p->context, data, size);
}

static int open_and_load(struct probe *p, const struct probe_config *config, struct problem *problem)
{
	int r;

	libbpf_set_print(printer);
	rights_raise_memory();
	p->skeleton = probe_bpf__open();
	if (!p->skeleton)
		return problem_set(problem, -errno, "the built-in programs cannot be opened: %s", strerror(errno));
	fill_bitmap(p->skeleton, config->endpoints);
	bpf_map__set_max_entries(p->skeleton->maps.events, (uint32_t)config->ring_size);
	p->skeleton->rodata->cfg_ring_full = config->ring_size / 16 * 15;
	r = probe_bpf__load(p->skeleton);
	if (r < 0)
		return problem_set(problem, r, "the kernel does not take the programs: %s", strerror(-r));
	r = fill_map(p->skeleton, config->endpoints);
	if (r < 0)
		return problem_set(problem, r, "the list of endpoints cannot be given to the kernel: %s", strerror(-r));
	return 0;
}

int probe_new(const struct probe_config *config, struct probe **ret_probe, struct problem *problem)
{
	struct probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return problem_set(problem, -ENOMEM, "out of memory");
	p->handler = config->handler;
	p->context = config->context;
	r = open_and_load(p, config, problem);
	if (r == 0) {
		r = ring_new(bpf_map__fd(p->skeleton->maps.events), config->ring_size, &p->ring);
		if (r < 0)
			problem_set(problem, r, "the ring buffer cannot be mapped: %s", strerror(-r));
	}
	if (r < 0) {
		probe_free(p);
		return r;
	}
	*ret_probe = p;
	return 0;
}

int probe_listen(struct probe *p, struct problem *problem)
{
	return readers_join(READERS_FOLDER, bpf_map__fd(p->skeleton->maps.events), &p->readers, problem);
}

static struct bpf_link *attach_one(struct bpf_program *program, int cgroup)
{
	struct bpf_link *link;

	if (bpf_program__type(program) == BPF_PROG_TYPE_TRACING)
		link = bpf_program__attach(program);
	else
		link = bpf_program__attach_cgroup(program, cgroup);
	return link;
}

/* kernel/bpf/cgroup.c, __cgroup_bpf_attach(): nothing goes beside a program that was attached to be alone. */
static int attach_problem(int r, const char *program, struct problem *problem)
{
	return problem_set(problem, r, "the program %s cannot be attached: %s%s", program, strerror(-r),
			   r == -EPERM ? " (was another one attached there without BPF_F_ALLOW_MULTI? bpftool cgroup "
					 "tree shows it)"
				       : "");
}

int probe_attach(struct probe *p, struct problem *problem)
{
	_cleanup_close_ int cgroup = cgroup_root_open(problem);

	if (cgroup < 0)
		return cgroup;
	for (unsigned i = 0; i < PROGRAMS; i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(p->skeleton->obj, programs[i]);

		p->links[i] = attach_one(program, cgroup);
		if (!p->links[i]) {
			int r = -errno;

			probe_detach(p);
			return attach_problem(r, programs[i], problem);
		}
	}
	return 0;
}

/* What the kernel tells of a cgroup link: its cgroup's id is 0 once it was detached (kernel/bpf/cgroup.c). */
static bool is_detached(int fd)
{
	static const char field[] = "cgroup_id:\t";
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[128];
	uint64_t id;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		struct span value = span_of(strlen(line) > strlen(field) ? line + strlen(field) : "");

		/* "cgroup_id:\t1" */
		if (strncmp(line, field, strlen(field)) == 0 && span_take_decimal(&value, &id))
			return id == 0;
	}
	return false;
}

int probe_check(const struct probe *p, struct problem *problem)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (p->links[i] && is_detached(bpf_link__fd(p->links[i])))
			return problem_set(problem, -ENOLINK, "somebody has detached the program %s", programs[i]);
	return 0;
}

void probe_detach(struct probe *p)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		bpf_link__destroy(p->links[i]);
		p->links[i] = NULL;
	}
	p->lost_verdicts += readers_lost(p->readers);
	p->readers = readers_leave(p->readers);
}

struct probe *probe_free(struct probe *p)
{
	if (!p)
		return NULL;
	probe_detach(p);
	ring_free(p->ring);
	probe_bpf__destroy(p->skeleton);
	free(p);
	return NULL;
}

int probe_fd(const struct probe *p)
{
	return bpf_map__fd(p->skeleton->maps.events);
}

int probe_read(struct probe *p)
{
	int count = ring_read(p->ring, PROBE_READ_MAX, on_record, p);
	int r = count < 0 ? count : read_loss(p);

	return r < 0 ? r : count;
}

int probe_try(const char *name, struct problem *problem)
{
	_cleanup_close_ int cgroup = -1;
	struct probe_bpf *skeleton;
	struct bpf_program *program;
	struct bpf_link *link = NULL;
	int r;

	libbpf_set_print(printer);
	rights_raise_memory();
	skeleton = probe_bpf__open();
	if (!skeleton)
		return problem_set(problem, -errno, "cannot be opened: %s", strerror(errno));
	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoload(program, strcmp(bpf_program__name(program), name) == 0);
	r = probe_bpf__load(skeleton);
	if (r < 0) {
		problem_set(problem, r, "cannot be loaded: %s", strerror(-r));
	} else {
		cgroup = cgroup_root_open(problem);
		r = cgroup;
	}
	if (r >= 0) {
		link = attach_one(bpf_object__find_program_by_name(skeleton->obj, name), cgroup);
		r = link ? 0 : problem_set(problem, -errno, "cannot be attached: %s", strerror(errno));
	}
	bpf_link__destroy(link);
	probe_bpf__destroy(skeleton);
	return r;
}
