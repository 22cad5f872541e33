/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "serve/folder.h"

#define CLIENTS_AT_ONCE 16
#define WAIT_MS         5000

static int address_of(const char *path, struct sockaddr_un *ret_address, struct problem *problem)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return problem_set(problem, -ENAMETOOLONG, "%s is too long for a socket: at most %zu bytes", path,
				   sizeof(ret_address->sun_path) - 1);
	memcpy(ret_address->sun_path, path, strlen(path) + 1);
	return 0;
}

/* A file that no service answers on is left over. */
static int remove_leftover(const char *path, const struct sockaddr_un *address, struct problem *problem)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return problem_set(problem, -EEXIST, "%s is there and is no socket; remove it or set status_socket",
				   path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return problem_set(problem, -EADDRINUSE,
				   "a service is running already: it answers on %s (imdsnitch status shows it)", path);
	unlink(path);
	return 0;
}

int status_listen(const char *path, uid_t user, gid_t group, struct problem *problem)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int r = address_of(path, &address, problem);

	if (r == 0)
		r = folder_make(path, user, group, problem);
	if (r == 0)
		r = remove_leftover(path, &address, problem);
	if (r < 0)
		return r;
	/* Nobody may connect before the mode is right: without listen(2) nobody can. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return problem_set(problem, -errno, "the status socket %s cannot be made: %s", path, strerror(errno));
	if ((user && chown(path, user, group) < 0) || chmod(path, 0660) < 0 || listen(fd, CLIENTS_AT_ONCE) < 0) {
		r = -errno;
		unlink(path);
		return problem_set(problem, r, "the status socket %s: %s", path, strerror(-r));
	}
	return take_fd(&fd);
}

void status_answer(int fd, void (*build)(void *context, struct buffer *out), void *context)
{
	for (unsigned i = 0; i < CLIENTS_AT_ONCE; i++) {
		_cleanup_close_ int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct buffer out = {0};

		if (client < 0)
			return;
		build(context, &out);
		if (!out.failed)
			send(client, out.data, out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
		buffer_done(&out);
	}
}

static int read_all(int fd, struct buffer *document)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (document->length < STATUS_MAX) {
		ssize_t n;

		if (poll(&p, 1, WAIT_MS) <= 0)
			return -ETIMEDOUT;
		if (!buffer_reserve(document, 4096))
			return -ENOMEM;
		n = read(fd, document->data + document->length, 4096);
		if (n < 0)
			return -errno;
		if (n == 0)
			return document->length ? 0 : -ENODATA;
		document->length += (size_t)n;
	}
	return -EMSGSIZE;
}

int status_ask(const char *path, struct buffer *document, struct problem *problem)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	int r = address_of(path, &address, problem);

	if (r < 0)
		return r;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		if (r == -EACCES)
			return problem_set(problem, r, "%s: permission denied; be root, or in the group that owns it",
					   path);
		if (r == -ENOENT || r == -ECONNREFUSED)
			return problem_set(problem, r, "no service answers on %s; is `imdsnitch serve` running?", path);
		return problem_set(problem, r, "%s: %s", path, strerror(-r));
	}
	r = read_all(fd, document);
	return r < 0 ? problem_set(problem, r, "the service on %s does not answer: %s", path, strerror(-r)) : 0;
}
