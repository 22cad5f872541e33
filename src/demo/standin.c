// SPDX-License-Identifier: Apache-2.0
#include "demo/standin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "demo/talk.h"

#define LISTENERS_MAX 16

struct standin {
	struct talk_context context;
	int listener[LISTENERS_MAX];
	unsigned listeners;
	struct talk **talks;
	struct pollfd *polls; /* the listeners, then one for each talk */
	unsigned count, capacity;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct standin *standin_new(const struct answer_rules *rules, FILE *log)
{
	struct standin *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->context.rules = *rules;
	s->context.log = log;
	return s;
}

struct standin *standin_free(struct standin *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < s->count; i++)
		talk_free(s->talks[i]);
	for (unsigned i = 0; i < s->listeners; i++)
		close(s->listener[i]);
	free((void *)s->talks);
	free(s->polls);
	free(s);
	return NULL;
}

/* Splits the port off; `host` loses its brackets. */
static int read_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_length)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;
	char host[INET6_ADDRSTRLEN + 2];
	const char *first = text[0] == '[' ? text + 1 : text;
	size_t n = text[0] == '[' ? strcspn(first, "]") : strlen(first);
	const char *colon = strchr(first, ':');
	unsigned long port = 80;

	if (text[0] == '[' && first[n] == ']' && first[n + 1] == ':')
		port = strtoul(first + n + 2, NULL, 10);
	if (text[0] != '[' && colon && !strchr(colon + 1, ':')) {
		n = (size_t)(colon - first);
		port = strtoul(colon + 1, NULL, 10);
	}
	if (n >= sizeof(host) || port == 0 || port > 65535)
		return -EINVAL;
	memcpy(host, first, n);
	host[n] = 0;
	memset(ret_address, 0, sizeof(*ret_address));
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		*ret_length = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	*ret_length = sizeof(*in6);
	return 0;
}

int standin_listen(struct standin *s, const char *address, int protocol)
{
	const int on = 1, fast_open = 64;
	struct sockaddr_storage a;
	socklen_t length;
	int fd, r = read_address(address, &a, &length);

	if (r < 0)
		return r;
	if (s->listeners == LISTENERS_MAX)
		return -ENOSPC;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &fast_open, sizeof(fast_open));
	if (a.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, length) < 0 || listen(fd, 4096) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	s->listener[s->listeners++] = fd;
	return 0;
}

static int make_room(struct standin *s)
{
	unsigned capacity = s->capacity ? s->capacity * 2 : 64;
	struct talk **talks;
	struct pollfd *polls;

	if (s->count < s->capacity)
		return 0;
	talks = (struct talk **)realloc((void *)s->talks, capacity * sizeof(struct talk *));
	if (!talks)
		return -ENOMEM;
	s->talks = talks;
	polls = realloc(s->polls, (capacity + LISTENERS_MAX) * sizeof(*polls));
	if (!polls)
		return -ENOMEM;
	s->polls = polls;
	s->capacity = capacity;
	return 0;
}

static int accept_all(struct standin *s, int listener)
{
	for (;;) {
		int fd, r = make_room(s);

		if (r < 0)
			return r;
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return 0;
		s->talks[s->count] = talk_new(&s->context, fd);
		if (!s->talks[s->count])
			return -ENOMEM;
		s->count++;
	}
}

/* Milliseconds until something is due; -1: nothing is. */
static int fill_polls(struct standin *s)
{
	uint64_t now = now_ms();
	int wait = -1;

	for (unsigned i = 0; i < s->listeners; i++)
		s->polls[i] = (struct pollfd){.fd = s->listener[i], .events = POLLIN};
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t due = talk_due(s->talks[i]);
		short events = talk_events(s->talks[i]);

		/* A negative fd is skipped: a connection that is gone would otherwise end every poll() at once. */
		s->polls[s->listeners + i] = (struct pollfd){
			.fd = events ? talk_fd(s->talks[i]) : -1,
			.events = events,
		};
		if (due && (wait < 0 || due < now + (uint64_t)wait))
			wait = due > now ? (int)(due - now) : 0;
	}
	return wait;
}

static void serve_talks(struct standin *s, unsigned count)
{
	uint64_t now = now_ms();
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		struct talk *t = s->talks[i];

		if (s->polls[s->listeners + i].revents || (talk_due(t) && talk_due(t) <= now))
			if (!talk_serve(t, now))
				t = talk_free(t);
		if (t)
			s->talks[kept++] = t;
	}
	s->count = kept;
}

int standin_run(struct standin *s, const volatile bool *stop)
{
	int r = make_room(s);
	sigset_t none;

	sigemptyset(&none);
	while (r == 0 && !*stop) {
		int wait = fill_polls(s);
		struct timespec time = {.tv_sec = wait / 1000, .tv_nsec = (long)(wait % 1000) * 1000000};

		if (ppoll(s->polls, s->listeners + s->count, wait < 0 ? NULL : &time, &none) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		serve_talks(s, s->count);
		for (unsigned i = 0; i < s->listeners && r == 0; i++)
			if (s->polls[i].revents)
				r = accept_all(s, s->listener[i]);
	}
	return r;
}
