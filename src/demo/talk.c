// SPDX-License-Identifier: Apache-2.0
#include "demo/talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Input read ahead of the answers (pipelining); more stays in the socket. */
#define INPUT_MAX    (REQUEST_HEAD_MAX + 65536)
#define LINGER_MS    3000
#define DRIP_WAIT_MS 2

enum talk_state {
	TALK_HEAD,   /* waits for a request head */
	TALK_BODY,   /* waits for the rest of its body */
	TALK_DELAY,  /* waits before it answers */
	TALK_ANSWER, /* sends */
	TALK_SILENT, /* will not answer any more */
	TALK_LINGER, /* has closed its side, waits for the other's */
	TALK_OVER,
};

struct talk {
	struct talk_context *context;
	int fd;
	enum talk_state state;
	bool end_of_input;
	uint64_t due;
	struct buffer in;
	size_t scanned;
	struct request_body body;
	struct buffer line; /* the log line of the request at hand, without what is known only at its end */
	uint64_t request_bytes;
	struct answer answer;
	size_t sent;
	char client[INET6_ADDRSTRLEN], service[INET6_ADDRSTRLEN];
	uint16_t client_port;
};

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static uint16_t name_address(const union address *a, char text[static INET6_ADDRSTRLEN])
{
	if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, text, INET6_ADDRSTRLEN);
		return ntohs(a->in6.sin6_port);
	}
	inet_ntop(AF_INET, &a->in.sin_addr, text, INET6_ADDRSTRLEN);
	return ntohs(a->in.sin_port);
}

struct talk *talk_new(struct talk_context *context, int fd)
{
	struct talk *t = calloc(1, sizeof(*t));
	union address a;
	socklen_t length = sizeof(a);
	const int on = 1;

	if (!t) {
		close(fd);
		return NULL;
	}
	memset(&a, 0, sizeof(a));
	t->context = context;
	t->fd = fd;
	getpeername(fd, &a.any, &length);
	t->client_port = name_address(&a, t->client);
	length = sizeof(a);
	getsockname(fd, &a.any, &length);
	name_address(&a, t->service);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return t;
}

int talk_fd(const struct talk *t)
{
	return t->fd;
}

uint64_t talk_due(const struct talk *t)
{
	return t->due;
}

short talk_events(const struct talk *t)
{
	bool reads = !t->end_of_input && t->in.length < INPUT_MAX;
	bool writes = t->state == TALK_ANSWER && t->due == 0;

	return (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

static void log_bytes(struct buffer *out, struct span s)
{
	for (size_t i = 0; i < s.length; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c > 0x20 && c < 0x7f && c != '\\')
			buffer_byte(out, (char)c);
		else
			buffer_printf(out, "\\x%02x", c);
	}
}

static void begin_line(struct talk *t, const struct request *r)
{
	buffer_reset(&t->line);
	log_bytes(&t->line, r->method);
	buffer_byte(&t->line, '\t');
	log_bytes(&t->line, r->target);
	buffer_printf(&t->line, "\t%d.%d\t%s", r->major, r->minor, r->has_token ? "token" : "-");
}

/* Was a whole head among the `sent` bytes of the answer proper? */
static bool has_status(const char *answer, size_t sent)
{
	return sent > 9 && memcmp(answer, "HTTP/1.", 7) == 0 && memmem(answer, sent, "\r\n\r\n", 4);
}

static void end_line(struct talk *t)
{
	const struct answer *a = &t->answer;
	size_t sent = t->sent > a->interim_length ? t->sent - a->interim_length : 0;
	FILE *log = t->context->log;

	if (log && t->line.length) {
		fprintf(log, "%.*s\t", (int)t->line.length, t->line.data);
		if (sent && has_status(a->bytes.data + a->interim_length, sent))
			fprintf(log, "%u", a->status);
		else
			fputc('-', log);
		fprintf(log, "\t%s\t%u\t%s\t%llu\t%zu\n", t->client, t->client_port, t->service,
			(unsigned long long)t->request_bytes, sent);
		fflush(log);
	}
	buffer_reset(&t->line);
}

struct talk *talk_free(struct talk *t)
{
	if (!t)
		return NULL;
	end_line(t);
	close(t->fd);
	buffer_done(&t->in);
	buffer_done(&t->line);
	buffer_done(&t->answer.bytes);
	free(t);
	return NULL;
}

static void drop_input(struct talk *t, size_t n)
{
	memmove(t->in.data, t->in.data + n, t->in.length - n);
	t->in.length -= n;
	t->scanned = 0;
}

static void take_input(struct talk *t)
{
	while (!t->end_of_input && t->in.length < INPUT_MAX) {
		ssize_t n;

		if (!buffer_reserve(&t->in, 65536)) {
			t->end_of_input = true;
			return;
		}
		n = recv(t->fd, t->in.data + t->in.length, 65536, 0);
		if (n > 0)
			t->in.length += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			t->end_of_input = true;
		else
			return;
	}
}

static void set_ttl(const struct talk *t, int ttl)
{
	setsockopt(t->fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	if (strchr(t->service, ':'))
		setsockopt(t->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
}

static void answer_bad(struct talk *t, uint64_t now)
{
	struct answer_rules plain = {0};

	t->end_of_input = true;
	buffer_done(&t->answer.bytes);
	answer_compose(&t->answer, &plain, &t->context->tokens, NULL, now);
	t->sent = 0;
	t->state = TALK_ANSWER;
}

/* One whole head is at the front of the input. */
static void begin_request(struct talk *t, size_t length, uint64_t now)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct request r;

	if (request_read((struct span){t->in.data, length}, &r) < 0) {
		answer_bad(t, now);
		return;
	}
	begin_line(t, &r);
	request_body_init(&t->body, &r);
	answer_compose(&t->answer, &t->context->rules, &t->context->tokens, &r, now);
	if (r.expects_continue && t->in.length == length)
		(void)!send(t->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL);
	drop_input(t, length);
	t->request_bytes = length;
	t->sent = 0;
	t->state = TALK_BODY;
}

/* True when something was done that may allow the next step. */
static bool step_head(struct talk *t, uint64_t now)
{
	size_t length = request_head_end(buffer_view(&t->in), &t->scanned);

	if (length && length <= REQUEST_HEAD_MAX) {
		begin_request(t, length, now);
		return true;
	}
	if (length || t->in.length > REQUEST_HEAD_MAX) {
		answer_bad(t, now);
		return true;
	}
	if (t->end_of_input)
		t->state = TALK_OVER;
	return false;
}

static bool step_body(struct talk *t, uint64_t now)
{
	ssize_t n = request_body_take(&t->body, buffer_view(&t->in));

	if (n < 0) {
		answer_bad(t, now);
		return true;
	}
	drop_input(t, (size_t)n);
	t->request_bytes += (uint64_t)n;
	if (!t->body.done) {
		if (t->end_of_input)
			t->state = TALK_OVER;
		return false;
	}
	t->due = t->answer.behaviour.delay ? now + t->answer.behaviour.delay : 0;
	t->state = TALK_DELAY;
	return true;
}

static bool step_delay(struct talk *t, uint64_t now)
{
	const struct behaviour *b = &t->answer.behaviour;
	const struct linger abort = {.l_onoff = 1};

	if (t->due > now)
		return false;
	t->due = 0;
	if (b->silent) {
		t->state = TALK_SILENT;
		return true;
	}
	if (b->reset) {
		setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
		t->state = TALK_OVER;
		return false;
	}
	set_ttl(t, b->ttl ? (int)b->ttl : -1);
	t->state = TALK_ANSWER;
	return true;
}

static bool finish_answer(struct talk *t, uint64_t now)
{
	bool ends = t->answer.behaviour.close;

	end_line(t);
	buffer_done(&t->answer.bytes);
	t->sent = 0;
	if (!ends) {
		t->state = TALK_HEAD;
		return true;
	}
	shutdown(t->fd, SHUT_WR);
	t->due = now + LINGER_MS;
	t->end_of_input = false;
	t->state = TALK_LINGER;
	return true;
}

static bool step_answer(struct talk *t, uint64_t now)
{
	const struct buffer *out = &t->answer.bytes;
	unsigned drip = t->answer.behaviour.drip;

	if (t->due > now)
		return false;
	t->due = 0;
	while (t->sent < out->length) {
		size_t most = out->length - t->sent;
		ssize_t n = send(t->fd, out->data + t->sent, drip && drip < most ? drip : most, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n < 0) {
			t->state = TALK_OVER;
			return false;
		}
		t->sent += (size_t)n;
		if (drip) {
			t->due = now + DRIP_WAIT_MS;
			return false;
		}
	}
	return finish_answer(t, now);
}

/* Reads and forgets, so that the last answer is not lost in an RST. */
static bool step_linger(struct talk *t, uint64_t now)
{
	t->in.length = 0;
	if (t->end_of_input || t->due <= now)
		t->state = TALK_OVER;
	return false;
}

static bool step(struct talk *t, uint64_t now)
{
	switch (t->state) {
	case TALK_HEAD:
		return step_head(t, now);
	case TALK_BODY:
		return step_body(t, now);
	case TALK_DELAY:
		return step_delay(t, now);
	case TALK_ANSWER:
		return step_answer(t, now);
	case TALK_LINGER:
		return step_linger(t, now);
	case TALK_SILENT:
		t->in.length = 0;
		t->state = t->end_of_input ? TALK_OVER : TALK_SILENT;
		return false;
	case TALK_OVER:
		break;
	}
	return false;
}

bool talk_serve(struct talk *t, uint64_t now)
{
	take_input(t);
	while (step(t, now))
		;
	return t->state != TALK_OVER;
}
