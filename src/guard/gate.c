/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "bpf/guard.h"
#include "capture/cgroup.h"
#include "capture/readers.h"
#include "capture/rights.h"
#include "guard.skel.h"
#include "guard/cut.h"
#include "guard/pin.h"
#include "guard/slot.h"

#define CONTROL_SIZE sizeof(struct guard_control)
#define SLOTS_SIZE   (2 * sizeof(struct guard_slot))
#define LINKS        6

_Static_assert(sizeof(struct guard_slot) % 8 == 0, "an array map rounds its values up");
_Static_assert(sizeof(struct gate_hits) == sizeof(struct guard_hits), "one is copied to the other");

struct gate {
	struct guard_control *control;
	struct guard_slot *slots; /* two */
	uint64_t generation;      /* of the table this gate has put in force */
	int lock;                 /* the folder: whoever writes holds its flock(2) */
};

/* A writer, or nobody: a table is never written by two. Ends with the descriptor. */
static int lock_take(int *ret_lock, struct problem *problem)
{
	int fd = open(READERS_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX) == 0) {
		*ret_lock = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return problem_set(problem, -errno, "%s cannot be locked: %s", READERS_FOLDER, strerror(errno));
}

static void *map_memory(int fd, size_t size, int protection)
{
	void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, size, protection, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static struct gate *gate_map(int control, int tables, int protection)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->lock = -1;
	g->control = map_memory(control, CONTROL_SIZE, protection);
	g->slots = map_memory(tables, SLOTS_SIZE, protection);
	return g->control && g->slots ? g : gate_free(g);
}

struct gate *gate_free(struct gate *g)
{
	if (!g)
		return NULL;
	if (g->control)
		munmap(g->control, CONTROL_SIZE);
	if (g->slots)
		munmap(g->slots, SLOTS_SIZE);
	if (g->lock >= 0)
		close(g->lock);
	free(g);
	return NULL;
}

/* The guard that is pinned; NULL: there is none, or one of another version, or it is broken. */
static struct gate *gate_pinned(int protection)
{
	_cleanup_close_ int control = -1, tables = -1;
	struct problem ignored;
	struct gate *g;

	if (pin_check(PIN_GUARD, &ignored) < 0)
		return NULL;
	control = pin_get(PIN_GUARD, PIN_CONTROL);
	tables = pin_get(PIN_GUARD, PIN_TABLES);
	g = gate_map(control, tables, protection);
	return g && g->control->abi != GUARD_ABI ? gate_free(g) : g;
}

/* Under the lock. */
static void gate_write(struct gate *g, const struct table *table, const struct guard_endpoints *endpoints)
{
	slot_swap(g->control, g->slots, table, endpoints);
	g->generation = g->control->generation;
}

/* Tells whoever has this guard mapped that it decides nothing any more; of any version: abi comes first in all. */
static void retire(const char *folder)
{
	_cleanup_close_ int fd = pin_get(folder, PIN_CONTROL);
	__u32 *abi = map_memory(fd, sizeof(*abi), PROT_READ | PROT_WRITE);

	if (!abi)
		return;
	__atomic_store_n(abi, GUARD_RETIRED, __ATOMIC_RELEASE);
	munmap(abi, sizeof(*abi));
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

/* Why the programs are not taken, as far as it can be told. */
static int load_problem(int r, struct problem *problem)
{
	if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_MSG, NULL) <= 0 ||
	    libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SOCKHASH, NULL) <= 0)
		return problem_set(problem, r,
				   "this kernel cannot enforce: it has no sk_msg programs or no socket hash "
				   "(CONFIG_NET_SOCK_MSG, CONFIG_BPF_STREAM_PARSER): %s",
				   strerror(-r));
	return problem_set(problem, r, "the kernel does not take the guard's programs: %s", strerror(-r));
}

static int reuse(struct guard_bpf *s, struct problem *problem)
{
	_cleanup_close_ int readers = -1, owners = -1;
	int r = readers_maps(READERS_FOLDER, &readers, &owners, problem);

	if (r < 0)
		return r;
	r = bpf_map__reuse_fd(s->maps.readers, readers);
	if (r == 0)
		r = bpf_map__reuse_fd(s->maps.owners, owners);
	return r < 0 ? problem_set(problem, r, "the readers' maps in %s do not fit: %s", READERS_FOLDER, strerror(-r))
		     : 0;
}

static int load(struct guard_bpf **ret, struct problem *problem)
{
	struct guard_bpf *s;
	int r;

	libbpf_set_print(quiet);
	rights_raise_memory();
	s = guard_bpf__open();
	if (!s)
		return problem_set(problem, -errno, "the built-in programs cannot be opened: %s", strerror(errno));
	r = reuse(s, problem);
	if (r == 0) {
		r = guard_bpf__load(s);
		if (r < 0)
			load_problem(r, problem);
	}
	if (r < 0)
		guard_bpf__destroy(s);
	else
		*ret = s;
	return r;
}

static int attach(struct guard_bpf *s, struct bpf_link *links[static LINKS], struct problem *problem)
{
	_cleanup_close_ int cgroup = cgroup_root_open(problem);
	int r;

	if (cgroup < 0)
		return cgroup;
	r = bpf_prog_attach(bpf_program__fd(s->progs.guard_request), bpf_map__fd(s->maps.sockets), BPF_SK_MSG_VERDICT,
			    0);
	if (r < 0)
		return problem_set(problem, r, "the program guard_request cannot be attached: %s", strerror(-r));
	for (unsigned i = 0; i < LINKS; i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(s->obj, pin_links[i]);

		links[i] = bpf_program__attach_cgroup(program, cgroup);
		if (!links[i])
			return problem_set(problem, -errno, "the program %s cannot be attached: %s%s", pin_links[i],
					   strerror(errno),
					   errno == EPERM ? " (was another one attached there without "
							    "BPF_F_ALLOW_MULTI? bpftool cgroup tree shows it)"
							  : "");
	}
	return 0;
}

static int pin_all(struct guard_bpf *s, struct bpf_link *const links[static LINKS], struct problem *problem)
{
	int r = 0;

	if (mkdir(PIN_NEXT, 0700) < 0)
		return problem_set(problem, -errno, "%s cannot be made: %s", PIN_NEXT, strerror(errno));
	for (unsigned i = 0; i < LINKS && r == 0; i++)
		r = pin_put(bpf_link__fd(links[i]), PIN_NEXT, pin_links[i], problem);
	if (r == 0)
		r = pin_put(bpf_map__fd(s->maps.bss), PIN_NEXT, PIN_CONTROL, problem);
	if (r == 0)
		r = pin_put(bpf_map__fd(s->maps.tables), PIN_NEXT, PIN_TABLES, problem);
	if (r == 0)
		r = pin_put(bpf_map__fd(s->maps.sockets), PIN_NEXT, PIN_SOCKETS, problem);
	if (r == 0)
		r = pin_put(bpf_program__fd(s->progs.guard_request), PIN_NEXT, PIN_REQUEST, problem);
	return r;
}

/* The new guard holds by now; the old one, whatever is left of it, goes. */
static int exchange(struct problem *problem)
{
	int r = pin_remove(PIN_LAST, problem);

	if (r < 0)
		return r;
	if (rename(PIN_GUARD, PIN_LAST) < 0 && errno != ENOENT)
		return problem_set(problem, -errno, "%s cannot be renamed: %s", PIN_GUARD, strerror(errno));
	if (rename(PIN_NEXT, PIN_GUARD) < 0)
		return problem_set(problem, -errno, "%s cannot be renamed: %s", PIN_NEXT, strerror(errno));
	retire(PIN_LAST);
	return pin_remove(PIN_LAST, problem);
}

static int install(struct guard_bpf *s, struct problem *problem)
{
	struct bpf_link *links[LINKS] = {NULL};
	struct problem ignored;
	int r = pin_remove(PIN_NEXT, problem);

	if (r == 0)
		r = attach(s, links, problem);
	if (r == 0)
		r = pin_all(s, links, problem);
	if (r == 0)
		r = exchange(problem);
	for (unsigned i = 0; i < LINKS; i++)
		bpf_link__destroy(links[i]); /* what is pinned stays */
	if (r < 0)
		pin_remove(PIN_NEXT, &ignored);
	return r;
}

/* Loads a new guard with this table in force, and puts it in the place of what there may be. */
static int gate_make(const struct table *table, const struct guard_endpoints *endpoints, struct gate **ret_gate,
		     struct problem *problem)
{
	struct guard_bpf *s = NULL;
	struct gate *g = NULL;
	int r = load(&s, problem);

	if (!s)
		return r < 0 ? r : -ENOMEM;
	g = gate_map(bpf_map__fd(s->maps.bss), bpf_map__fd(s->maps.tables), PROT_READ | PROT_WRITE);
	if (!g) {
		r = problem_set(problem, -errno, "the guard's maps cannot be mapped: %s", strerror(errno));
	} else {
		g->control->abi = GUARD_ABI;
		gate_write(g, table, endpoints);
		r = install(s, problem);
	}
	guard_bpf__destroy(s);
	if (r < 0)
		gate_free(g);
	else
		*ret_gate = g;
	return r;
}

static int folder_make(struct problem *problem)
{
	_cleanup_close_ int readers = -1, owners = -1;

	if (access(READERS_FOLDER, F_OK) == 0)
		return 0;
	return readers_maps(READERS_FOLDER, &readers, &owners, problem);
}

int gate_apply(const struct table *table, const struct endpoints *endpoints, struct gate **ret_gate,
	       struct problem *problem)
{
	_cleanup_free_ struct guard_endpoints *e = malloc(sizeof(*e));
	_cleanup_close_ int lock = -1, sockets = -1;
	struct gate *g;
	int r = e ? slot_endpoints(endpoints, e, problem) : problem_set(problem, -ENOMEM, "out of memory");

	if (r == 0)
		r = folder_make(problem);
	if (r == 0)
		r = lock_take(&lock, problem);
	if (r < 0)
		return r;
	g = gate_pinned(PROT_READ | PROT_WRITE);
	if (g)
		gate_write(g, table, e);
	else
		r = gate_make(table, e, &g, problem);
	if (r < 0)
		return r;
	if (table->mode == TABLE_ENFORCE) {
		sockets = pin_get(PIN_GUARD, PIN_SOCKETS);
		cut_connections(table, endpoints, sockets);
	}
	flock(lock, LOCK_UN);
	g->lock = take_fd(&lock);
	if (ret_gate)
		*ret_gate = g;
	else
		gate_free(g);
	return 0;
}

int gate_swap(struct gate *gate, const struct table *table, const struct endpoints *endpoints, struct problem *problem)
{
	_cleanup_free_ struct guard_endpoints *e = malloc(sizeof(*e));
	int r = e ? slot_endpoints(endpoints, e, problem) : problem_set(problem, -ENOMEM, "out of memory");

	if (r < 0)
		return r;
	if (flock(gate->lock, LOCK_EX) < 0)
		return problem_set(problem, -errno, "%s cannot be locked: %s", READERS_FOLDER, strerror(errno));
	if (gate_state(gate) == GATE_GONE)
		r = problem_set(problem, -ESTALE, "the guard was opened or replaced meanwhile");
	else
		gate_write(gate, table, e);
	flock(gate->lock, LOCK_UN);
	return r;
}

enum gate_state gate_state(const struct gate *gate)
{
	if (__atomic_load_n(&gate->control->abi, __ATOMIC_ACQUIRE) != GUARD_ABI)
		return GATE_GONE;
	return __atomic_load_n(&gate->control->generation, __ATOMIC_ACQUIRE) == gate->generation ? GATE_HOLDS
												 : GATE_OTHER_RULES;
}

int gate_off(struct problem *problem)
{
	static const char *const folders[] = {PIN_GUARD, PIN_NEXT, PIN_LAST};
	_cleanup_close_ int lock = -1;
	struct problem other;
	int first = 0;

	if (geteuid() != 0)
		return problem_set(problem, -EPERM, "opening the gate needs root");
	lock_take(&lock, &other); /* without the folder there is nobody to wait for */
	for (unsigned i = 0; i < 3; i++) {
		int r;

		retire(folders[i]);
		r = pin_remove(folders[i], first ? &other : problem);
		if (r < 0 && first == 0)
			first = r;
	}
	pin_remove_strays();
	return first;
}

/* Copies the slot in force; again when it changes meanwhile. */
static int status_copy(const struct gate *g, struct gate_status *s)
{
	for (int i = 0; i < 100; i++) {
		uint64_t generation = __atomic_load_n(&g->control->generation, __ATOMIC_ACQUIRE);
		const struct guard_slot *slot = &g->slots[generation & 1];

		memcpy(s->table, &slot->table, sizeof(*s->table));
		memcpy(s->rule, slot->hits, sizeof(s->rule));
		memcpy(&s->none, &slot->hits[TABLE_RULES], sizeof(s->none));
		s->generation = generation;
		if (__atomic_load_n(&g->control->begun, __ATOMIC_ACQUIRE) - generation < 2)
			return 0;
	}
	return -EAGAIN;
}

int gate_status_read(struct gate_status *ret_status, struct problem *problem)
{
	struct problem broken = {0};
	struct gate_status s = {0};
	struct gate *g;
	int r;

	memset(ret_status, 0, sizeof(*ret_status));
	s.loaded = access(PIN_GUARD, F_OK) == 0;
	if (!s.loaded && errno != ENOENT && errno != ENOTDIR)
		return problem_set(problem, -errno, "%s cannot be looked at: %s", PIN_GUARD, strerror(errno));
	if (!s.loaded)
		return 0;
	s.whole = pin_check(PIN_GUARD, &broken) == 0;
	g = gate_pinned(PROT_READ);
	if (!g) {
		*ret_status = s;
		return 0;
	}
	s.table = malloc(sizeof(*s.table));
	r = s.table ? status_copy(g, &s) : -ENOMEM;
	s.applied = g->control->applied;
	s.judged = g->control->judged;
	s.denied = g->control->denied;
	s.would_deny = g->control->would_deny;
	s.unread = g->control->unread;
	s.errors = g->control->errors;
	gate_free(g);
	if (r < 0) {
		free(s.table);
		return problem_set(problem, r, "the guard's table cannot be read: %s", strerror(-r));
	}
	*ret_status = s;
	return 0;
}

void gate_status_done(struct gate_status *s)
{
	free(s->table);
	s->table = NULL;
}
