/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-load ADDRESS keep CONNECTIONS SECONDS RATE   many requests on kept-alive connections; RATE 0: as many as go
 * bench-load ADDRESS count CONNECTIONS REQUESTS RATE the same, by number
 * bench-load ADDRESS new REQUESTS RATE               a connection for every request, one after the other
 * bench-load ADDRESS spawn REQUESTS                  a process for every request
 *
 * Clients of a metadata service whose number of calls is exact. The last line is what tests/bench/run reads:
 * "load ANSWERED SECONDS RATE", before it "cpu SECONDS" of itself, and for `new` "us MEDIAN LOWER-QUARTILE
 * UPPER-QUARTILE" from connect to close. Exit status 2 when a request had no answer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "bench.h"

#define PORT            80
#define CONNECTIONS_MAX 1024
#define ANSWER_MAX      8192
#define PATIENCE_S      5

#define COMMON                                                                                                         \
	" HTTP/1.1\r\nHost: 169.254.169.254\r\nAccept-Encoding: identity\r\nUser-Agent: Boto3/1.34.46 "                \
	"md/Botocore#1.34.46 "                                                                                         \
	"ua/2.0 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.2 md/pyimpl#CPython cfg/retry-mode#legacy\r\n"
#define TOKEN    "X-aws-ec2-metadata-token: AQAEALw3mT1bGZ0c5tKMDeWqIlqU4Ii1vLyPzrVyRfgTqdeV1KLMqg==\r\n"
#define V2(path) "GET " path COMMON TOKEN "\r\n"

extern char **environ;

/* What software on an instance asks for. */
static const char *const requests[] = {
	V2("/latest/meta-data/instance-id"),
	V2("/latest/meta-data/placement/availability-zone"),
	"PUT /latest/api/token" COMMON "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n\r\n",
	V2("/latest/meta-data/iam/security-credentials/worker"),
	V2("/latest/dynamic/instance-identity/document"),
	V2("/latest/meta-data/tags/instance/Name"),
	"GET /latest/meta-data/local-ipv4" COMMON "\r\n",
	V2("/latest/meta-data/network/interfaces/macs/"),
};

struct client {
	int fd;
	unsigned next; /* of requests[] */
	size_t used;
	char answer[ANSWER_MAX];
};

struct load {
	struct sockaddr_storage address;
	socklen_t address_size;
	struct client *clients;
	unsigned connections;
	int poll;
	unsigned *idle; /* clients without a request under way */
	unsigned idle_count;
	uint64_t began, until, limit; /* ns, ns, requests; 0: no limit */
	double rate;
	uint64_t sent, answered;
};

static void address_parse(struct load *l, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&l->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&l->address;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(PORT);
		l->address_size = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(PORT);
		l->address_size = sizeof(*v6);
	} else {
		errno = 0;
		die("not an address");
	}
}

static void client_connect(const struct load *l, struct client *c)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	c->fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(c->fd, (const struct sockaddr *)&l->address, l->address_size) < 0)
		die("connect");
}

static void client_ask(struct client *c)
{
	const char *request = requests[c->next++ % (sizeof(requests) / sizeof(requests[0]))];
	ssize_t length = (ssize_t)strlen(request);

	c->used = 0;
	if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
		die("send");
}

/* Reads once; 1 when the answer is whole, 0 when more is to come. */
static int client_hear(struct client *c)
{
	const char *end, *length;
	ssize_t n = recv(c->fd, c->answer + c->used, sizeof(c->answer) - 1 - c->used, 0);

	if (n <= 0)
		die("recv");
	c->used += (size_t)n;
	c->answer[c->used] = '\0';
	end = strstr(c->answer, "\r\n\r\n");
	if (!end)
		return 0;
	length = strcasestr(c->answer, "\r\nContent-Length:");
	if (!length || length > end) {
		errno = 0;
		die("an answer without Content-Length");
	}
	return c->used >= (size_t)(end + 4 - c->answer) + strtoul(length + 17, NULL, 10);
}

/* How many requests may be under way or done by now. */
static uint64_t due(const struct load *l, uint64_t now)
{
	uint64_t count = UINT64_MAX;

	if (l->limit)
		count = l->limit;
	else if (now >= l->until)
		return 0;
	if (l->rate > 0 && count > (uint64_t)(l->rate * (double)(now - l->began) / 1e9))
		count = (uint64_t)(l->rate * (double)(now - l->began) / 1e9);
	return count;
}

static void keep_open(struct load *l)
{
	l->poll = epoll_create1(EPOLL_CLOEXEC);
	l->clients = calloc(l->connections, sizeof(*l->clients));
	l->idle = calloc(l->connections, sizeof(*l->idle));
	if (l->poll < 0 || !l->clients || !l->idle)
		die("clients");
	for (unsigned i = 0; i < l->connections; i++) {
		struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = i};

		client_connect(l, &l->clients[i]);
		l->clients[i].next = i;
		if (epoll_ctl(l->poll, EPOLL_CTL_ADD, l->clients[i].fd, &wanted) < 0)
			die("epoll_ctl");
		l->idle[l->idle_count++] = i;
	}
}

/* Sends what is due and hears what came; false when all is over. */
static int keep_turn(struct load *l)
{
	struct epoll_event events[64];
	uint64_t now = now_ns(CLOCK_MONOTONIC), count = due(l, now);
	int n;

	while (l->idle_count && l->sent < count) {
		client_ask(&l->clients[l->idle[--l->idle_count]]);
		l->sent++;
	}
	if (l->sent == l->answered && (l->limit ? l->sent == l->limit : now >= l->until))
		return 0;
	n = epoll_wait(l->poll, events, 64, l->idle_count && l->rate > 0 ? 1 : PATIENCE_S * 1000);
	if (n < 0 || (n == 0 && !l->idle_count)) {
		errno = n < 0 ? errno : ETIMEDOUT;
		die("epoll_wait");
	}
	for (int i = 0; i < n; i++) {
		if (!client_hear(&l->clients[events[i].data.u32]))
			continue;
		l->answered++;
		l->idle[l->idle_count++] = events[i].data.u32;
	}
	return 1;
}

static void keep_alive(struct load *l)
{
	keep_open(l);
	l->began = now_ns(CLOCK_MONOTONIC);
	if (l->until)
		l->until += l->began;
	while (keep_turn(l))
		;
	for (unsigned i = 0; i < l->connections; i++)
		close(l->clients[i].fd);
	close(l->poll);
	free(l->idle);
	free(l->clients);
}

/* Waits until one more is due. */
static void pace(const struct load *l)
{
	uint64_t due = l->rate > 0 ? l->began + (uint64_t)((double)l->sent * 1e9 / l->rate) : 0;
	struct timespec until = {.tv_sec = (time_t)(due / 1000000000), .tv_nsec = (long)(due % 1000000000)};

	if (due)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void connect_each(struct load *l)
{
	struct client *c = calloc(1, sizeof(*c));
	struct samples times;

	samples_init(&times, l->limit);
	if (!c)
		die("client");
	l->began = now_ns(CLOCK_MONOTONIC);
	while (l->sent < l->limit) {
		uint64_t began;

		pace(l);
		began = now_ns(CLOCK_MONOTONIC);
		client_connect(l, c);
		client_ask(c);
		l->sent++;
		while (!client_hear(c))
			;
		l->answered++;
		close(c->fd);
		samples_add(&times, (double)(now_ns(CLOCK_MONOTONIC) - began) / 1e3);
	}
	if (l->limit > 1)
		samples_print(&times, "us");
	samples_done(&times);
	free(c);
}

static void spawn_each(struct load *l, char *program, char *address)
{
	char nth[24];
	char how[] = "new", count[] = "1", rate[] = "0";
	char *arguments[] = {program, address, how, count, rate, nth, NULL};
	pid_t pid;
	int status;

	l->began = now_ns(CLOCK_MONOTONIC);
	while (l->sent < l->limit) {
		snprintf(nth, sizeof(nth), "%llu", (unsigned long long)l->sent++);
		errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ);
		if (errno || waitpid(pid, &status, 0) != pid)
			die("spawn");
		l->answered += status == 0;
	}
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(const struct load *l)
{
	double took = (double)(now_ns(CLOCK_MONOTONIC) - l->began) / 1e9;
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	printf("cpu %.3f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
	printf("load %llu %.3f %.0f\n", (unsigned long long)l->answered, took, (double)l->answered / took);
}

static uint64_t number(int argc, char **argv, int i)
{
	return i < argc ? strtoull(argv[i], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	struct load l = {0};
	const char *how = argc > 3 ? argv[2] : "";

	if (argc > 1)
		address_parse(&l, argv[1]);
	l.limit = number(argc, argv, 3);
	if (strcmp(how, "keep") == 0 || strcmp(how, "count") == 0) {
		l.connections = (unsigned)l.limit < CONNECTIONS_MAX ? (unsigned)l.limit : CONNECTIONS_MAX;
		l.limit = how[0] == 'c' ? number(argc, argv, 4) : 0;
		l.until = how[0] == 'k' ? number(argc, argv, 4) * 1000000000 : 0;
		l.rate = (double)number(argc, argv, 5);
		keep_alive(&l);
	} else if (strcmp(how, "new") == 0) {
		l.rate = (double)number(argc, argv, 4);
		connect_each(&l);
	} else if (strcmp(how, "spawn") == 0) {
		spawn_each(&l, argv[0], argv[1]);
	} else {
		errno = 0;
		die("expected: ADDRESS keep|count|new|spawn NUMBER...");
	}
	if (l.sent > 1)
		report(&l);
	return l.answered == l.sent ? 0 : 2;
}
