/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who made a call: the process, its ancestors, and where it lives (container, pod, unit), as the kernel saw it at
 * connect time and completed from /proc while the process was still there.
 */
#pragma once

#include "base/span.h"
#include "bpf/wire.h"

/* One process. Strings are owned, raw (not escaped) and NULL when unknown; secrets in args are already masked. */
struct process {
	uint32_t pid;         /* 0: unknown */
	uint64_t start;       /* ns, CLOCK_BOOTTIME; with pid it names the process, a recycled pid differs in it */
	char name[COMM_SIZE]; /* comm, always NUL-terminated */
	char *executable;   /* absolute path in the process's mount namespace; from /proc possibly with " (deleted)" */
	char *args;         /* NUL-separated, as /proc/PID/cmdline; may hold any other byte */
	size_t args_length; /* bytes in args, with the NUL of the last argument */
	bool args_truncated;
	char *working_directory;
};

struct caller {
	unsigned references;
	struct process process;
	uint64_t start_realtime; /* process start, ns since the epoch */
	bool has_ids;            /* uid and gid are known */
	uint32_t uid, gid;       /* effective */
	char *user_name, *group_name;
	bool has_loginuid;
	uint32_t loginuid;
	uint32_t netns;                         /* inode number; 0: unknown */
	char *cgroup_path;                      /* "/" for the root; of a v1 hierarchy where v2 says nothing */
	char *container_id, *container_runtime; /* "docker", "containerd", "cri-o", "podman", "lxc", "systemd-nspawn" */
	char *image;                            /* the container's, as its runtime names it */
	char *pod_uid;                          /* dashes as in the Kubernetes API */
	char *systemd_unit;
	char *entity_id; /* stable for joins: boot id without dashes, pid and start in ns, joined by '-' */
	bool late;       /* completed after the connect: fields from /proc may be those of a later exec */
	size_t held;     /* bytes of arguments counted against the bound of all callers; caller.c's own */
	unsigned ancestor_count;
	/* The parent first. caller_new() allocates only ancestor_count of them: never copy a struct caller. */
	struct process ancestor[ANCESTORS_MAX];
};

/* What `caller_new` may use beside the record itself. */
struct caller_context {
	int proc;                  /* directory fd of /proc, of the initial pid namespace; -1: never look (replay) */
	int64_t realtime_offset;   /* CLOCK_REALTIME - CLOCK_BOOTTIME, ns */
	const char *boot_id;       /* text of /proc/sys/kernel/random/boot_id, without newline; NULL: unknown */
	struct users *users;       /* cache of user and group names (caller/users.h); NULL: no names */
	struct images *images;     /* cache of containers' images (caller/image.h); NULL: no images */
	struct ancestry *ancestry; /* cache of ancestors' programs (caller/ancestry.h); NULL: read anew every time */
};

/*
 * Builds a caller from a decoded connect record (its lengths were checked by record_decode()) and completes it from
 * /proc at once. Returns a caller with one reference, or NULL when memory is out.
 *
 * Nothing from /proc is believed unless pid and start time are the record's before and after reading. Values of the
 * kernel win where both know one. The process may have run another program since it connected, therefore
 *  - cwd and the rest of cut arguments are taken only when the executable is still the kernel's (the name, where the
 *    kernel gave no executable), and arguments only when they begin with what the kernel saw;
 *  - an ancestor's executable and arguments are taken only while its name is still the kernel's.
 * Arguments are kept up to 16 KiB, an ancestor's up to 1 KiB; less when all callers together hold more than 1 MiB.
 */
struct caller *caller_new(const struct caller_context *context, const struct connect_record *record, struct span args);

/*
 * Masks a secret of at least MASK_VALUE_MIN bytes (base/mask.h) wherever it occurs in the arguments of the process and
 * its ancestors: a token seen on the wire may stand in an argument no rule knows. When memory is out the arguments that
 * hold it are dropped.
 */
void caller_mask(struct caller *c, struct span value);

/* A caller of whom nothing is known (open before start, connect lost). */
struct caller *caller_unknown(void);

struct caller *caller_ref(struct caller *c);
struct caller *caller_unref(struct caller *c); /* always returns NULL; NULL is fine */
