/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who: the current task as a connect record. Called in the caller's own context, for metadata sockets only. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "keep.bpf.h"
#include "kernel.bpf.h"
#include "wire.h"

#define PATH_DEPTH   24
#define CGROUP_DEPTH 16

/*
 * Where a connect record is put together: memory of the socket itself, because a per-CPU buffer is not safe where
 * connect() can be preempted, and the stack is too small. It stays until the record is in the ring, so that a full
 * ring delays the caller's identity and does not lose it.
 */
#define NAME_CHUNK   256 /* NAME_MAX + 1 */
struct announcement {
	struct connect_record record;
	char args[ARGS_SIZE];
	char slack[NAME_CHUNK]; /* a name read at the end of cgroup_names may run over */
};

static __always_inline void record_begin(struct record_header *header, __u16 kind, __u32 length, __u64 cookie)
{
	header->kind = kind;
	header->flags = 0;
	header->length = length;
	header->time = bpf_ktime_get_boot_ns();
	header->conversation = cookie;
}

static __always_inline void process_read(struct wire_process *process, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	process->pid = BPF_CORE_READ(leader, tgid);
	process->start = BPF_CORE_READ(leader, start_boottime);
	bpf_probe_read_kernel(process->comm, sizeof(process->comm), &leader->comm);
}

/*
 * Appends one name at names[used]; returns the bytes used then, or 0 when it does not fit into `size`. The read may
 * run up to NAME_CHUNK over the end of its array: what lies there is written after it.
 */
static __always_inline __u32 name_append(char *names, __u32 used, __u32 size, const void *name)
{
	long n;

	keep(used);
	if (used >= size)
		return 0;
	n = bpf_probe_read_kernel_str(names + used, NAME_CHUNK, name);
	if (n <= 1 || n > NAME_CHUNK || used + n > size)
		return 0;
	return used + n;
}

/* Two pointers of one struct, by their offsets in it: one read where they lie close together, as they do everywhere. */
static __always_inline void two_read(const void *base, __u32 first, __u32 second, void **ret_first,
				     const void **ret_second)
{
	void *window[3] = {};
	__u32 apart = second - first;

	if (apart != sizeof(window[0]) && apart != 2 * sizeof(window[0])) {
		bpf_probe_read_kernel(ret_first, sizeof(*ret_first), base + first);
		bpf_probe_read_kernel(ret_second, sizeof(*ret_second), base + second);
		return;
	}
	bpf_probe_read_kernel(window, apart + sizeof(window[0]), base + first);
	*ret_first = window[0];
	*ret_second = apart == sizeof(window[0]) ? window[1] : window[2];
}

enum climb { CLIMB_NAME, CLIMB_MOUNT, CLIMB_ROOT, CLIMB_ADRIFT };

/* On the way from a file to the root of its mount namespace. */
struct climber {
	struct dentry *dentry;
	struct mount *mount;
	struct dentry *root; /* the mount's */
};

static __always_inline void climb_onto(struct climber *c, struct mount *mount)
{
	c->mount = mount;
	c->root = BPF_CORE_READ(mount, mnt.mnt_root);
}

/* At the current task's executable. */
static __always_inline void climb_start(struct climber *c, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	c->dentry = BPF_CORE_READ(file, f_path.dentry);
	climb_onto(c, (void *)BPF_CORE_READ(file, f_path.mnt) - bpf_core_field_offset(struct mount, mnt));
}

/* One step up: a name, the way over to the mount above, or the end: the namespace's root, or a tree without any. */
static __always_inline enum climb climb_up(struct climber *c, const void **ret_name)
{
	struct dentry *now = c->dentry;
	struct mount *mount = c->mount, *above;
	void *parent = NULL;

	if (now == c->root) {
		above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount)
			return CLIMB_ROOT;
		c->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		climb_onto(c, above);
		return CLIMB_MOUNT;
	}
	two_read(now, bpf_core_field_offset(struct dentry, d_parent), bpf_core_field_offset(struct dentry, d_name.name),
		 &parent, ret_name);
	c->dentry = parent;
	return parent == now ? CLIMB_ADRIFT : CLIMB_NAME;
}

/*
 * The executable's path, leaf first, across mounts up to the root of its mount namespace: returns the bytes used in
 * `names`, of EXE_SIZE. *ret_cut: it holds the last components only.
 */
static __always_inline __u32 exe_names_read(char *names, struct task_struct *task, __u32 *ret_cut)
{
	struct climber climber;
	__u32 used = 0, now;

	climb_start(&climber, task);
	*ret_cut = 1;
	for (int i = 0; i < PATH_DEPTH && climber.dentry; i++) {
		const void *name = NULL;
		enum climb step = climb_up(&climber, &name);

		if (step == CLIMB_MOUNT)
			continue;
		if (step == CLIMB_ROOT) {
			*ret_cut = 0;
			break;
		}
		now = name_append(names, used, EXE_SIZE, name);
		if (!now)
			break;
		used = now;
		if (step == CLIMB_ADRIFT)
			break;
	}
	return used;
}

/* A step up in the cgroup v2 hierarchy; NULL: the root, which has no name of its own. */
static __always_inline struct kernfs_node *cgroup_up(const struct kernfs_node *node, const void **ret_name)
{
	__u32 at = bpf_core_field_offset(struct kernfs_node, name);
	void *parent = NULL;

	if (bpf_core_field_exists(((struct kernfs_node___615 *)node)->__parent))
		two_read(node, bpf_core_field_offset(struct kernfs_node___615, __parent), at, &parent, ret_name);
	else
		two_read(node, bpf_core_field_offset(struct kernfs_node, parent), at, &parent, ret_name);
	return parent;
}

/* Where the current task is in it. */
static __always_inline struct kernfs_node *cgroup_start(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
}

/* The same for the path in the cgroup v2 hierarchy, of CGROUP_SIZE; the root has no name. */
static __always_inline __u32 cgroup_names_read(char *names, struct task_struct *task, __u32 *ret_cut)
{
	struct kernfs_node *node = cgroup_start(task);
	__u32 used = 0, now;

	*ret_cut = 1;
	for (int i = 0; i < CGROUP_DEPTH && node; i++) {
		const void *name = NULL;
		struct kernfs_node *parent = cgroup_up(node, &name);

		if (!parent) {
			*ret_cut = 0;
			break;
		}
		now = name_append(names, used, CGROUP_SIZE, name);
		if (!now)
			break;
		used = now;
		node = parent;
	}
	return used;
}

/* The order matters: see name_append(). */
static __always_inline void names_read(struct announcement *a, struct task_struct *task)
{
	__u32 exe_cut, cgroup_cut;

	a->record.exe = exe_names_read(a->record.exe_names, task, &exe_cut);
	a->record.cgroup_path = cgroup_names_read(a->record.cgroup_names, task, &cgroup_cut);
	a->record.header.flags |= (exe_cut ? RECORD_F_EXE_CUT : 0) | (cgroup_cut ? RECORD_F_CGROUP_CUT : 0);
	a->record.cgroup = bpf_get_current_cgroup_id();
}

static __always_inline void args_read(struct announcement *a, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long end = BPF_CORE_READ(task, mm, arg_end);
	__u64 length = end - start;

	if (end <= start)
		return;
	if (length > ARGS_SIZE) {
		a->record.header.flags |= RECORD_F_ARGS_CUT;
		length = ARGS_SIZE;
	}
	keep(length);
	if (length > ARGS_SIZE)
		return;
	if (bpf_probe_read_user(a->args, length, (void *)start)) {
		a->record.header.flags |= RECORD_F_ARGS_CUT;
		return;
	}
	a->record.args = length;
}

static __always_inline void ancestors_read(struct announcement *a, struct task_struct *task)
{
	struct task_struct *now = BPF_CORE_READ(task, group_leader);
	__u32 count = 0;

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		struct task_struct *parent = BPF_CORE_READ(now, real_parent);

		if (!parent || parent == now || BPF_CORE_READ(parent, tgid) == 0)
			break;
		process_read(&a->record.ancestor[i], parent);
		now = BPF_CORE_READ(parent, group_leader);
		count = i + 1;
	}
	if (count == ANCESTORS_MAX && BPF_CORE_READ(now, real_parent, tgid) != 0)
		a->record.header.flags |= RECORD_F_ANCESTORS_CUT;
	a->record.ancestors = count;
}

static __always_inline void caller_read(struct announcement *a)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	process_read(&a->record.process, task);
	a->record.tid = (__u32)bpf_get_current_pid_tgid();
	a->record.uid = BPF_CORE_READ(task, cred, euid.val);
	a->record.gid = BPF_CORE_READ(task, cred, egid.val);
	a->record.loginuid = (__u32)-1;
	if (bpf_core_field_exists(task->loginuid)) /* CONFIG_AUDIT */
		a->record.loginuid = BPF_CORE_READ(task, loginuid.val);
	a->record.stack = (__u32)(BPF_CORE_READ(task, mm, start_stack) >> 4);
	a->record.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	ancestors_read(a, task);
	names_read(a, task);
	args_read(a, task);
}
