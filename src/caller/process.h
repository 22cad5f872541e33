/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one process from /proc without ever mixing up two: a view is bound to the process that had the pid *and* the
 * start time when it was opened. The directory stays bound to that process when the pid is used again (its reads then
 * fail), and process_view_check() says afterwards whether it was still there.
 */
#pragma once

#include "base/buffer.h"
#include "caller/caller.h"

/* The few fields of /proc/PID/stat used here, proc_pid_stat(5). */
struct process_stat {
	uint32_t pid;
	char name[COMM_SIZE];
	uint64_t start; /* field 22, ticks since boot */
	uint32_t stack; /* bits 4 to 35 of field 28, as connect_record.stack; 0: not known, or not shown to us */
};

/* The name may hold any byte, also ')' and newlines: it ends at the last ')'. 0 or -EINVAL. */
int process_parse_stat(struct span text, struct process_stat *ret_stat);

/* A start time as field 22 has it: sysconf(_SC_CLK_TCK) ticks, rounded down (nsec_to_clock_t() in kernel/time/time.c).
 */
uint64_t process_start_ticks(uint64_t start);

struct process_view {
	int directory; /* /proc/PID */
	int stat;
	uint32_t pid;
	uint64_t start;       /* ticks */
	uint32_t stack;       /* another one: it was exec()ed, or is another process of the same tick */
	char name[COMM_SIZE]; /* comm of the group leader now */
};

#define PROCESS_VIEW_INIT                                                                                              \
	{                                                                                                              \
		.directory = -1, .stat = -1                                                                            \
	}

/*
 * Opens the process of `pid` that started at `start` (ns, CLOCK_BOOTTIME; 0: unknown, is never believed). 0; -ESTALE
 * when the pid belongs to another process now; -ENOENT, -ESRCH when there is none; or another -errno.
 */
int process_view_open(int proc, uint32_t pid, uint64_t start, struct process_view *ret_view);

/* 0 while the process exists, not reaped, and runs the same program; else as process_view_open(). What was read before
 * must then be forgotten. */
int process_view_check(const struct process_view *v);

void process_view_done(struct process_view *v);

/* Where a link (exe, cwd) points to; owned. -ENAMETOOLONG from PATH_MAX on. */
int process_view_link(const struct process_view *v, const char *name, char **ret_target);

/* Appends the first `limit` bytes of a file (cmdline, cgroup, loginuid); *ret_truncated when there is more. */
int process_view_read(const struct process_view *v, const char *name, size_t limit, struct buffer *out,
		      bool *ret_truncated);

/* Releases the strings. */
void process_done(struct process *p);

/*
 * Sets the arguments: with the final NUL they may lack, secrets masked, in memory of just that size. Empty ones are
 * unknown. -ENOMEM leaves the process without arguments.
 */
int process_set_args(struct process *p, struct span args, bool truncated);
