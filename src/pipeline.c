/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include <errno.h>
#include <stdlib.h>

#include "base/host.h"
#include "base/option.h"

struct pipeline {
	struct pipeline_config config;
	struct conversations *conversations;
	struct stats counts; /* calls and what records say was lost; the rest is asked for when needed */
	uint64_t undecoded;  /* records that are none: lost, too */
	uint64_t sequence;
	uint64_t matched;
	uint64_t last_time; /* of the last record, or of the start, ns since the epoch: the clock of a replay */
	unsigned findings;
	bool reader_gone;
	bool out_of_memory;
};

static void count_call(struct stats *s, const struct call *c)
{
	s->denied += c->verdict == VERDICT_DENIED;
	s->would_deny += c->verdict == VERDICT_WOULD_DENY;
	if (c->action == CALL_CONNECT) {
		s->connects++;
		return;
	}
	s->calls++;
	s->calls_v1 += c->version == VERSION_V1;
	s->calls_v2 += c->version == VERSION_V2;
	s->calls_unknown += c->version == VERSION_UNKNOWN;
}

static unsigned findings_of(const struct call *c)
{
	unsigned findings = 0;

	if (c->action != CALL_REQUEST)
		return 0;
	if (c->version == VERSION_V1)
		findings |= FAIL_ON_V1;
	if (c->class == CLASS_CREDENTIALS)
		findings |= FAIL_ON_CREDENTIALS;
	return findings | FAIL_ON_ANY;
}

/* The event's number was taken before: one that cannot be brought out leaves a gap. */
static void note_reader(struct pipeline *p, int r)
{
	if (r == -EPIPE)
		p->reader_gone = true;
}

static void on_call(void *context, struct call *c)
{
	struct pipeline *p = context;

	if (p->config.netns && c->caller->netns != p->config.netns) {
		call_free(c);
		return;
	}
	count_call(&p->counts, c);
	if (!pipeline_is_done(p) && filter_match(p->config.filter, c)) {
		p->findings |= findings_of(c);
		p->matched++;
		note_reader(p, p->config.outlet.call(p->config.outlet.context, c, p->sequence++));
	}
	call_free(c);
}

int pipeline_new(const struct pipeline_config *config, struct pipeline **ret_pipeline)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	struct conversations_config conversations = {
		.max = 8192,
		.max_buffered = 4U << 20,
		.endpoints = config->endpoints,
		.provider = config->provider,
		.caller = config->caller,
		.attached_since = config->attached_since,
		.on_call = on_call,
		.context = p,
	};

	if (!p)
		return -ENOMEM;
	p->config = *config;
	p->last_time = (uint64_t)((int64_t)config->attached_since + config->caller.realtime_offset);
	p->conversations = conversations_new(&conversations);
	if (!p->conversations) {
		free(p);
		return -ENOMEM;
	}
	*ret_pipeline = p;
	return 0;
}

struct pipeline *pipeline_free(struct pipeline *p)
{
	if (!p)
		return NULL;
	conversations_free(p->conversations);
	free(p);
	return NULL;
}

static void take_loss(struct stats *s, const struct loss_record *loss)
{
	s->lost = 0;
	for (unsigned kind = 0; kind < RECORD_KINDS_COUNTED; kind++)
		s->lost += loss->lost[kind];
	s->truncated = loss->truncated;
}

int pipeline_record(void *pipeline, const void *bytes, size_t length)
{
	struct pipeline *p = pipeline;
	struct record record;
	int r;

	r = record_decode(bytes, length, &record);
	if (r < 0) {
		p->undecoded++;
		return r;
	}
	if (p->config.recording) /* not `length`: the ring's room may be larger than the record in it */
		recording_write(p->config.recording, bytes, (size_t)r);
	p->last_time = (uint64_t)((int64_t)record.header->time + p->config.caller.realtime_offset);
	if (record.header->kind == RECORD_LOSS)
		take_loss(&p->counts, record.loss);
	if (conversations_feed(p->conversations, &record) < 0)
		p->out_of_memory = true;
	return p->reader_gone ? -EPIPE : 0;
}

void pipeline_end(struct pipeline *p)
{
	conversations_end(p->conversations);
}

struct stats pipeline_count(const struct pipeline *p, uint64_t attached_seconds)
{
	struct conversations_counts counts;
	struct stats s = p->counts;

	conversations_count(p->conversations, &counts);
	s.lost += p->undecoded;
	s.truncated += counts.truncated;
	s.evicted = counts.evicted;
	if (counts.open_at_start > s.open_at_start)
		s.open_at_start = counts.open_at_start;
	s.unwritten = p->config.outlet.unwritten(p->config.outlet.context);
	s.attached_seconds = attached_seconds;
	return s;
}

void pipeline_stats(struct pipeline *p, uint64_t attached_seconds)
{
	struct stats s = pipeline_count(p, attached_seconds);
	bool live = p->config.caller.proc >= 0;
	uint64_t now = live ? (uint64_t)((int64_t)host_boottime() + host_realtime_offset()) : p->last_time;

	if (p->reader_gone)
		return;
	note_reader(p, p->config.outlet.stats(p->config.outlet.context, &s, now, p->sequence++));
}

int pipeline_flush(struct pipeline *p)
{
	if (p->config.caller.proc >= 0)
		conversations_tick(p->conversations, host_boottime());
	recording_flush(p->config.recording);
	if (!p->reader_gone)
		note_reader(p, p->config.outlet.flush(p->config.outlet.context));
	return p->reader_gone ? -EPIPE : 0;
}

bool pipeline_is_waiting(const struct pipeline *p)
{
	return conversations_wait(p->conversations);
}

void pipeline_set_realtime_offset(struct pipeline *p, int64_t offset)
{
	p->config.caller.realtime_offset = offset;
	conversations_set_realtime_offset(p->conversations, offset);
}

void pipeline_add_open_at_start(struct pipeline *p, uint64_t sockets)
{
	p->counts.open_at_start += sockets;
}

bool pipeline_is_done(const struct pipeline *p)
{
	return p->reader_gone || (p->config.count && p->matched >= p->config.count);
}

bool pipeline_reader_gone(const struct pipeline *p)
{
	return p->reader_gone;
}

int pipeline_exit_status(const struct pipeline *p)
{
	struct stats s = pipeline_count(p, 0);

	if (p->findings & p->config.fail_on)
		return EXIT_FINDINGS;
	if (s.lost || s.truncated || s.evicted || s.unwritten || p->out_of_memory)
		return EXIT_INCOMPLETE;
	return EXIT_FINE;
}
