/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <seccomp.h>

/* glibc may use any of a group for one function, by version and architecture. */
static const char *const always[] = {
	"read",
	"readv",
	"pread64",
	"write",
	"writev",
	"pwrite64",
	"close",
	"lseek",
	"_llseek",
	"fcntl",
	"fcntl64",
	"dup",
	"dup2",
	"dup3",
	"fstat",
	"fstat64",
	"stat",
	"stat64",
	"lstat",
	"lstat64",
	"statx",
	"newfstatat",
	"fstatat64",
	"readlink",
	"readlinkat",
	"getdents64",
	"access",
	"faccessat",
	"faccessat2",
	"statfs",
	"statfs64",
	"fstatfs",
	"fstatfs64",
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"pselect6",
	"epoll_wait",
	"epoll_pwait",
	"epoll_ctl",
	"epoll_create1",
	"brk",
	"mmap",
	"mmap2",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"futex",
	"futex_time64",
	"set_robust_list",
	"rseq",
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"nanosleep",
	"gettimeofday",
	"time",
	"getrandom",
	"getpid",
	"gettid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getgroups",
	"uname",
	"sysinfo",
	"getrusage",
	"prlimit64",
	"getrlimit",
	"ugetrlimit",
	"sched_getaffinity",
	"sched_yield",
	"getcpu",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigreturn",
	"sigaltstack",
	"restart_syscall",
	"signalfd4",
	"timerfd_settime",
	"timerfd_gettime",
	"shutdown",
	"sendto",
	"sendmsg",
	"sendmmsg",
	"recvfrom",
	"recvmsg",
	"recvmmsg",
	"getsockopt",
	"setsockopt",
	"getsockname",
	"getpeername",
	"accept",
	"accept4",
	"socketpair",
	"pipe2",
	"eventfd2",
	"memfd_create",
	"ioctl",
	"exit",
	"exit_group",
	"tgkill",
	"arch_prctl",
	"set_tid_address",
	"umask",
	"getcwd",
	"fadvise64",
	"fadvise64_64",
};

static const char *const write_files[] = {
	"ftruncate", "ftruncate64", "truncate",  "fallocate",        "fsync",    "fdatasync", "sync_file_range",
	"rename",    "renameat",    "renameat2", "unlink",           "unlinkat", "link",      "linkat",
	"chmod",     "fchmod",      "fchmodat",  "fchown",           "fchownat", "chown",     "mkdir",
	"mkdirat",   "flock",       "utimensat", "utimensat_time64",
};

static const char *const listening[] = {"bind", "listen"};

/* Whoever calls these has been taken over. */
static const char *const never[] = {
	"execve",      "execveat",     "ptrace",        "process_vm_readv",  "process_vm_writev",
	"init_module", "finit_module", "delete_module", "kexec_load",        "kexec_file_load",
	"mount",       "umount2",      "move_mount",    "pivot_root",        "setns",
	"unshare",     "setuid",       "setreuid",      "setresuid",         "setgid",
	"setregid",    "setresgid",    "capset",        "perf_event_open",   "userfaultfd",
	"keyctl",      "add_key",      "request_key",   "open_by_handle_at", "reboot",
	"swapon",      "swapoff",
};

static int rule(scmp_filter_ctx filter, uint32_t action, const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	/* Not on this architecture, or newer than the library: the default holds. */
	return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);
}

static int rules(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = rule(filter, action, names[i]);
	return r;
}

#define RULES(filter, action, names) rules(filter, action, names, sizeof(names) / sizeof((names)[0]))

static int allow_open(scmp_filter_ctx filter, bool writing)
{
	const struct scmp_arg_cmp at = SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE, O_RDONLY);
	const struct scmp_arg_cmp plain = SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE, O_RDONLY);
	int r;

	if (writing)
		return RULES(filter, SCMP_ACT_ALLOW, ((const char *const[]){"open", "openat"}));
	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, at);
	return r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, plain);
}

/* Unix and IP only: no packet, netlink or other sockets. */
static int allow_sockets(scmp_filter_ctx filter)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
	int r = rule(filter, SCMP_ACT_ALLOW, "connect");

	for (unsigned i = 0; i < 3 && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return r;
}

static int fill(scmp_filter_ctx filter, unsigned allowed)
{
	int r = RULES(filter, SCMP_ACT_ALLOW, always);

	if (r == 0)
		r = RULES(filter, SCMP_ACT_KILL_PROCESS, never);
	if (r == 0)
		r = allow_open(filter, allowed & SANDBOX_WRITE_FILES);
	if (r == 0 && (allowed & SANDBOX_WRITE_FILES))
		r = RULES(filter, SCMP_ACT_ALLOW, write_files);
	if (r == 0 && (allowed & SANDBOX_LOCK))
		r = rule(filter, SCMP_ACT_ALLOW, "flock");
	if (r == 0 && (allowed & (SANDBOX_CONNECT | SANDBOX_LISTEN)))
		r = allow_sockets(filter);
	if (r == 0 && (allowed & SANDBOX_LISTEN))
		r = RULES(filter, SCMP_ACT_ALLOW, listening);
	return r;
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

int sandbox_enter(unsigned allowed)
{
	scmp_filter_ctx filter;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (SANITIZED)
		return 0;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = fill(filter, allowed);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
