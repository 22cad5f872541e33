/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ability.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <linux/bpf.h>
#include <linux/magic.h>

#include "base/cleanup.h"
#include "capture/cgroup.h"
#include "capture/probe.h"
#include "capture/rights.h"

#define BPFFS "/sys/fs/bpf"

static bool capable(unsigned capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability) != 0;
}

static int check_rights(const struct ability *a, struct problem *problem)
{
	capng_get_caps_process();
	if (capable(CAP_SYS_ADMIN))
		return 0;
	if (capable(CAP_BPF) && capable(CAP_NET_ADMIN) && capable(CAP_PERFMON))
		return 0;
	return problem_set(problem, -EPERM, "needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or root; run it with sudo");
}

static int check_files(const struct ability *a, struct problem *problem)
{
	int r = rights_raise_files();

	if (r == 0)
		return 0;
	return problem_set(problem, r, "the limit of open files is below %d (RLIMIT_NOFILE); run: ulimit -n %d",
			   RIGHTS_FILES, RIGHTS_FILES);
}

static bool kernel_is(unsigned long major, unsigned long minor, const char *release)
{
	unsigned long is_major, is_minor = 0;
	char *rest;

	is_major = strtoul(release, &rest, 10);
	if (*rest == '.')
		is_minor = strtoul(rest + 1, NULL, 10);
	return is_major > major || (is_major == major && is_minor >= minor);
}

/* Kernels before 5.11 charge maps and programs to RLIMIT_MEMLOCK, and say no more than EPERM when it is too low. */
static int check_memory(const struct ability *a, struct problem *problem)
{
	struct utsname name;

	if ((uname(&name) == 0 && kernel_is(5, 11, name.release)) || rights_raise_memory() == 0)
		return 0;
	return problem_set(problem, -EPERM,
			   "the limit of locked memory is too low for this kernel (RLIMIT_MEMLOCK); run: ulimit -l "
			   "unlimited, or set LimitMEMLOCK=infinity in the unit");
}

static int check_kernel(const struct ability *a, struct problem *problem)
{
	struct utsname name;

	if (uname(&name) < 0)
		return problem_set(problem, -errno, "uname fails: %s", strerror(errno));
	if (kernel_is(5, 10, name.release))
		return 0;
	return problem_set(problem, -EOPNOTSUPP, "this is Linux %s; 5.10 or newer is needed", name.release);
}

static int check_btf(const struct ability *a, struct problem *problem)
{
	_cleanup_close_ int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	if (errno == ENOENT)
		return problem_set(problem, -ENOENT,
				   "/sys/kernel/btf/vmlinux is missing; mount /sys, or boot a kernel built with "
				   "CONFIG_DEBUG_INFO_BTF=y");
	return problem_set(problem, -errno, "/sys/kernel/btf/vmlinux cannot be read: %s", strerror(errno));
}

/* bpf(2) itself: refused by seccomp in most containers, by lockdown=confidentiality on some hosts. */
static int check_bpf(const struct ability *a, struct problem *problem)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	_cleanup_close_ int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd >= 0)
		return 0;
	return problem_set(problem, -errno,
			   "bpf(2) fails: %s; the caller lacks rights, or a container's seccomp profile or "
			   "lockdown=confidentiality forbids it",
			   strerror(errno));
}

/* libbpf says no as well when bpf(2) is refused: that is no word about the kernel. */
static int map_type(enum bpf_map_type type, const char *name, struct problem *problem)
{
	int r = libbpf_probe_bpf_map_type(type, NULL);

	if (r > 0)
		return 0;
	if (check_bpf(NULL, problem) < 0)
		return problem_set(problem, -EPERM, "cannot be tried without bpf(2)");
	return problem_set(problem, r < 0 ? r : -EOPNOTSUPP, "the kernel has no %s", name);
}

static int check_ring(const struct ability *a, struct problem *problem)
{
	return map_type(BPF_MAP_TYPE_RINGBUF, "BPF ring buffer (Linux 5.8)", problem);
}

static int check_storage(const struct ability *a, struct problem *problem)
{
	return map_type(BPF_MAP_TYPE_SK_STORAGE, "BPF socket storage (Linux 5.2, CONFIG_NET)", problem);
}

static int check_cgroup(const struct ability *a, struct problem *problem)
{
	_cleanup_close_ int fd = cgroup_root_open(problem);

	return fd < 0 ? fd : 0;
}

static int check_program(const struct ability *a, struct problem *problem)
{
	return probe_try(a->name, problem);
}

static int check_whole_host(const struct ability *a, struct problem *problem)
{
	if (cgroup_root_is_global())
		return 0;
	return problem_set(problem, -EXDEV,
			   "in a cgroup namespace: only callers of this container are seen; run on the host, or with "
			   "--cgroupns=host");
}

static int check_proc(const struct ability *a, struct problem *problem)
{
	if (access("/proc/1/stat", R_OK) < 0)
		return problem_set(problem, -errno,
				   "/proc hides other processes: %s; arguments past the first KiB and "
				   "ancestors' command lines will be missing",
				   strerror(errno));
	capng_get_caps_process();
	if (!capable(CAP_SYS_PTRACE))
		return problem_set(problem, -EPERM,
				   "without CAP_SYS_PTRACE the executables of other users' "
				   "ancestors cannot be read");
	return 0;
}

static int program_type(enum bpf_prog_type type, const char *name, struct problem *problem)
{
	int r = libbpf_probe_bpf_prog_type(type, NULL);

	if (r > 0)
		return 0;
	if (check_bpf(NULL, problem) < 0)
		return problem_set(problem, -EPERM, "cannot be tried without bpf(2)");
	return problem_set(problem, r < 0 ? r : -EOPNOTSUPP, "the kernel has no %s", name);
}

static int check_sockops(const struct ability *a, struct problem *problem)
{
	return program_type(BPF_PROG_TYPE_SOCK_OPS, "sock_ops programs (CONFIG_CGROUP_BPF, CONFIG_INET)", problem);
}

static int check_message(const struct ability *a, struct problem *problem)
{
	static const char missing[] = "sk_msg programs (CONFIG_NET_SOCK_MSG, CONFIG_BPF_STREAM_PARSER)";
	int r = program_type(BPF_PROG_TYPE_SK_MSG, missing, problem);

	return r < 0 ? r : map_type(BPF_MAP_TYPE_SOCKHASH, "socket hash (CONFIG_BPF_STREAM_PARSER)", problem);
}

/* Pinned, or they would end with the process that made them. */
static int check_bpffs(const struct ability *a, struct problem *problem)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) < 0 || fs.f_type != BPF_FS_MAGIC)
		return problem_set(problem, -ENODEV, "no bpffs at " BPFFS "; run: mount -t bpf bpf " BPFFS);
	if (access(BPFFS, W_OK) < 0)
		return problem_set(problem, -errno, BPFFS " cannot be written: %s", strerror(errno));
	return 0;
}

static int check_links(const struct ability *a, struct problem *problem)
{
	return probe_try("connect_v4", problem);
}

static int check_enforce(const struct ability *a, struct problem *problem)
{
	struct problem why = {0};

	for (const struct ability *other = abilities; other->name; other++)
		if (other != a && other->need != NEED_NOBODY && other->check(other, &why) < 0)
			return problem_set(problem, -EOPNOTSUPP, "%s: %.400s", other->name, why.text);
	return 0;
}

const struct ability abilities[] = {
	{"Linux 5.10", "every hook the probe uses", NEED_WATCH, check_kernel},
	{"rights", "loading and attaching programs", NEED_WATCH, check_rights},
	{"open files", "programs and maps, and reading /proc", NEED_WATCH, check_files},
	{"locked memory", "maps, on kernels before 5.11", NEED_WATCH, check_memory},
	{"bpf(2)", "loading programs", NEED_WATCH, check_bpf},
	{"BTF", "programs that fit this kernel", NEED_WATCH, check_btf},
	{"ring buffer", "records on their way to user space", NEED_WATCH, check_ring},
	{"socket storage", "the caller of a socket", NEED_WATCH, check_storage},
	{"cgroup v2", "the place the programs are attached to", NEED_WATCH, check_cgroup},
	{"connect_v4", "who connects, IPv4", NEED_WATCH, check_program},
	{"connect_v6", "who connects, IPv6", NEED_WATCH, check_program},
	{"stream_egress", "requests", NEED_WATCH, check_program},
	{"stream_ingress", "responses", NEED_WATCH, check_program},
	{"state_close", "the end of a connection", NEED_WATCH, check_program},
	{"release_close", "connections that never left the host", NEED_WATCH, check_program},
	{"whole host", "callers in every container", NEED_NOBODY, check_whole_host},
	{"/proc", "long command lines, ancestors' executables", NEED_NOBODY, check_proc},
	{"sock_ops", "guard: sockets of the service, once they are connected", NEED_GUARD, check_sockops},
	{"sk_msg", "guard: requests, before they are sent", NEED_GUARD, check_message},
	{"cgroup links", "guard: programs that stay attached", NEED_GUARD, check_links},
	{"bpffs", "guard: what stays when the program ends", NEED_GUARD, check_bpffs},
	{"can enforce", "guard: refusing calls, mode enforce", NEED_NOBODY, check_enforce},
	{NULL, NULL, NEED_NOBODY, NULL},
};

const struct ability *ability_missing(struct problem *problem)
{
	for (const struct ability *a = abilities; a->name; a++)
		if (a->need == NEED_WATCH && a->check(a, problem) < 0)
			return a;
	return NULL;
}
