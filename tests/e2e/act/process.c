// SPDX-License-Identifier: Apache-2.0
/* Awkward processes: other users, long arguments, the same pid twice; and what is left of a tracer's links. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "act.h"

/* Becomes --uid first. */
static int run_setuid(const struct act *a)
{
	if (setgroups(0, NULL) < 0 || setresgid(a->uid, a->uid, a->uid) < 0 || setresuid(a->uid, a->uid, a->uid) < 0)
		err(1, "setuid");
	ask(a, connected(a));
	return 0;
}

/* Connects as it is, becomes --uid, asks. The caller is who connected. */
static int run_setuid_after(const struct act *a)
{
	int fd = connected(a);

	if (setresuid(a->uid, a->uid, a->uid) < 0)
		err(1, "setuid");
	ask(a, fd);
	return 0;
}

/* Ends at once when the request is out: nobody is left to look up. */
static int run_short(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, false);
	send_all(fd, buffer_view(&b));
	_exit(0);
}

/* A name with every kind of awkward byte. */
static int run_comm(const struct act *a)
{
	prctl(PR_SET_NAME, "a\x1b[1m\"\\\n\xff b");
	ask(a, connected(a));
	return 0;
}

/* The connected socket goes through exec(): the new program asks on descriptor 9. */
static int run_exec(const struct act *a)
{
	char mode[] = "inherited";

	if (dup3(connected(a), 9, 0) < 0)
		err(1, "dup3");
	a->argv[1] = mode;
	execv("/proc/self/exe", a->argv);
	err(1, "exec");
}

static int run_inherited(const struct act *a)
{
	ask(a, 9);
	return 0;
}

/* Runs `act one` with 2 MB of arguments (--size), each of 100 KB: the kernel allows 128 KB for one. */
static int run_big_arguments(const struct act *a)
{
	const size_t piece = 100000;
	unsigned extra = (unsigned)((a->size ? a->size : 2000000) / piece), n = 0;
	char **argv = calloc(extra + 16, sizeof(*argv));
	char mode[] = "one", *filler = malloc(piece + 1);

	if (!argv || !filler)
		err(1, "malloc");
	memset(filler, 'a', piece);
	filler[piece] = 0;
	for (; a->argv[n] && n < 12; n++)
		argv[n] = a->argv[n];
	argv[1] = mode;
	for (unsigned i = 0; i < extra; i++)
		argv[n++] = filler;
	execv("/proc/self/exe", argv);
	err(1, "exec");
}

/* A child with the pid `*pid`; any when that is 0. Returns 0 in the child, its pid else, or -1. */
static pid_t fork_with_pid(pid_t pid)
{
	struct clone_args c = {
		.exit_signal = SIGCHLD, .set_tid = pid ? (__u64)(unsigned long)&pid : 0, .set_tid_size = pid ? 1 : 0};

	return (pid_t)syscall(SYS_clone3, &c, sizeof(c));
}

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Two processes after one another with the same pid and different names and paths. */
static int run_recycle(const struct act *a)
{
	struct act second = *a;
	pid_t pid = fork_with_pid(0);

	if (pid == 0) {
		prctl(PR_SET_NAME, "first");
		ask(a, connected(a));
		_exit(0);
	}
	if (pid < 0 || wait_for(pid) != 0)
		err(1, "the first child");
	second.path = "/latest/meta-data/mac";
	if (fork_with_pid(pid) == 0) {
		prctl(PR_SET_NAME, "second");
		ask(&second, connected(&second));
		_exit(0);
	}
	if (wait_for(pid) != 0) {
		warnx("the pid could not be had again");
		return EXIT_UNSUPPORTED;
	}
	return 0;
}

/* What both processes of `impostor` run: the last argument says which. */
static int run_part(const struct act *a)
{
	const char *last = NULL;

	for (char **v = a->argv; *v; v++)
		last = *v;
	if (strcmp(last, "first") == 0)
		ask(a, connected(a));
	else
		pause();
	return 0;
}

static pid_t start_part(const struct act *a, pid_t pid, unsigned number, char *which)
{
	static char long_header[1600];
	char mode[] = "part", path_option[] = "--path", header_option[] = "--header", path[64];
	char *argv[] = {a->argv[0], mode,          a->argv[2],  a->argv[3], path_option,
			path,       header_option, long_header, which,      NULL};

	snprintf(path, sizeof(path), "/latest/meta-data/%u", number);
	memset(long_header, 'x', sizeof(long_header) - 1);
	memcpy(long_header, "X-Long: ", strlen("X-Long: "));
	pid = fork_with_pid(pid);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chdir(strcmp(which, "first") == 0 ? "/" : "/proc") < 0)
		err(1, "chdir");
	execv("/proc/self/exe", argv);
	err(1, "exec");
}

/*
 * --count times: a process asks and ends, and another gets its pid at once, of the same program with the same arguments
 * but for the last, in another directory. The others stay until this one is killed. Prints the pids, then "ready".
 */
static int run_impostor(const struct act *a)
{
	char first[] = "first", second[] = "second";

	for (unsigned i = 0; i < a->count; i++) {
		pid_t pid = start_part(a, 0, i, first);

		if (pid < 0 || wait_for(pid) != 0)
			errx(1, "the first process fails");
		if (start_part(a, pid, i, second) != pid) {
			warnx("the pid could not be had again");
			return EXIT_UNSUPPORTED;
		}
		fprintf(stderr, "%d\n", pid);
	}
	fprintf(stderr, "ready\n");
	pause();
	return 0;
}

/* without-bpf :: 0 -- COMMAND...: runs it where a filter refuses bpf(2), as containers' seccomp profiles do. */
static int run_without_bpf(const struct act *a)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
	char **command = a->argv;

	while (*command && strcmp(*command, "--") != 0)
		command++;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		warn("seccomp");
		return EXIT_UNSUPPORTED;
	}
	execvp(command[1], command + 1);
	err(1, "%s", command[1]);
}

/* link-gone :: 0 ID...; prog-gone, map-gone :: 0 --count ID: is no BPF link, program or map of that id left? */
static int is_gone(int command, unsigned id)
{
	union bpf_attr attr = {.link_id = id};
	int fd = (int)syscall(SYS_bpf, command, &attr, sizeof(attr));

	return fd < 0 && errno == ENOENT ? 0 : 1;
}

static int run_link_gone(const struct act *a)
{
	int left = 0;

	for (char **id = a->argv + 4; *id; id++)
		left |= is_gone(BPF_LINK_GET_FD_BY_ID, (unsigned)strtoul(*id, NULL, 10));
	return left;
}

static int run_prog_gone(const struct act *a)
{
	return is_gone(BPF_PROG_GET_FD_BY_ID, a->count);
}

static int run_map_gone(const struct act *a)
{
	return is_gone(BPF_MAP_GET_FD_BY_ID, a->count);
}

const struct mode process_modes[] = {
	{"setuid", run_setuid},
	{"setuid-after", run_setuid_after},
	{"short", run_short},
	{"comm", run_comm},
	{"exec", run_exec},
	{"inherited", run_inherited},
	{"big-arguments", run_big_arguments},
	{"recycle", run_recycle},
	{"part", run_part},
	{"impostor", run_impostor},
	{"without-bpf", run_without_bpf},
	{"link-gone", run_link_gone},
	{"prog-gone", run_prog_gone},
	{"map-gone", run_map_gone},
	{0},
};
