// SPDX-License-Identifier: Apache-2.0
/* Awkward lives of a socket: how it is connected, who holds it, how it ends. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "act.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* An IPv6 socket that talks to an IPv4 service. */
static int run_v4_mapped(const struct act *a)
{
	struct sockaddr_in6 *in6;
	struct act mapped = *a;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->address;

	in6 = (struct sockaddr_in6 *)&mapped.address;
	memset(in6, 0, sizeof(*in6));
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&in6->sin6_addr.s6_addr[12], &in->sin_addr, 4);
	mapped.address_length = sizeof(*in6);
	ask(&mapped, connected(&mapped));
	return 0;
}

static int run_nonblock(const struct act *a)
{
	int poller = epoll_create1(EPOLL_CLOEXEC), fd = open_socket(a, SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = {.events = EPOLLOUT};

	if (connect(fd, (const struct sockaddr *)&a->address, a->address_length) < 0 && errno != EINPROGRESS)
		err(1, "connect");
	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0 || epoll_wait(poller, &event, 1, 5000) != 1)
		err(1, "epoll");
	fcntl(fd, F_SETFL, 0);
	ask(a, fd);
	close(poller);
	return 0;
}

static int run_mptcp(const struct act *a)
{
	int fd = socket(a->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0) {
		warn("IPPROTO_MPTCP");
		return EXIT_UNSUPPORTED;
	}
	connect_socket(a, fd);
	ask(a, fd);
	return 0;
}

/* One socket, connected twice: AF_UNSPEC lets the first connection go. */
static int run_reconnect(const struct act *a)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, true);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	if (!print_answer(fd))
		return 1;
	if (connect(fd, &none, sizeof(none)) < 0)
		err(1, "connect(AF_UNSPEC)");
	connect_socket(a, fd);
	ask(a, fd);
	return 0;
}

/* connect() on a connected socket fails and changes nothing. */
static int run_connect_twice(const struct act *a)
{
	int fd = connected(a);

	if (connect(fd, (const struct sockaddr *)&a->address, a->address_length) == 0 || errno != EISCONN)
		err(1, "the second connect");
	ask(a, fd);
	return 0;
}

static int run_silent(const struct act *a)
{
	int fd = connected(a);

	poll(NULL, 0, 20);
	close(fd);
	return 0;
}

static int run_half(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	buffer_printf(&b, "GET %s HTTP/1.1\r\nHost: x\r\nX-aws-ec2-meta", a->path);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	shutdown(fd, SHUT_WR);
	print_rest(fd);
	return 0;
}

/* Nobody listens there. */
static int run_refused(const struct act *a)
{
	int fd = open_socket(a, SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&a->address, a->address_length) == 0)
		errx(1, "somebody listens");
	puts(strerror(errno));
	return errno == ECONNREFUSED ? 0 : 1;
}

/* Asks and hangs up without waiting for the answer; by RST. */
static int run_abort(const struct act *a)
{
	const struct linger reset = {.l_onoff = 1};
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, false);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	poll(NULL, 0, 20);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	return 0;
}

static void pass_socket(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(channel, &m, 0) != 1)
		err(1, "sendmsg");
}

static int receive_socket(int channel)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(channel, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		err(1, "recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static int wait_for(pid_t pid)
{
	int status;

	if (pid < 0)
		err(1, "fork");
	if (waitpid(pid, &status, 0) < 0)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* This process connects, a child asks on the socket it is handed. The caller is this process. */
static int run_scm(const struct act *a)
{
	int channel[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		err(1, "socketpair");
	pid = fork();
	if (pid == 0) {
		ask(a, receive_socket(channel[1]));
		_exit(0);
	}
	pass_socket(channel[0], connected(a));
	return wait_for(pid);
}

static void *connect_thread(void *argument)
{
	const struct act *a = *(const struct act **)argument;

	*(int *)((void **)argument)[1] = connected(a);
	return NULL;
}

static int connect_in_thread(const struct act *a)
{
	int fd = -1;
	void *argument[] = {(void *)a, &fd};
	pthread_t thread;

	if (pthread_create(&thread, NULL, connect_thread, argument) != 0)
		errx(1, "pthread_create");
	pthread_join(thread, NULL);
	return fd;
}

static int run_thread(const struct act *a)
{
	ask(a, connect_in_thread(a));
	return 0;
}

/* Connects in a thread; a child that is another program by then asks. */
static int run_thread_fork(const struct act *a)
{
	int fd = connect_in_thread(a);
	pid_t pid = fork();

	if (pid == 0) {
		ask(a, fd);
		_exit(0);
	}
	close(fd);
	return wait_for(pid);
}

/* The socket is made, the child connects it and ends; this process asks. The caller is the child. */
static int run_child_connects(const struct act *a)
{
	int fd = open_socket(a, SOCK_CLOEXEC, 0);
	pid_t pid = fork();

	if (pid == 0) {
		connect_socket(a, fd);
		_exit(0);
	}
	if (wait_for(pid) != 0)
		return 1;
	ask(a, fd);
	return 0;
}

const struct mode socket_modes[] = {
	{"v4-mapped", run_v4_mapped},
	{"nonblock", run_nonblock},
	{"mptcp", run_mptcp},
	{"reconnect", run_reconnect},
	{"connect-twice", run_connect_twice},
	{"silent", run_silent},
	{"half", run_half},
	{"refused", run_refused},
	{"abort", run_abort},
	{"scm", run_scm},
	{"thread", run_thread},
	{"thread-fork", run_thread_fork},
	{"child-connects", run_child_connects},
	{0},
};
