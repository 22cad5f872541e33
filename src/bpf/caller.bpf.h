/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who: the current task as a connect record. Called in the caller's own context, for metadata sockets only. */
#pragma once

#include <bpf/bpf_core_read.h>

#include "kernel.bpf.h"
#include "maps.bpf.h"

#define PATH_DEPTH   24
#define CGROUP_DEPTH 16

/* Keeps clang from dropping or reordering a bound the verifier needs to see. */
#define keep(value)  asm volatile("" : "+r"(value))

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

/* The executable's path, leaf first, across mounts up to the root of its mount namespace. */
static __always_inline void exe_read(struct announcement *a, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
	__u32 used = 0, now;

	a->record.header.flags |= RECORD_F_EXE_CUT;
	for (int i = 0; i < PATH_DEPTH && dentry; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount) {
				a->record.header.flags &= ~RECORD_F_EXE_CUT;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		now = name_append(a->record.exe_names, used, EXE_SIZE, BPF_CORE_READ(dentry, d_name.name));
		if (!now)
			break;
		used = now;
		if (parent == dentry)
			break;
		dentry = parent;
	}
	a->record.exe = used;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___615 *newer = (void *)node;

	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(node, parent);
}

static __always_inline void cgroup_read(struct announcement *a, struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	__u32 used = 0, now;

	a->record.header.flags |= RECORD_F_CGROUP_CUT;
	for (int i = 0; i < CGROUP_DEPTH && node; i++) {
		struct kernfs_node *parent = kernfs_parent(node);

		if (!parent) { /* the root has no name of its own */
			a->record.header.flags &= ~RECORD_F_CGROUP_CUT;
			break;
		}
		now = name_append(a->record.cgroup_names, used, CGROUP_SIZE, BPF_CORE_READ(node, name));
		if (!now)
			break;
		used = now;
		node = parent;
	}
	a->record.cgroup_path = used;
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
	exe_read(a, task); /* the order matters: see name_append() */
	cgroup_read(a, task);
	args_read(a, task);
}
