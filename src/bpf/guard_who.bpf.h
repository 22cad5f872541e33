/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who: what the rules look at of a caller, read in its own context, and the set of rules it satisfies. */
#pragma once

#include "guard_maps.bpf.h"

/*
 * In a mount namespace that a user namespace owns anybody mounts anything anywhere: paths there say nothing.
 */
static __always_inline bool paths_are_forged(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, mnt_ns, user_ns, level) != 0;
}

/* Names on their way from the leaf to the root: in `line`, which is not in use yet, behind what a name may run over. */
#define NAMES_MAX 32 /* more than PATH_DEPTH and CGROUP_DEPTH */
#define NAMES_AT  512

static __always_inline __u64 *names_of(struct claim *c)
{
	return (__u64 *)(c->line + NAMES_AT);
}

static __always_inline void name_push(struct claim *c, const void *name)
{
	names_of(c)[c->at % NAMES_MAX] = (__u64)name;
	c->at++;
}

/* Appends "/name"; 0: no room. Like name_append() it may write up to NAME_CHUNK behind `path`. */
static __always_inline __u32 path_append(char *path, __u32 used, __u32 size, const void *name)
{
	long n;

	keep(used);
	if (used >= size - 1)
		return 0;
	path[used] = '/';
	n = bpf_probe_read_kernel_str(path + used + 1, NAME_CHUNK, name);
	if (n <= 1 || n > NAME_CHUNK || used + n > size)
		return 0;
	return used + n;
}

/* Puts the names together from the root; 0: they do not fit. */
static __always_inline __u32 path_build(struct claim *c, char *path, __u32 size)
{
	__u32 used = 0;

	for (int i = 0; i < PATH_DEPTH && c->at; i++) {
		c->at--;
		used = path_append(path, used, size, (const void *)names_of(c)[c->at % NAMES_MAX]);
		if (!used)
			break;
	}
	return used;
}

static __always_inline void exe_claim(struct claim *c, struct task_struct *task)
{
	struct climber climber;
	bool whole = false;

	climb_start(&climber, task);
	c->at = 0;
	for (int i = 0; i < PATH_DEPTH && climber.dentry; i++) {
		const void *name = NULL;
		enum climb step = climb_up(&climber, &name);

		if (step == CLIMB_ROOT)
			whole = true;
		if (step == CLIMB_ROOT || step == CLIMB_ADRIFT)
			break;
		if (step == CLIMB_NAME)
			name_push(c, name);
	}
	c->exe = 0;
	if (whole && !paths_are_forged(task))
		c->exe = path_build(c, c->exe_path, EXE_SIZE);
	if (!c->exe)
		c->flags |= CLAIM_EXE_CUT;
}

static __always_inline void cgroup_claim(struct claim *c, struct task_struct *task)
{
	struct kernfs_node *node = cgroup_start(task);
	bool whole = false;

	c->at = 0;
	for (int i = 0; i < CGROUP_DEPTH && node; i++) {
		const void *name = NULL;
		struct kernfs_node *parent = cgroup_up(node, &name);

		if (!parent) {
			whole = true;
			break;
		}
		name_push(c, name);
		node = parent;
	}
	c->cgroup = 0;
	if (whole && !c->at) {
		c->cgroup_path[0] = '/';
		c->cgroup = 1;
	} else if (whole) {
		c->cgroup = path_build(c, c->cgroup_path, CGROUP_SIZE);
	}
	if (!c->cgroup)
		c->flags |= CLAIM_CGROUP_CUT;
}

static __always_inline struct group_info *groups_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred, group_info);
}

static __always_inline void groups_claim(struct claim *c, struct task_struct *task)
{
	struct group_info *info = groups_of(task);
	__u32 count = BPF_CORE_READ(info, ngroups);

	c->gid[0] = BPF_CORE_READ(task, cred, egid.val);
	c->gids = count;
	if (count > GIDS_KEPT - 1) {
		count = GIDS_KEPT - 1;
		c->flags |= CLAIM_GIDS_CUT;
	}
	keep(count);
	if (count < GIDS_KEPT)
		bpf_probe_read_kernel(&c->gid[1], count * sizeof(c->gid[0]),
				      (void *)info + bpf_core_field_offset(struct group_info, gid));
	c->gid_last = c->flags & CLAIM_GIDS_CUT ? 0xffffffff : c->gid[count % GIDS_KEPT];
}

/* Who connects or sends: the current task. The order matters: see path_append(). */
static __always_inline void who_read(struct claim *c)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	c->uid = BPF_CORE_READ(task, cred, euid.val);
	exe_claim(c, task);
	cgroup_claim(c, task);
	groups_claim(c, task);
}

/* The `i`th supplementary group: of the kernel's list while there is a caller, else of those that were kept. */
static __always_inline __u32 gid_at(struct claim *c, struct group_info *info, __u32 i)
{
	__u32 kept = 1 + i, gid = 0;

	keep(kept);
	if (!info)
		return c->gid[kept % GIDS_KEPT];
	bpf_probe_read_kernel(&gid, sizeof(gid),
			      (void *)info + bpf_core_field_offset(struct group_info, gid) + (__u64)i * sizeof(gid));
	return gid;
}

/* Is the range worth a search? Most are not: they lie below or above all groups of a process. */
static __always_inline bool range_may_have(const struct claim *c, const struct group_range *range)
{
	if (c->gid[0] >= range->from && c->gid[0] <= range->to)
		return true;
	return c->gids && range->to >= c->gid[1] && range->from <= c->gid_last;
}

/* Is one of the groups in the range? 17 halvings find any of 65536. */
static __always_inline bool range_has(struct claim *c, const struct group_range *range, struct group_info *info)
{
	if (c->gid[0] >= range->from && c->gid[0] <= range->to)
		return true;
	c->low = 0;
	c->left = info || c->gids < GIDS_KEPT ? c->gids : GIDS_KEPT - 1;
	for (int i = 0; i < 17; i++) { /* the first that is not below */
		__u32 half = c->left / 2, middle = c->low + half;

		if (!c->left)
			break;
		if (gid_at(c, info, middle) < range->from) {
			c->low = middle + 1;
			c->left -= half + 1;
		} else {
			c->left = half;
		}
	}
	return c->low < c->gids && (info || c->low < GIDS_KEPT - 1) && gid_at(c, info, c->low) <= range->to;
}

/* Paths are read in pieces, each in a function that is verified once. */
#define PIECE 32

static __always_inline void exe_piece(struct claim *c, const struct table *t, __u32 from)
{
	for (__u32 i = 0; i < PIECE; i++) {
		if (from + i >= c->exe)
			break;
		c->state = automaton_next(t, &t->exe, c->state, c->exe_path[(from + i) % EXE_SIZE]);
	}
}

static __always_inline void cgroup_piece(struct claim *c, const struct table *t, __u32 from)
{
	for (__u32 i = 0; i < PIECE; i++) {
		__u64 at = from + i; /* 64 bits: the bound is on the register that is used */

		keep(at);
		if (at >= CGROUP_SIZE || at >= c->cgroup)
			break;
		cgroup_byte(t, &c->cgroups, c->cgroup_path[at]);
	}
}

static __always_inline bool cgroup_is_known(const struct claim *c, const struct table *t)
{
	return !(c->flags & CLAIM_CGROUP_CUT) && !(c->cgroup == 1 && t->legacy);
}

/* Where each kind of program has its socket. */
#define SOCKET_ADDR(ctx) ((ctx)->sk)
#define SOCKET_MSG(ctx)  ((ctx)->sk)
#define SOCKET_SKB(ctx)  ((ctx)->sk ? bpf_sk_fullsock((ctx)->sk) : NULL)

/* The groups themselves are there only while the caller asks to connect. */
#define GROUPS_ADDR()    groups_of((void *)bpf_get_current_task())
#define GROUPS_KEPT()    NULL

/*
 * The set of rules a caller satisfies, by the table in a slot. Global functions are verified once each, and take the
 * context and numbers only (5.10); a context is of one kind of program, so each kind has its own.
 */
#define WHO_FUNCTIONS(kind, context, socket, group_list)                                                               \
	static __always_inline struct claim *claim_##kind(context *ctx)                                                \
	{                                                                                                              \
		struct bpf_sock *sk = socket(ctx);                                                                     \
                                                                                                                       \
		return sk ? bpf_sk_storage_get(&claims, sk, NULL, 0) : NULL;                                           \
	}                                                                                                              \
	__noinline int group_##kind(context *ctx, __u64 generation, __u32 i)                                           \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
		struct group_range *range;                                                                             \
                                                                                                                       \
		if (!slot || !c)                                                                                       \
			return 0;                                                                                      \
		range = &slot->table.group[i % TABLE_INTERVALS];                                                       \
		if (range_has(c, range, group_list()))                                                                 \
			c->atoms |= 1ULL << (range->atom % TABLE_GROUPS);                                              \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int groups_##kind(context *ctx, __u64 generation)                                                   \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!slot || !c)                                                                                       \
			return 0;                                                                                      \
		c->atoms = 0;                                                                                          \
		for (__u32 i = 0; i < TABLE_INTERVALS; i++) {                                                          \
			if (i >= slot->table.groups)                                                                   \
				break;                                                                                 \
			if (range_may_have(c, &slot->table.group[i]))                                                  \
				group_##kind(ctx, generation, i);                                                      \
		}                                                                                                      \
		decide_groups(&slot->table, c->atoms, group_list() == NULL && c->flags & CLAIM_GIDS_CUT, &c->set);     \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int exe_piece_##kind(context *ctx, __u64 generation, __u32 from)                                    \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (slot && c)                                                                                         \
			exe_piece(c, &slot->table, from);                                                              \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int exe_##kind(context *ctx, __u64 generation)                                                      \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!slot || !c)                                                                                       \
			return 0;                                                                                      \
		if (c->flags & CLAIM_EXE_CUT) {                                                                        \
			rule_set_and(&c->set, &slot->table.unknown.exe);                                               \
			return 0;                                                                                      \
		}                                                                                                      \
		c->state = slot->table.exe.start;                                                                      \
		for (__u32 from = 0; from < EXE_SIZE && from < c->exe; from += PIECE)                                  \
			exe_piece_##kind(ctx, generation, from);                                                       \
		rule_set_and(&c->set, automaton_set(&slot->table, &slot->table.exe, c->state));                        \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int cgroup_piece_##kind(context *ctx, __u64 generation, __u32 from)                                 \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (slot && c)                                                                                         \
			cgroup_piece(c, &slot->table, from);                                                           \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int cgroup_##kind(context *ctx, __u64 generation)                                                   \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!slot || !c)                                                                                       \
			return 0;                                                                                      \
		if (!cgroup_is_known(c, &slot->table)) {                                                               \
			rule_set_and(&c->set, &slot->table.unknown.cgroup);                                            \
			return 0;                                                                                      \
		}                                                                                                      \
		cgroup_begin(&slot->table, &c->cgroups);                                                               \
		for (__u32 from = 0; from < CGROUP_SIZE && from < c->cgroup; from += PIECE)                            \
			cgroup_piece_##kind(ctx, generation, from);                                                    \
		cgroup_end(&slot->table, &c->cgroups, &c->set);                                                        \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int who_##kind(context *ctx, __u64 generation)                                                      \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!slot || !c || c->generation == generation)                                                        \
			return 0;                                                                                      \
		c->set = *decide_user(&slot->table, c->uid);                                                           \
		if (c->flags & CLAIM_STRANGER) {                                                                       \
			rule_set_and(&c->set, &slot->stranger);                                                        \
		} else {                                                                                               \
			if (slot->table.groups)                                                                        \
				groups_##kind(ctx, generation);                                                        \
			exe_##kind(ctx, generation);                                                                   \
			cgroup_##kind(ctx, generation);                                                                \
		}                                                                                                      \
		c->generation = generation;                                                                            \
		return 0;                                                                                              \
	}
