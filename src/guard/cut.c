/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/cut.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "caller/cgroup.h"
#include "guard/question.h"

#define GROUPS_MAX 1024
#define TEXT_SIZE  16384

/* One process, as /proc tells of it. Read when its first connection to an endpoint is found. */
struct holder {
	int directory; /* /proc/PID */
	int pidfd;
	bool read;
	uint32_t groups[GROUPS_MAX];
	char exe[4096], text[TEXT_SIZE];
	struct question question;
};

struct cutting {
	const struct table *table;
	const struct endpoints *endpoints;
	int sockets;
	unsigned count;
};

static size_t read_file(int directory, const char *name, char *text, size_t size)
{
	_cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n = 0;

	while (fd >= 0 && length < size && (n = read(fd, text + length, size - length)) > 0)
		length += (size_t)n;
	return n < 0 ? 0 : length;
}

/* The numbers behind "\nNAME:" in /proc/PID/status. */
static unsigned read_numbers(const char *text, const char *name, uint32_t *to, unsigned max)
{
	const char *at = strstr(text, name);
	unsigned count = 0;

	if (!at)
		return 0;
	at += strlen(name);
	while (count < max) {
		at += strspn(at, " \t");
		if (!isdigit((unsigned char)*at))
			break;
		to[count++] = (uint32_t)strtoul(at, (char **)&at, 10);
	}
	return count;
}

static void holder_ids(struct holder *h)
{
	uint32_t ids[4] = {0};
	size_t length = read_file(h->directory, "status", h->text, sizeof(h->text) - 1);
	struct question *q = &h->question;

	h->text[length] = '\0';
	read_numbers(h->text, "\nUid:", ids, 4);
	q->uid = ids[1];
	read_numbers(h->text, "\nGid:", ids, 4);
	h->groups[0] = ids[1];
	q->groups = h->groups;
	q->group_count = 1 + read_numbers(h->text, "\nGroups:", h->groups + 1, GROUPS_MAX - 1);
	q->groups_cut = q->group_count == GROUPS_MAX || length == sizeof(h->text) - 1;
}

static void holder_read(struct holder *h)
{
	struct cgroup_lines lines;
	ssize_t n;

	h->read = true;
	h->question = (struct question){0};
	holder_ids(h);
	n = readlinkat(h->directory, "exe", h->exe, sizeof(h->exe));
	if (n > 0 && (size_t)n < sizeof(h->exe))
		h->question.exe = (struct span){h->exe, (size_t)n};
	cgroup_parse((struct span){h->text, read_file(h->directory, "cgroup", h->text, sizeof(h->text))}, &lines);
	h->question.cgroup = lines.unified;
}

static bool peer_of(int fd, struct call_address *ret)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {.v6 = {0}};
	socklen_t size = sizeof(a);

	if (getpeername(fd, &a.any, &size) < 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	if (a.any.sa_family == AF_INET) {
		ret->ip[10] = ret->ip[11] = 0xff;
		memcpy(ret->ip + 12, &a.v4.sin_addr, 4);
		ret->port = ntohs(a.v4.sin_port);
	} else if (a.any.sa_family == AF_INET6) {
		memcpy(ret->ip, &a.v6.sin6_addr, 16);
		ret->port = ntohs(a.v6.sin6_port);
	} else {
		return false;
	}
	return true;
}

static bool is_stream(int fd)
{
	int protocol = 0;
	socklen_t size = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

/* Does the guard judge what this one sends? */
static bool is_judged(const struct cutting *c, int fd)
{
	uint64_t cookie = 0, value;
	socklen_t size = sizeof(cookie);

	return c->sockets >= 0 && getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 &&
	       bpf_map_lookup_elem(c->sockets, &cookie, &value) == 0;
}

/* Of a connection it has not seen the guard knows the user, and cannot read the requests. */
static bool may_stay_unseen(const struct cutting *c, const struct holder *h)
{
	struct question q = {.uid = h->question.uid, .groups_cut = true, .address = h->question.address};
	struct answer answer;

	q.datagram = h->question.datagram;
	return question_ask(c->table, c->endpoints, &q, &answer) == 0 && answer.decision.verdict == DECISION_ALLOW;
}

static bool may_stay(const struct cutting *c, int fd, struct holder *h)
{
	struct question *q = &h->question;
	struct answer answer;

	q->datagram = !is_stream(fd) || !endpoints_find(c->endpoints, &q->address);
	if (question_ask(c->table, c->endpoints, q, &answer) < 0)
		return true;
	if (answer.decision.verdict == DECISION_DENY)
		return false;
	return is_judged(c, fd) || may_stay_unseen(c, h);
}

static bool is_guarded(const struct endpoints *e, const struct call_address *a)
{
	for (unsigned i = 0; i < e->count; i++)
		if (memcmp(e->list[i].address.ip, a->ip, sizeof(a->ip)) == 0)
			return true;
	return false;
}

static void look_at(struct cutting *c, struct holder *h, int number)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_getfd, h->pidfd, number, 0U);
	struct call_address address;

	if (fd < 0 || !peer_of(fd, &address) || !is_guarded(c->endpoints, &address))
		return;
	if (!h->read)
		holder_read(h);
	h->question.address = address;
	if (may_stay(c, fd, h))
		return;
	if (shutdown(fd, SHUT_RDWR) == 0)
		c->count++;
}

static void look_through(struct cutting *c, struct holder *h)
{
	int fd = openat(h->directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char target[32];

	if (!directory && fd >= 0)
		close(fd);
	while (directory && (entry = readdir(directory))) {
		ssize_t n = readlinkat(fd, entry->d_name, target, sizeof(target));

		if (n > 8 && memcmp(target, "socket:[", 8) == 0)
			look_at(c, h, (int)strtol(entry->d_name, NULL, 10));
	}
	if (directory)
		closedir(directory);
}

unsigned cut_connections(const struct table *table, const struct endpoints *endpoints, int sockets)
{
	struct cutting c = {.table = table, .endpoints = endpoints, .sockets = sockets};
	struct holder *h = malloc(sizeof(*h));
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (h && proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		h->read = false;
		h->directory = openat(dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		h->pidfd = (int)syscall(SYS_pidfd_open, (int)strtol(entry->d_name, NULL, 10), 0U);
		if (h->directory >= 0 && h->pidfd >= 0)
			look_through(&c, h);
		if (h->directory >= 0)
			close(h->directory);
		if (h->pidfd >= 0)
			close(h->pidfd);
	}
	if (proc)
		closedir(proc);
	free(h);
	return c.count;
}
