// SPDX-License-Identifier: Apache-2.0
/* One plain request, handed to the kernel in every way it takes bytes. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "act.h"

#define VECTORS 64

static void set_option(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0) {
		warn("setsockopt");
		exit(EXIT_UNSUPPORTED);
	}
}

static int finish(int fd, struct buffer *request)
{
	buffer_done(request);
	print_rest(fd);
	close(fd);
	return 0;
}

/* Sends in pieces of `size` bytes, each in a segment of its own, the first one of `first` bytes. */
static void send_pieces(int fd, struct span s, size_t first, size_t size)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	while (s.length) {
		size_t n = first < s.length ? first : s.length;

		send_all(fd, (struct span){s.data, n});
		s.data += n;
		s.length -= n;
		first = size;
	}
}

static int run_one(const struct act *a)
{
	ask(a, connected(a));
	return 0;
}

/* --at N: everything from byte N on comes a moment later. */
static int run_split(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);
	size_t at;

	plain_request(&b, a, false);
	at = a->at < b.length ? a->at : b.length;
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	send_all(fd, (struct span){b.data, at});
	usleep(3000);
	send_all(fd, (struct span){b.data + at, b.length - at});
	return finish(fd, &b);
}

static int run_bytes(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, false);
	send_pieces(fd, buffer_view(&b), 1, 1);
	return finish(fd, &b);
}

/* One io vector a byte, with empty ones between. */
static int fill_vectors(struct iovec *v, int max, struct span *s)
{
	int n = 0;

	while (n + 1 < max && s->length) {
		v[n++] = (struct iovec){(void *)s->data, 0};
		v[n++] = (struct iovec){(void *)s->data, 1};
		s->data++;
		s->length--;
	}
	return n;
}

static int run_writev(const struct act *a)
{
	struct iovec v[VECTORS];
	struct buffer b = {0};
	int n, fd = connected(a);
	struct span s;

	plain_request(&b, a, false);
	s = buffer_view(&b);
	while ((n = fill_vectors(v, VECTORS, &s)) > 0)
		if (writev(fd, v, n) < 0)
			err(1, "writev");
	return finish(fd, &b);
}

/* The whole request in one call, as many vectors as it has bytes. */
static int run_sendmsg(const struct act *a)
{
	struct iovec v[1024];
	struct msghdr m = {.msg_iov = v};
	struct buffer b = {0};
	int fd = connected(a);
	struct span s;

	plain_request(&b, a, false);
	s = buffer_view(&b);
	m.msg_iovlen = (size_t)fill_vectors(v, 1024, &s);
	if (s.length)
		errx(1, "request too long");
	if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		err(1, "sendmsg");
	return finish(fd, &b);
}

static int run_sendmmsg(const struct act *a)
{
	struct mmsghdr m[VECTORS] = {0};
	struct iovec v[VECTORS];
	struct buffer b = {0};
	int n = 0, fd = connected(a);
	size_t piece;

	plain_request(&b, a, false);
	piece = b.length / (VECTORS - 1) + 1;
	for (size_t i = 0; i < b.length; i += piece, n++) {
		v[n] = (struct iovec){b.data + i, b.length - i < piece ? b.length - i : piece};
		m[n].msg_hdr = (struct msghdr){.msg_iov = &v[n], .msg_iovlen = 1};
	}
	if (sendmmsg(fd, m, (unsigned)n, 0) != n)
		err(1, "sendmmsg");
	return finish(fd, &b);
}

static int file_of(struct span s)
{
	int fd = memfd_create("request", MFD_CLOEXEC);

	if (fd < 0 || write(fd, s.data, s.length) != (ssize_t)s.length || lseek(fd, 0, SEEK_SET) != 0)
		err(1, "memfd");
	return fd;
}

static int run_sendfile(const struct act *a)
{
	struct buffer b = {0};
	int file, fd = connected(a);

	plain_request(&b, a, false);
	file = file_of(buffer_view(&b));
	if (sendfile(fd, file, NULL, b.length) != (ssize_t)b.length)
		err(1, "sendfile");
	close(file);
	return finish(fd, &b);
}

static int run_splice(const struct act *a)
{
	struct buffer b = {0};
	int ends[2], fd = connected(a);

	plain_request(&b, a, false);
	if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], b.data, b.length) != (ssize_t)b.length)
		err(1, "pipe");
	if (splice(ends[0], NULL, fd, NULL, b.length, 0) != (ssize_t)b.length)
		err(1, "splice");
	return finish(fd, &b);
}

/* Pages of this process go into the pipe, then into the socket. */
static int run_vmsplice(const struct act *a)
{
	struct buffer b = {0};
	int ends[2], fd = connected(a);
	struct iovec v;

	plain_request(&b, a, false);
	v = (struct iovec){b.data, b.length};
	if (pipe2(ends, O_CLOEXEC) < 0 || vmsplice(ends[1], &v, 1, 0) != (ssize_t)b.length)
		err(1, "vmsplice");
	if (splice(ends[0], NULL, fd, NULL, b.length, SPLICE_F_MORE) != (ssize_t)b.length)
		err(1, "splice");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	print_rest(fd);
	buffer_done(&b);
	return 0;
}

static int run_zerocopy(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	set_option(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	plain_request(&b, a, false);
	if (send(fd, b.data, b.length, MSG_ZEROCOPY | MSG_NOSIGNAL) != (ssize_t)b.length)
		err(1, "send");
	print_rest(fd);
	buffer_done(&b);
	return 0;
}

static int run_more(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, false);
	for (size_t i = 0; i < b.length; i++)
		if (send(fd, b.data + i, 1, i + 1 < b.length ? MSG_MORE : 0) != 1)
			err(1, "send");
	return finish(fd, &b);
}

static int run_cork(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	set_option(fd, IPPROTO_TCP, TCP_CORK, 1);
	plain_request(&b, a, false);
	for (size_t i = 0; i < b.length; i++)
		send_all(fd, (struct span){b.data + i, 1});
	set_option(fd, IPPROTO_TCP, TCP_CORK, 0);
	return finish(fd, &b);
}

/* Small segments: the head is spread over many packets. */
static int run_mss(const struct act *a)
{
	int fd = open_socket(a, SOCK_CLOEXEC, 0);

	set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 88);
	connect_socket(a, fd);
	ask(a, fd);
	return 0;
}

static int run_half_close(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, false);
	send_all(fd, buffer_view(&b));
	shutdown(fd, SHUT_WR);
	return finish(fd, &b);
}

/* An urgent byte inside the path: the service does not see it in the stream, the wire carries it. */
static int run_oob(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, false);
	send_all(fd, (struct span){b.data, 10});
	if (send(fd, "!", 1, MSG_OOB) != 1)
		err(1, "send");
	send_all(fd, (struct span){b.data + 10, b.length - 10});
	return finish(fd, &b);
}

/* Did the kernel put data into the SYN, and did the service take it? */
static bool data_in_syn(int fd)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		err(1, "TCP_INFO");
	return info.tcpi_options & TCPI_OPT_SYN_DATA;
}

/* The first connection gets the cookie, the last one must use it. */
static int fast_open(const struct act *a, void (*start)(const struct act *, int, struct span))
{
	bool used = false;

	for (unsigned i = 0; i < 2; i++) {
		int fd = open_socket(a, SOCK_CLOEXEC, 0);
		struct buffer b = {0};

		plain_request(&b, a, false);
		start(a, fd, buffer_view(&b));
		used = data_in_syn(fd);
		finish(fd, &b);
	}
	if (!used)
		warnx("no data in the SYN: is net.ipv4.tcp_fastopen 3?");
	return used ? 0 : EXIT_UNSUPPORTED;
}

static void start_by_sendto(const struct act *a, int fd, struct span s)
{
	ssize_t n = sendto(fd, s.data, s.length, MSG_FASTOPEN, (const struct sockaddr *)&a->address, a->address_length);

	if (n != (ssize_t)s.length)
		err(1, "sendto");
}

static void start_by_connect(const struct act *a, int fd, struct span s)
{
	set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	connect_socket(a, fd);
	send_all(fd, s);
}

static int run_fastopen(const struct act *a)
{
	return fast_open(a, start_by_sendto);
}

static int run_fastopen_connect(const struct act *a)
{
	return fast_open(a, start_by_connect);
}

const struct mode write_modes[] = {
	{"one", run_one},
	{"split", run_split},
	{"bytes", run_bytes},
	{"writev", run_writev},
	{"sendmsg", run_sendmsg},
	{"sendmmsg", run_sendmmsg},
	{"sendfile", run_sendfile},
	{"splice", run_splice},
	{"vmsplice", run_vmsplice},
	{"zerocopy", run_zerocopy},
	{"more", run_more},
	{"cork", run_cork},
	{"mss", run_mss},
	{"half-close", run_half_close},
	{"oob", run_oob},
	{"fastopen", run_fastopen},
	{"fastopen-connect", run_fastopen_connect},
	{0},
};
