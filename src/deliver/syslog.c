/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch-syslog: events to a syslog server, RFC 5424 over unix sockets, UDP, TCP and TLS. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "deliver/link.h"
#include "deliver/program.h"
#include "sink/backlog.h"
#include "sink/outage.h"
#include "sink/rfc5424.h"

struct syslog {
	struct link link;
	struct rfc5424 head;
	char format[SETTINGS_NAME];
	struct backlog backlog;
	size_t begun; /* bytes of the next message that are out already */
	struct outage outage;
	struct buffer scratch;
	uint64_t events, bytes;
	uint64_t refused;  /* by a datagram's length, or as the server's host said */
	uint64_t refusals; /* of link.refusals, counted */
	bool told_length;
};

static uint64_t lost(const struct syslog *s)
{
	return s->backlog.dropped + s->refused;
}

static const char *where(const struct syslog *s)
{
	return s->link.settings.to;
}

/* What the server's side has is done with. */
static void release_arrived(struct syslog *s)
{
	link_look(&s->link);
	if (backlog_release(&s->backlog, s->link.arrived) == 0)
		return;
	link_is_good(&s->link);
	if (s->backlog.waiting == 0)
		outage_end(&s->outage, where(s), lost(s));
}

static void broke(struct syslog *s)
{
	/* A datagram that came back had been counted as written. */
	if (s->refusals < s->link.refusals && s->events > s->backlog.messages + lost(s))
		s->refused++;
	s->refusals = s->link.refusals;
	s->begun = 0;
	backlog_rewind(&s->backlog);
	outage_begin(&s->outage, where(s), s->link.why, lost(s));
}

static void too_long(struct syslog *s, size_t length)
{
	if (!s->told_length)
		log_line("%s: an event of %zu bytes does not fit into a datagram and is lost, as others may be; tcp: "
			 "and tls: have no such bound",
			 where(s), length);
	s->told_length = true;
	s->refused++;
	backlog_underway(&s->backlog, s->link.arrived);
	backlog_release(&s->backlog, s->link.arrived);
}

/* The part of a message that is not out. On a unix datagram socket its end is the datagram's. */
static struct span rest_of(const struct syslog *s, struct span message)
{
	size_t terminator = s->link.kind == LINK_UNIX && !s->link.stream ? 1 : 0;

	return (struct span){message.data + s->begun, message.length - terminator - s->begun};
}

/* Sends one message, or what is left of it. False: no more now. */
static bool send_next(struct syslog *s)
{
	struct span rest = rest_of(s, backlog_next(&s->backlog));
	ssize_t n = link_send(&s->link, rest);

	if (n == -EMSGSIZE) {
		too_long(s, rest.length);
		return true;
	}
	if (n < 0) {
		if (n != -EAGAIN)
			broke(s);
		return false;
	}
	s->begun += (size_t)n;
	s->bytes += (uint64_t)n;
	if ((size_t)n < rest.length)
		return true;
	s->begun = 0;
	backlog_underway(&s->backlog, s->link.sent);
	if (!s->link.stream)
		release_arrived(s);
	return true;
}

static void pump(struct syslog *s)
{
	if (!link_drive(&s->link)) {
		if (s->link.state == LINK_DOWN && s->link.why[0])
			broke(s);
		return;
	}
	release_arrived(s);
	while (backlog_next(&s->backlog).data && send_next(s))
		;
	release_arrived(s);
	if (s->backlog.messages == 0 && link_is_steady(&s->link))
		outage_end(&s->outage, where(s), lost(s));
}

static int prepare(struct syslog *s, const struct syslog_settings *settings, struct problem *problem)
{
	char host[256] = "";

	snprintf(s->format, sizeof(s->format), "%s", settings->format);
	gethostname(host, sizeof(host) - 1);
	s->head = (struct rfc5424){
		.facility = (unsigned)settings->facility, .process = (uint32_t)getppid(), .format = s->format};
	rfc5424_set_host(&s->head, host);
	return link_open(&s->link, settings, problem);
}

static int syslog_open(const struct settings *settings, void **ret_state, struct problem *problem)
{
	_cleanup_free_ struct syslog *s = NULL;
	int r;

	mallopt(M_ARENA_MAX, 1); /* the resolver's thread needs no heap of its own */
	s = calloc(1, sizeof(*s));
	if (!s)
		return problem_set(problem, -ENOMEM, "syslog: out of memory");
	r = prepare(s, &settings->syslog, problem);
	if (r < 0)
		return r;
	*ret_state = TAKE_PTR(s);
	return 0;
}

static void syslog_event(void *state, const struct frame *frame, struct span payload)
{
	struct syslog *s = state;
	struct span body = rfc5424_body(payload);

	s->events++;
	if (backlog_is_filling(&s->backlog, payload.length))
		pump(s);
	buffer_reset(&s->scratch);
	rfc5424_head(&s->head, frame->level, frame->time, payload, s->link.kind >= LINK_TCP, &s->scratch);
	if (s->link.kind == LINK_UNIX) {
		/* On a stream a NUL ends the message, as syslog(3) has it. */
		buffer_span(&s->scratch, body);
		buffer_byte(&s->scratch, '\0');
		body = (struct span){"", 0};
	}
	if (s->scratch.failed)
		s->refused++;
	else if (!backlog_put(&s->backlog, buffer_view(&s->scratch), body) && !s->outage.on)
		outage_begin(&s->outage, where(s), "it is too slow", lost(s) - 1);
	if (s->scratch.capacity > BACKLOG_MAX / 4)
		buffer_done(&s->scratch);
}

static int syslog_idle(void *state)
{
	struct syslog *s = state;

	pump(s);
	return link_wait(&s->link);
}

static unsigned syslog_watch(void *state, struct pollfd *fds, unsigned max)
{
	struct syslog *s = state;

	return link_watch(&s->link, s->backlog.waiting > 0, fds);
}

static void syslog_ready(void *state, const struct pollfd *fds, unsigned count)
{
	pump(state);
}

static void syslog_reopen(void *state)
{
	struct syslog *s = state;

	link_reload(&s->link);
}

static void syslog_report(const void *state, struct feed_state *ret_state)
{
	const struct syslog *s = state;

	ret_state->unwritten = lost(s);
	ret_state->held = s->backlog.messages;
	ret_state->written = s->events - ret_state->unwritten - ret_state->held;
	ret_state->bytes = s->bytes;
	snprintf(ret_state->failure, sizeof(ret_state->failure), "%s", s->outage.why);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void syslog_finish(void *state)
{
	uint64_t until = now_ms() + PROGRAM_LAST_MS;
	struct syslog *s = state;
	struct pollfd p;

	s->link.retry_at = 0;
	if (s->backlog.messages > 0)
		pump(s);
	while (s->backlog.messages > 0 && s->link.state != LINK_DOWN && now_ms() < until) {
		poll(&p, link_watch(&s->link, s->backlog.waiting > 0, &p), 50);
		pump(s);
	}
	if (s->backlog.messages > 0)
		log_line("%" PRIu64 " events could not be sent to %s", s->backlog.messages, where(s));
}

static void syslog_close(void *state)
{
	struct syslog *s = state;

	link_close(&s->link);
	backlog_done(&s->backlog);
	buffer_done(&s->scratch);
	free(s);
}

static const struct program program_syslog = {
	.kind = SETTINGS_SYSLOG,
	.sandbox = SANDBOX_CONNECT,
	.open = syslog_open,
	.event = syslog_event,
	.reopen = syslog_reopen,
	.idle = syslog_idle,
	.watch = syslog_watch,
	.ready = syslog_ready,
	.report = syslog_report,
	.finish = syslog_finish,
	.close = syslog_close,
};

int main(int argc, char **argv)
{
	return program_main(&program_syslog, argc, argv);
}
