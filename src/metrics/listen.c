/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define BACKLOG 16

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
	socklen_t length;
};

static int read_unix(const char *path, struct address *a)
{
	if (path[0] != '/' || strlen(path) >= sizeof(a->un.sun_path))
		return -EINVAL;
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, strlen(path) + 1);
	a->length = sizeof(a->un);
	return 0;
}

static int read_address(const char *text, struct address *a)
{
	uint64_t port;

	*a = (struct address){0};
	if (strncmp(text, "unix:", 5) == 0)
		return read_unix(text + 5, a);
	if (strncmp(text, "127.0.0.1:", 10) == 0 && parse_u64(text + 10, &port) == 0 && port <= UINT16_MAX) {
		a->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a->length = sizeof(a->in);
		return 0;
	}
	if (strncmp(text, "[::1]:", 6) == 0 && parse_u64(text + 6, &port) == 0 && port <= UINT16_MAX) {
		a->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
		a->in6.sin6_addr = in6addr_loopback;
		a->length = sizeof(a->in6);
		return 0;
	}
	return -EINVAL;
}

/* Is there a socket file nobody listens on? */
static bool is_stale(const struct address *a)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(a->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && connect(fd, &a->any, a->length) < 0 && errno == ECONNREFUSED;
}

/* The mode is right from the first moment on. */
static int bind_unix(int fd, const struct address *a)
{
	mode_t before = umask(0777 & ~LISTEN_SOCKET_MODE);
	int r = bind(fd, &a->any, a->length) < 0 ? -errno : 0;

	if (r == -EADDRINUSE && is_stale(a) && unlink(a->un.sun_path) == 0)
		r = bind(fd, &a->any, a->length) < 0 ? -errno : 0;
	umask(before);
	return r;
}

static int bind_port(int fd, const struct address *a)
{
	const int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, &a->any, a->length) < 0 ? -errno : 0;
}

int listen_on(const char *address, struct problem *problem)
{
	_cleanup_close_ int fd = -1;
	struct address a;
	int r = read_address(address, &a);

	if (r < 0)
		return problem_set(problem, r, "%s is no address to listen on", address);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem_set(problem, -errno, "no socket for %s: %s", address, strerror(errno));
	r = a.any.sa_family == AF_UNIX ? bind_unix(fd, &a) : bind_port(fd, &a);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return problem_set(problem, r, "the metrics cannot be offered on %s: %s", address, strerror(-r));
	return take_fd(&fd);
}
