/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/launcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "capture/rights.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/libexec/imdsnitch"
#endif

/*
 * So much can go on while the sink waits for a processor. Programs that are started with the service get it; later,
 * without CAP_NET_ADMIN, it is what net.core.wmem_max allows.
 */
#define SOCKET_BUFFER (4 << 20)

struct launcher {
	int fd;
	char program[SETTINGS_KIND_MAX][PATH_MAX]; /* "": not installed */
};

bool launcher_find(enum settings_kind kind, char path[static PATH_MAX])
{
	static const char *const places[] = {"", "/../libexec/imdsnitch"};
	const char *name = settings_kind_name(kind);
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (n > 0) {
		own[n] = '\0';
		slash = strrchr(own, '/');
		for (unsigned i = 0; slash && i < 2; i++) {
			snprintf(path, PATH_MAX, "%.*s%s/imdsnitch-%s", (int)(slash - own), own, places[i], name);
			if (access(path, X_OK) == 0)
				return true;
		}
	}
	snprintf(path, PATH_MAX, "%s/imdsnitch-%s", LIBEXECDIR, name);
	return access(path, X_OK) == 0;
}

static void find_programs(struct launcher *l)
{
	for (unsigned kind = 1; kind < SETTINGS_KIND_MAX; kind++)
		if (!settings_kind_is_sink(kind) || !launcher_find(kind, l->program[kind]))
			l->program[kind][0] = '\0';
}

/* Takes the kind and the socket of one program; -1: the service has gone. */
static int receive(int fd, uint32_t *ret_kind)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {ret_kind, sizeof(*ret_kind)};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n;
	int received;

	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*ret_kind) || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
	return received;
}

static void start_program(const char *path, int fd)
{
	char *const argv[] = {(char *)strrchr(path, '/') + 1, NULL};
	static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C.UTF-8",
					    NULL};
	sigset_t none;

	if (fork() != 0)
		return;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	if (dup2(fd, STDIN_FILENO) == STDIN_FILENO)
		execve(path, argv, environment);
	log_errno(-errno, "%s cannot be started", path);
	_exit(127);
}

/* The launcher's whole life. */
__attribute__((noreturn)) static void launch(const struct launcher *l, int fd)
{
	uint32_t kind;

	prctl(PR_SET_NAME, "imdsnitch-start");
	for (int s = 1; s < 32; s++)
		signal(s, s == SIGTERM || s == SIGINT || s == SIGHUP ? SIG_IGN : SIG_DFL);
	signal(SIGCHLD, SIG_IGN); /* nobody waits: no zombies */
	for (;;) {
		int program = receive(fd, &kind);

		if (program < 0)
			_exit(0);
		if (kind < SETTINGS_KIND_MAX && l->program[kind][0])
			start_program(l->program[kind], program);
		close(program);
	}
}

int launcher_new(uid_t user, gid_t group, struct launcher **ret_launcher, struct problem *problem)
{
	_cleanup_free_ struct launcher *l = calloc(1, sizeof(*l));
	int fds[2], r;
	pid_t pid;

	if (!l)
		return problem_set(problem, -ENOMEM, "out of memory");
	find_programs(l);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return problem_set(problem, -errno, "a socket pair cannot be made: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return problem_set(problem, -errno, "a process cannot be forked: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		r = rights_drop_all(user, group);
		if (r < 0) {
			log_errno(r, "the launcher cannot give up its rights");
			_exit(1);
		}
		launch(l, fds[1]);
	}
	close(fds[1]);
	l->fd = fds[0];
	*ret_launcher = TAKE_PTR(l);
	return 0;
}

struct launcher *launcher_free(struct launcher *l)
{
	if (l)
		close(l->fd);
	free(l);
	return NULL;
}

int launcher_check(const struct launcher *l, enum settings_kind kind, struct problem *problem)
{
	if (l->program[kind][0])
		return 0;
	return problem_set(problem, -ENOENT,
			   "the program imdsnitch-%s is neither beside imdsnitch nor in ../libexec/imdsnitch nor in "
			   "%s; install it or set enabled = no in [%s]",
			   settings_kind_name(kind), LIBEXECDIR, settings_kind_name(kind));
}

bool launcher_is_gone(const struct launcher *l)
{
	struct pollfd p = {.fd = l->fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static int hand_over(struct launcher *l, uint32_t kind, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {&kind, sizeof(kind)};
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(l->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int launcher_start(struct launcher *l, enum settings_kind kind)
{
	int fds[2], r;

	if (!l->program[kind][0])
		return -ENOENT;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	if (setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &(int){SOCKET_BUFFER}, sizeof(int)) < 0)
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_BUFFER}, sizeof(int));
	r = hand_over(l, kind, fds[1]);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	return fds[0];
}
