/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel structs the probe reads, with the members it reads and no others. Offsets are relocated at load
 * time (CO-RE). Names with ___ are flavours: the same struct on other kernels.
 */
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kuid_t;

struct group_info {
	int ngroups;
	kuid_t gid[0]; /* kgid_t has the same layout; in ascending order */
};

struct cred {
	kuid_t euid;
	kuid_t egid;
	struct group_info *group_info;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct mm_struct {
	struct file *exe_file;
	unsigned long start_stack, arg_start, arg_end;
};

struct ns_common {
	__u32 inum;
};

struct netns_ipv4 {
	unsigned int sysctl_tcp_notsent_lowat;
};

struct net {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
};

struct user_namespace {
	int level; /* 0: the initial one */
};

struct mnt_namespace {
	struct user_namespace *user_ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
};

/* Since 6.15 (commit 633488947ef6, "kernfs: Use RCU to access kernfs_node::parent") the member is __parent. */
struct kernfs_node___615 {
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	__u32 tgid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	__u64 start_boottime;
	char comm[16];
	struct mm_struct *mm;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	kuid_t loginuid;
};

struct in6_addr___kernel { /* the header of user space has one of this name, too */
	union {
		__u32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__u32 skc_daddr;
	__u16 skc_dport;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr___kernel skc_v6_daddr;
	struct {
		__s64 counter;
	} skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	int sk_wmem_queued, sk_sndbuf;
	kuid_t sk_uid;
};

struct tcp_sock {
	__u32 write_seq, snd_nxt, notsent_lowat;
};

struct sk_msg {
	struct sock *sk;
};

struct sk_buff {
	struct sock *sk;
	__u32 csum;
	__u8 ip_summed : 2;
	__u8 csum_valid : 1;
};

#pragma clang attribute pop
