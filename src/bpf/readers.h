/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tracers that are told what the guard decides. Two pinned maps, made by whoever comes first, a tracer or the
 * guard:
 *
 *   readers  BPF_MAP_TYPE_ARRAY_OF_MAPS, key __u32, READERS_MAX entries: the tracer's ring buffer. The inner map that
 *            stands for all of them is a ring buffer of one page; a ring of any size may be put there.
 *   owners   BPF_MAP_TYPE_ARRAY with BPF_F_MMAPABLE, READERS_MAX entries of struct reader_owner: whose ring it is.
 *
 * A tracer takes a slot that has no owner (pid 0), or whose owner has ended, under flock(2) of the folder; it puts its
 * ring into `readers`, and sets `start` last. It gives the slot back by setting both to 0, which takes no rights;
 * the ring then stays in `readers` until another one takes its place. The guard writes to slots whose pid and start are
 * not 0, and counts in `lost` what a ring has no room for.
 */
#pragma once

#include <linux/types.h>

#define READERS_MAX    8

#define READERS_FOLDER "/sys/fs/bpf/imdsnitch" /* 0700 */
#define READERS_PIN    READERS_FOLDER "/readers"
#define OWNERS_PIN     READERS_FOLDER "/owners"

struct reader_owner {
	__u32 pid;   /* as its owner sees it; 0: the slot is free */
	__u32 pidns; /* inode number of the pid namespace in which that is: nobody else can tell whether it lives */
	__u64 start; /* of the process, as in /proc/PID/stat: clock ticks since boot; 0: its ring is not there yet */
	__u64 lost;  /* records the ring had no room for; written by the guard */
};
_Static_assert(sizeof(struct reader_owner) == 24, "the layout of a pinned map");
