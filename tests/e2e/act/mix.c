// SPDX-License-Identifier: Apache-2.0
/* A load in which no two requests are alike: afterwards it can be told which of them were seen, and how. */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "act.h"

#define BODY "GET /latest/user-data HTTP/1.1\r\nHost: x\r\n\r\n"

/* One connection. */
struct talker {
	struct buffer in;
	unsigned asked, waiting;
};

struct mix {
	const struct act *a;
	struct talker *talkers;
	struct pollfd *polls;
	struct buffer request;
	unsigned next; /* number of the next request */
	unsigned long done;
};

/* By turns: version 1, with a token, for a token, and one whose body looks like a request. */
static void append_request(struct mix *m)
{
	static const char *const extra[] = {"", "X-aws-ec2-metadata-token: no\r\n",
					    "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n", ""};
	unsigned n = m->next++, kind = n % 4;

	buffer_printf(&m->request, "%s %s%cn=%u HTTP/1.1\r\nHost: x\r\n%s",
		      kind == 2   ? "PUT"
		      : kind == 3 ? "POST"
				  : "GET",
		      kind == 2 ? "/latest/api/token" : m->a->path, kind != 2 && strchr(m->a->path, '?') ? '&' : '?', n,
		      extra[kind]);
	if (kind == 3)
		buffer_printf(&m->request, "Content-Length: %zu\r\n\r\n%s", sizeof(BODY) - 1, BODY);
	else
		buffer_string(&m->request, "\r\n");
}

/* --size requests at once, 1 unless said. A connection is replaced after --at of these. */
static void talk(struct mix *m, unsigned i)
{
	unsigned batch = m->a->size ? m->a->size : 1;
	struct talker *t = &m->talkers[i];

	if (m->polls[i].fd < 0 || (m->a->at && t->asked == m->a->at)) {
		if (m->polls[i].fd >= 0)
			close(m->polls[i].fd);
		m->polls[i] = (struct pollfd){.fd = connected(m->a), .events = POLLIN};
		t->asked = 0;
	}
	buffer_reset(&m->request);
	for (unsigned n = 0; n < batch; n++)
		append_request(m);
	send_all(m->polls[i].fd, buffer_view(&m->request));
	t->asked++;
	t->waiting = batch;
}

/* The bytes of the first answer, 0 when it is not complete. */
static size_t answer_length(struct buffer *in)
{
	const char *end = in->length ? memmem(in->data, in->length, "\r\n\r\n", 4) : NULL, *field;
	size_t length = end ? (size_t)(end + 4 - in->data) : 0, body = 0;

	if (!end)
		return 0;
	buffer_byte(in, 0);
	in->length--;
	field = strcasestr(in->data, "\r\nContent-Length:");
	if (field && field < end)
		body = strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
	return length + body <= in->length ? length + body : 0;
}

static void take_answers(struct mix *m, unsigned i)
{
	struct talker *t = &m->talkers[i];
	char piece[65536];
	ssize_t n = recv(m->polls[i].fd, piece, sizeof(piece), 0);
	size_t length;

	if (n <= 0)
		errx(1, "the service closed");
	buffer_append(&t->in, piece, (size_t)n);
	while ((length = answer_length(&t->in))) {
		memmove(t->in.data, t->in.data + length, t->in.length - length);
		t->in.length -= length;
		t->waiting--;
		m->done++;
	}
}

static bool goes_on(const struct mix *m, time_t end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return m->a->seconds ? now.tv_sec < end : m->next < m->a->count;
}

/* --concurrency connections, --count requests in all or as many as fit in --seconds. Prints how many. */
static int run_mix(const struct act *a)
{
	struct mix m = {.a = a};
	unsigned open = 0;
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	m.talkers = calloc(a->concurrency, sizeof(*m.talkers));
	m.polls = calloc(a->concurrency, sizeof(*m.polls));
	if (!m.talkers || !m.polls)
		err(1, "calloc");
	for (; open < a->concurrency; open++) {
		m.polls[open].fd = -1;
		talk(&m, open);
	}
	while (open) {
		if (poll(m.polls, a->concurrency, 60000) <= 0)
			errx(1, "no answer for a minute");
		for (unsigned i = 0; i < a->concurrency; i++) {
			if (m.polls[i].fd < 0 || !m.polls[i].revents)
				continue;
			take_answers(&m, i);
			if (m.talkers[i].waiting)
				continue;
			if (goes_on(&m, start.tv_sec + a->seconds)) {
				talk(&m, i);
				continue;
			}
			close(m.polls[i].fd);
			m.polls[i].fd = -1;
			open--;
		}
	}
	printf("%lu\n", m.done);
	for (unsigned i = 0; i < a->concurrency; i++)
		buffer_done(&m.talkers[i].in);
	buffer_done(&m.request);
	free(m.talkers);
	free(m.polls);
	return 0;
}

const struct mode mix_modes[] = {
	{"mix", run_mix},
	{0},
};
