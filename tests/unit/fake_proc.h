/* SPDX-License-Identifier: Apache-2.0 */
/* A /proc tree in a temporary directory. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_proc {
	char root[64];
	int fd;
};

static inline void fake_proc_make(struct fake_proc *f)
{
	strcpy(f->root, "/tmp/unit-proc-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
}

static inline void fake_proc_remove(struct fake_proc *f)
{
	char command[128];

	close(f->fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
	assert_int_equal(system(command), 0);
}

static inline void fake_proc_directory(struct fake_proc *f, const char *name)
{
	assert_int_equal(mkdirat(f->fd, name, 0700), 0);
}

static inline void fake_proc_file(struct fake_proc *f, unsigned pid, const char *name, const void *data, size_t length)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	fd = openat(f->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	close(fd);
}

static inline void fake_proc_text(struct fake_proc *f, unsigned pid, const char *name, const char *text)
{
	fake_proc_file(f, pid, name, text, strlen(text));
}

static inline void fake_proc_link(struct fake_proc *f, unsigned pid, const char *name, const char *target)
{
	char path[128];

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	unlinkat(f->fd, path, 0);
	assert_int_equal(symlinkat(target, f->fd, path), 0);
}

static inline void fake_proc_unlink(struct fake_proc *f, unsigned pid, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	assert_int_equal(unlinkat(f->fd, path, 0), 0);
}

/* As the kernel writes it; `start` in ticks. */
static inline void fake_proc_stack(struct fake_proc *f, unsigned pid, const char *comm, unsigned long long start,
				   unsigned long long stack)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "%u (%s) S 1 2 3 4 5 4194304 98 0 0 0 0 0 0 0 20 0 1 0 %llu 3133440 396 18446744073709551615 1 2 %llu "
		 "4 "
		 "5 0 0 0 0 0 0 0 17 1 0 0 0 0 0 6 7 8 9 10 11 12 0\n",
		 pid, comm, start, stack);
	fake_proc_text(f, pid, "stat", text);
}

/* Of a process that may not be looked into. */
static inline void fake_proc_stat(struct fake_proc *f, unsigned pid, const char *comm, unsigned long long start)
{
	fake_proc_stack(f, pid, comm, start, 0);
}

/* A process with everything. */
static inline void fake_proc_process(struct fake_proc *f, unsigned pid, const char *comm, unsigned long long start,
				     const char *exe)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", pid);
	fake_proc_directory(f, name);
	fake_proc_stat(f, pid, comm, start);
	fake_proc_link(f, pid, "exe", exe);
	fake_proc_link(f, pid, "cwd", "/work dir");
	fake_proc_text(f, pid, "cgroup", "0::/system.slice/web.service\n");
	fake_proc_text(f, pid, "loginuid", "4294967295");
	fake_proc_file(f, pid, "cmdline", comm, strlen(comm) + 1);
}
