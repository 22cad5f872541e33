/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/readers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "caller/process.h"

#define OWNERS_SIZE (READERS_MAX * sizeof(struct reader_owner))
#define PATH_SIZE   256

struct readers {
	struct reader_owner *owners;
	unsigned slot;
	uint64_t lost; /* what the slot's last owner lost */
};

/* The map at `path`; made there when there is none. Whoever is second takes what the first one made. */
static int pinned(const char *path, int (*make)(void))
{
	int r, map = bpf_obj_get(path);

	if (map != -ENOENT)
		return map;
	map = make();
	if (map < 0)
		return map;
	r = bpf_obj_pin(map, path);
	if (r == 0)
		return map;
	close(map);
	return r == -EEXIST ? bpf_obj_get(path) : r;
}

static int make_owners(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "imds_owners", sizeof(uint32_t), sizeof(struct reader_owner),
			      READERS_MAX, &options);
}

static int make_readers(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	_cleanup_close_ int inner =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "imds_reader", 0, 0, (uint32_t)sysconf(_SC_PAGESIZE), NULL);

	if (inner < 0)
		return inner;
	options.inner_map_fd = (uint32_t)inner;
	return bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "imds_readers", sizeof(uint32_t), sizeof(uint32_t),
			      READERS_MAX, &options);
}

/* mkdir(2) in a plain folder would leave one behind that no map can be pinned in. */
static int make_folder(const char *folder, struct problem *problem)
{
	char parent[PATH_SIZE];
	const char *slash = strrchr(folder, '/');
	struct statfs fs;

	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - folder), folder);
	if (statfs(parent, &fs) < 0 || fs.f_type != BPF_FS_MAGIC)
		return problem_set(problem, -ENODEV, "%s is no bpffs; run: mount -t bpf bpf %s", parent, parent);
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return problem_set(problem, -errno, "the folder %s cannot be made: %s", folder, strerror(errno));
	return 0;
}

int readers_maps(const char *folder, int *ret_readers, int *ret_owners, struct problem *problem)
{
	_cleanup_close_ int readers = -1, owners = -1;
	char path[PATH_SIZE];
	int r = make_folder(folder, problem);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/readers", folder);
	readers = pinned(path, make_readers);
	if (readers < 0)
		return problem_set(problem, readers, "the map %s: %s", path, strerror(-readers));
	snprintf(path, sizeof(path), "%s/owners", folder);
	owners = pinned(path, make_owners);
	if (owners < 0)
		return problem_set(problem, owners, "the map %s: %s", path, strerror(-owners));
	*ret_readers = take_fd(&readers);
	*ret_owners = take_fd(&owners);
	return 0;
}

static uint32_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uint32_t)st.st_ino : 0;
}

/* When the process of a pid began, in clock ticks; 0: there is none. */
static uint64_t start_of(uint32_t pid)
{
	_cleanup_fclose_ FILE *file = NULL;
	struct process_stat stat;
	char path[64], text[1024];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	length = file ? fread(text, 1, sizeof(text), file) : 0;
	return process_parse_stat((struct span){text, length}, &stat) == 0 ? stat.start : 0;
}

/* Of a process in another pid namespace nothing is known: it keeps its place. */
static bool has_ended(const struct reader_owner *o, uint32_t pid, uint32_t namespace)
{
	uint64_t start = __atomic_load_n(&o->start, __ATOMIC_ACQUIRE), now;

	if (o->pidns != namespace && start)
		return false;
	now = start_of(pid);
	return now == 0 || (start && now != start);
}

/* A slot nobody has, else one whose owner has ended. */
static int find_slot(const struct reader_owner *owners, uint32_t namespace)
{
	for (int dead = 0; dead < 2; dead++) {
		for (int slot = 0; slot < READERS_MAX; slot++) {
			uint32_t pid = __atomic_load_n(&owners[slot].pid, __ATOMIC_ACQUIRE);

			if (!pid || (dead && has_ended(&owners[slot], pid, namespace)))
				return slot;
		}
	}
	return -ENOSPC;
}

static int take_place(struct readers *r, int readers, int map)
{
	uint32_t namespace = pid_namespace();
	int slot = find_slot(r->owners, namespace), e;
	struct reader_owner *o;

	if (slot < 0)
		return slot;
	r->slot = (unsigned)slot;
	o = &r->owners[slot];
	__atomic_store_n(&o->start, 0, __ATOMIC_RELEASE);
	e = bpf_map_update_elem(readers, &r->slot, &map, BPF_ANY);
	if (e < 0)
		return e;
	r->lost = __atomic_load_n(&o->lost, __ATOMIC_RELAXED);
	o->pidns = namespace;
	__atomic_store_n(&o->pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
	__atomic_store_n(&o->start, start_of((uint32_t)getpid()), __ATOMIC_RELEASE);
	return 0;
}

/* One after the other. The lock ends with the descriptor. */
static int lock_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

static int join(struct readers *self, const char *folder, int map, struct problem *problem)
{
	_cleanup_close_ int readers = -1, owners = -1, lock = -1;
	int r = readers_maps(folder, &readers, &owners, problem);

	if (r < 0)
		return r;
	lock = lock_folder(folder); // NOLINT(clang-analyzer-deadcode.DeadStores): held to the end
	self->owners = mmap(NULL, OWNERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, owners, 0);
	if (self->owners == MAP_FAILED)
		return problem_set(problem, -errno, "the map of owners cannot be mapped: %s", strerror(errno));
	r = take_place(self, readers, map);
	if (r == 0)
		return 0;
	munmap(self->owners, OWNERS_SIZE);
	return problem_set(problem, r,
			   r == -ENOSPC ? "%d tracers listen to the guard already"
					: "no place for a ring among the %d of the guard",
			   READERS_MAX);
}

int readers_join(const char *folder, int map, struct readers **ret_readers, struct problem *problem)
{
	struct readers *self = calloc(1, sizeof(*self));
	int r = self ? join(self, folder, map, problem) : problem_set(problem, -ENOMEM, "out of memory");

	if (r < 0)
		free(self);
	else
		*ret_readers = self;
	return r;
}

uint64_t readers_lost(const struct readers *r)
{
	return r ? __atomic_load_n(&r->owners[r->slot].lost, __ATOMIC_RELAXED) - r->lost : 0;
}

struct readers *readers_leave(struct readers *r)
{
	if (!r)
		return NULL;
	__atomic_store_n(&r->owners[r->slot].start, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&r->owners[r->slot].pid, 0, __ATOMIC_RELEASE);
	munmap(r->owners, OWNERS_SIZE);
	free(r);
	return NULL;
}
