/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics/listen.h"

#define READ_SIZE 4096
#define READS_MAX 16 /* in one go, so that one client cannot keep the others waiting */
#define PAUSE_MS  1000

int server_open(struct server *s, const char *listen, struct problem *problem)
{
	struct stat st;

	*s = (struct server){.fd = listen_on(listen, problem)};
	for (unsigned i = 0; i < SERVER_CLIENTS; i++)
		s->client[i].fd = -1;
	if (s->fd < 0)
		return s->fd;
	if (strncmp(listen, "unix:", 5) == 0 && lstat(listen + 5, &st) == 0) {
		snprintf(s->path, sizeof(s->path), "%s", listen + 5);
		s->device = st.st_dev;
		s->inode = st.st_ino;
	}
	return 0;
}

static void drop(struct server_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buffer_done(&c->out);
}

void server_close(struct server *s)
{
	struct stat st;

	for (unsigned i = 0; i < SERVER_CLIENTS; i++)
		drop(&s->client[i]);
	if (s->fd < 0)
		return;
	close(s->fd);
	s->fd = -1;
	/* Another one may stand there by now. */
	if (s->path[0] && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
}

/* A place for one more client: a free one, or that of the one longest without a request; NULL: all are being served. */
static struct server_client *place(struct server *s)
{
	struct server_client *oldest = NULL;

	for (unsigned i = 0; i < SERVER_CLIENTS; i++) {
		struct server_client *c = &s->client[i];

		if (c->fd < 0)
			return c;
		if (c->state != CLIENT_WRITES && (!oldest || c->deadline < oldest->deadline))
			oldest = c;
	}
	return oldest;
}

/* What is sent has arrived when the client closes; closing before would take it back (RFC 9112 section 9.6). */
static void linger(struct server_client *c, uint64_t now)
{
	shutdown(c->fd, SHUT_WR);
	c->state = CLIENT_LINGERS;
	c->deadline = now + SERVER_LINGER_MS;
	buffer_done(&c->out);
}

static void send_some(struct server_client *c, uint64_t now)
{
	while (c->done < c->out.length) {
		ssize_t n = send(c->fd, c->out.data + c->done, c->out.length - c->done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			drop(c);
			return;
		}
		c->done += (size_t)n;
	}
	linger(c, now);
}

static void answer(const struct server *s, struct server_client *c, unsigned status, uint64_t now)
{
	struct buffer content = {0};

	if (status == 200)
		s->content(s->context, &content);
	if (content.failed)
		status = 503;
	c->state = CLIENT_WRITES;
	c->done = 0;
	c->deadline = now + SERVER_RESPONSE_MS;
	scrape_answer(&c->scrape, status, buffer_view(&content), &c->out);
	buffer_done(&content);
	if (c->out.failed)
		drop(c);
	else
		send_some(c, now);
}

/* Bytes read, 0 when there are none now, or -1 at the end of the connection. */
static ssize_t receive(const struct server_client *c, char *bytes, size_t size)
{
	ssize_t n = recv(c->fd, bytes, size, MSG_DONTWAIT);

	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void read_some(const struct server *s, struct server_client *c, uint64_t now)
{
	char bytes[READ_SIZE];

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t n = receive(c, bytes, sizeof(bytes));
		unsigned status;

		if (n < 0)
			drop(c);
		if (n <= 0)
			return;
		if (c->state != CLIENT_READS)
			continue;
		status = scrape_read(&c->scrape, (struct span){bytes, (size_t)n});
		if (status != 0) {
			answer(s, c, status, now);
			return;
		}
	}
}

static void serve(const struct server *s, struct server_client *c, uint64_t now)
{
	if (c->state == CLIENT_WRITES)
		send_some(c, now);
	else
		read_some(s, c, now);
}

static void accept_one(struct server *s, struct server_client *c, uint64_t now)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			s->paused_until = now + PAUSE_MS;
		return;
	}
	drop(c);
	c->fd = fd;
	c->state = CLIENT_READS;
	c->deadline = now + SERVER_REQUEST_MS;
	scrape_init(&c->scrape);
	serve(s, c, now);
}

static bool is_open(const struct server *s, uint64_t now)
{
	return s->fd >= 0 && now >= s->paused_until && place((struct server *)s);
}

unsigned server_watch(const struct server *s, struct pollfd *fds, uint64_t now)
{
	unsigned n = 0;

	if (is_open(s, now))
		fds[n++] = (struct pollfd){.fd = s->fd, .events = POLLIN};
	for (unsigned i = 0; i < SERVER_CLIENTS; i++) {
		const struct server_client *c = &s->client[i];

		if (c->fd >= 0)
			fds[n++] = (struct pollfd){.fd = c->fd, .events = c->state == CLIENT_WRITES ? POLLOUT : POLLIN};
	}
	return n;
}

static bool is_ready(const struct pollfd *fds, unsigned count, int fd)
{
	for (unsigned i = 0; i < count; i++)
		if (fds[i].fd == fd)
			return fds[i].revents != 0;
	return false;
}

void server_ready(struct server *s, const struct pollfd *fds, unsigned count, uint64_t now)
{
	struct server_client *c;

	for (unsigned i = 0; i < SERVER_CLIENTS; i++)
		if (s->client[i].fd >= 0 && is_ready(fds, count, s->client[i].fd))
			serve(s, &s->client[i], now);
	if (s->fd < 0 || !is_ready(fds, count, s->fd))
		return;
	c = place(s);
	if (c)
		accept_one(s, c, now);
}

/* A client that began a request is told. */
static void expire(const struct server *s, struct server_client *c, uint64_t now)
{
	if (c->state == CLIENT_READS && c->scrape.head.length > 0)
		answer(s, c, 408, now);
	else
		drop(c);
}

static int sooner(int wait, uint64_t at, uint64_t now)
{
	int ms = at > now ? (int)(at - now) : 0;

	return wait < 0 || ms < wait ? ms : wait;
}

int server_expire(struct server *s, uint64_t now)
{
	int wait = -1;

	for (unsigned i = 0; i < SERVER_CLIENTS; i++) {
		struct server_client *c = &s->client[i];

		if (c->fd >= 0 && now >= c->deadline)
			expire(s, c, now);
		if (c->fd >= 0)
			wait = sooner(wait, c->deadline, now);
	}
	if (s->paused_until > now)
		wait = sooner(wait, s->paused_until, now);
	return wait;
}
