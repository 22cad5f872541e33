// SPDX-License-Identifier: Apache-2.0
/* Many requests: pipelined, kept alive, in parallel; and many connections that say nothing. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "act.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void numbered_request(struct buffer *b, const struct act *a, unsigned n, bool last)
{
	char *path = NULL;
	struct act numbered = *a;

	if (asprintf(&path, "%s%sn=%u", a->path, strchr(a->path, '?') ? "&" : "?", n) < 0)
		err(1, "asprintf");
	numbered.path = path;
	plain_request(b, &numbered, !last);
	free(path);
}

/* --count requests in one send. */
static int run_pipeline(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	for (unsigned i = 0; i < a->count; i++)
		numbered_request(&b, a, i, i + 1 == a->count);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	print_rest(fd);
	return 0;
}

/* Like pipeline, but v1 and v2 take turns, and a POST with a body that looks like a request is in between. */
static int run_pipeline_mixed(const struct act *a)
{
	const char *body = "GET /latest/user-data HTTP/1.1\r\nHost: x\r\n\r\n";
	struct act one = *a, two = *a;
	struct buffer b = {0};
	int fd = connected(a);

	one.token = NULL;
	two.token = a->token ? a->token : "wrong";
	for (unsigned i = 0; i < a->count; i++) {
		numbered_request(&b, i % 2 ? &two : &one, i, false);
		buffer_printf(&b, "POST /latest/x HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
			      body);
	}
	plain_request(&b, &one, false);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	print_rest(fd);
	return 0;
}

/* --size bytes of pipelined requests (64 KB unless said) in sends of --at bytes. */
static int run_burst(const struct act *a)
{
	size_t size = a->size ? a->size : 65536, piece = a->at > 5 ? a->at : size;
	struct buffer b = {0};
	int fd = connected(a);
	unsigned n = 0;

	while (b.length < size)
		numbered_request(&b, a, n++, false);
	plain_request(&b, a, false);
	for (size_t i = 0; i < b.length; i += piece)
		send_all(fd, (struct span){b.data + i, b.length - i < piece ? b.length - i : piece});
	buffer_done(&b);
	print_rest(fd);
	return 0;
}

static int run_keepalive(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	for (unsigned i = 0; i < a->count; i++) {
		buffer_reset(&b);
		numbered_request(&b, a, i, i + 1 == a->count);
		send_all(fd, buffer_view(&b));
		if (i + 1 < a->count && !print_answer(fd))
			errx(1, "the service closed early");
	}
	buffer_done(&b);
	print_rest(fd);
	return 0;
}

/* A token, then a read with it, on one connection. The token is not printed. */
static int run_session(const struct act *a)
{
	static const char put[] = "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
				  "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
	char answer[4096], token[256];
	struct act with = *a;
	const char *body;
	ssize_t n;
	int fd = connected(a);

	send_all(fd, SPAN_LITERAL(put));
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	answer[n > 0 ? n : 0] = 0;
	body = strstr(answer, "\r\n\r\n");
	if (!body || sscanf(body, "%255s", token) != 1)
		errx(1, "no token");
	with.token = token;
	ask(&with, fd);
	return 0;
}

/* Connects, asks, waits --seconds with the connection open, asks again on it. */
static int run_stay(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	plain_request(&b, a, true);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	if (!print_answer(fd))
		return 1;
	fflush(stdout);
	for (unsigned i = 0; i < a->seconds * 10; i++)
		poll(NULL, 0, 100);
	ask(a, fd);
	return 0;
}

/* --concurrency connections at a time, --count in all, none of which says a word; every second one ends by RST. */
static int run_silent_many(const struct act *a)
{
	const struct linger reset = {.l_onoff = 1};
	struct rlimit files = {65536, 65536};
	int *fds = calloc(a->concurrency, sizeof(*fds));

	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (!fds || a->concurrency == 0)
		errx(1, "--concurrency");
	for (unsigned i = 0; i < a->concurrency; i++)
		fds[i] = -1;
	for (unsigned i = 0; i < a->count; i++) {
		int *fd = &fds[i % a->concurrency];

		if (*fd >= 0) {
			setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			close(*fd);
		}
		*fd = connected(a);
	}
	for (unsigned i = 0; i < a->concurrency; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
	return 0;
}

/* Every connection has one request under way; answers are counted, not kept. */
static unsigned long pump(struct pollfd *p, unsigned connections, struct span request, double end, unsigned long max)
{
	unsigned long sent = connections, done = 0;

	while (done < sent) {
		if (poll(p, connections, 5000) <= 0)
			errx(1, "no answer for 5 s");
		for (unsigned i = 0; i < connections; i++) {
			if (!p[i].revents)
				continue;
			if (read_status(p[i].fd) < 0)
				errx(1, "the service closed");
			done++;
			if ((max ? sent >= max : now() >= end))
				continue;
			send_all(p[i].fd, request);
			sent++;
		}
	}
	return done;
}

/* --concurrency kept-alive connections, --count requests in all, or as many as fit in --seconds. Prints how many. */
static int run_load(const struct act *a)
{
	struct pollfd *p = calloc(a->concurrency, sizeof(*p));
	struct buffer b = {0};
	double start = now();
	unsigned long done;

	if (!p)
		err(1, "calloc");
	plain_request(&b, a, true);
	for (unsigned i = 0; i < a->concurrency; i++) {
		p[i] = (struct pollfd){.fd = connected(a), .events = POLLIN};
		send_all(p[i].fd, buffer_view(&b));
	}
	done = pump(p, a->concurrency, buffer_view(&b), start + a->seconds, a->seconds ? 0 : a->count);
	printf("%lu\n", done);
	fprintf(stderr, "%.0f requests/s\n", (double)done / (now() - start));
	buffer_done(&b);
	free(p);
	return 0;
}

/* --count connections one after another, each with one request. */
static int run_connections(const struct act *a)
{
	for (unsigned i = 0; i < a->count; i++) {
		int fd = connected(a);

		ask(a, fd);
		close(fd);
	}
	return 0;
}

const struct mode flow_modes[] = {
	{"pipeline", run_pipeline},
	{"pipeline-mixed", run_pipeline_mixed},
	{"burst", run_burst},
	{"keepalive", run_keepalive},
	{"session", run_session},
	{"stay", run_stay},
	{"silent-many", run_silent_many},
	{"load", run_load},
	{"connections", run_connections},
	{0},
};
