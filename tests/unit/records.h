/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the kernel would send them, fed to a table of conversations; calls as lines of text. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "call/conversation.h"

#define RECORDS_REALTIME 1000000000000ULL

struct feeder {
	struct conversations *table;
	struct conversations_config config;
	struct endpoints endpoints;
	uint64_t now;
	struct buffer lines;                       /* one line a call */
	unsigned calls, connects;                  /* emitted */
	unsigned v1, v2, unknown, incomplete, cut; /* cut: in the head of the answer */
	unsigned heads_with_secret;
	struct call *last; /* the last call, owned */
};

#define SECRET "SECRETTOKEN"

static inline bool span_has_secret(struct span s)
{
	return s.length && memmem(s.data, s.length, SECRET, sizeof(SECRET) - 1);
}

static inline bool call_has_secret(const struct call *c)
{
	const struct caller *p = c->caller;

	return span_has_secret(c->head) || span_has_secret(c->target) || span_has_secret(c->path) ||
	       span_has_secret(c->query) || span_has_secret(c->user_agent) || span_has_secret(c->reason) ||
	       span_has_secret(c->method) || span_has_secret(c->credentials.role) ||
	       span_has_secret((struct span){p->process.args, p->process.args_length});
}

static inline void feeder_line(struct feeder *f, const struct call *c)
{
	const char *version = call_version_name(c->version), *class = call_class_name(c->class);

	if (c->action == CALL_CONNECT) {
		buffer_printf(&f->lines, "connect %.*s", (int)c->reason.length, c->reason.data);
	} else {
		buffer_printf(&f->lines, "%.*s %.*s %s %s", (int)c->method.length, c->method.data, (int)c->path.length,
			      c->path.data, version ? version : "-", class ? class : "-");
		if (c->has_response)
			buffer_printf(&f->lines, " %u", c->status);
	}
	if (c->verdict != VERDICT_OBSERVED)
		buffer_printf(&f->lines, " %s %.*s", call_verdict_name(c->verdict), (int)c->rule.length, c->rule.data);
	buffer_string(&f->lines, c->complete ? "\n" : " incomplete\n");
}

static inline void feeder_take(void *context, struct call *c)
{
	struct feeder *f = context;

	feeder_line(f, c);
	f->calls += c->action == CALL_REQUEST;
	f->connects += c->action == CALL_CONNECT;
	f->v1 += c->version == VERSION_V1;
	f->v2 += c->version == VERSION_V2;
	f->unknown += c->version == VERSION_UNKNOWN;
	f->incomplete += !c->complete;
	f->cut += span_equal(c->reason, SPAN_LITERAL("incomplete response"));
	f->heads_with_secret += call_has_secret(c);
	call_free(f->last);
	f->last = c;
}

static inline void feeder_init(struct feeder *f)
{
	*f = (struct feeder){.now = 1000000};
	endpoints_init(&f->endpoints);
	f->config = (struct conversations_config){.max = 1000,
						  .max_buffered = 1 << 20,
						  .endpoints = &f->endpoints,
						  .caller = {.proc = -1, .realtime_offset = RECORDS_REALTIME},
						  .on_call = feeder_take,
						  .context = f};
	f->table = conversations_new(&f->config);
}

static inline const char *feeder_lines(struct feeder *f)
{
	buffer_byte(&f->lines, '\0');
	f->lines.length--;
	return f->lines.data ? f->lines.data : "";
}

/* Forgets the calls so far. */
static inline void feeder_reset(struct feeder *f)
{
	f->calls = f->connects = f->v1 = f->v2 = f->unknown = f->incomplete = f->cut = 0;
	buffer_reset(&f->lines);
}

static inline void feeder_done(struct feeder *f)
{
	f->table = conversations_free(f->table);
	call_free(f->last);
	f->last = NULL;
	buffer_done(&f->lines);
}

static inline int feed_bytes(struct feeder *f, void *bytes, size_t length)
{
	struct record r;

	((struct record_header *)bytes)->time = f->now += 1000;
	if (record_decode(bytes, length, &r) < 0)
		abort();
	return conversations_feed(f->table, &r);
}

/* 169.254.169.254 unless said otherwise by the last byte pair. */
static inline void service_address(uint8_t ip[16])
{
	static const uint8_t address[16] = {[10] = 0xff, 0xff, 169, 254, 169, 254};

	memcpy(ip, address, 16);
}

static inline void feed_connect_as(struct feeder *f, uint64_t id, uint32_t pid, uint64_t start, struct span args,
				   uint16_t flags)
{
	union {
		struct connect_record r;
		char bytes[sizeof(struct connect_record) + ARGS_SIZE];
	} u = {.r = {.header = {.kind = RECORD_CONNECT, .flags = flags, .conversation = id}}};

	u.r.header.length = (uint32_t)(sizeof(u.r) + args.length);
	service_address(u.r.destination.ip);
	u.r.destination.port = 80;
	u.r.process = (struct wire_process){.pid = pid, .start = start, .comm = "curl"};
	u.r.args = (uint16_t)args.length;
	if (args.length)
		memcpy(u.bytes + sizeof(u.r), args.data, args.length);
	feed_bytes(f, &u, u.r.header.length);
}

static inline void feed_connect(struct feeder *f, uint64_t id)
{
	feed_connect_as(f, id, 100, 5, (struct span){0}, 0);
}

/* What the guard decided; `at`: where the refused bytes would have stood. */
struct decided {
	uint8_t verdict, stage, protocol;
	uint32_t request, line, at;
	uint16_t flags;
	const char *bytes;
};

static inline void feed_verdict(struct feeder *f, uint64_t id, struct decided d)
{
	union {
		struct verdict_record r;
		char bytes[sizeof(struct verdict_record) + STREAM_CHUNK];
	} u = {.r = {.header = {.kind = RECORD_VERDICT, .flags = d.flags, .conversation = id},
		     .request = d.request,
		     .line = d.line,
		     .verdict = d.verdict,
		     .stage = d.stage ? d.stage : RECORD_AT_REQUEST,
		     .protocol = d.protocol ? d.protocol : 6,
		     .offset = d.at,
		     .file = "g.rules"}};
	size_t length = d.bytes ? strlen(d.bytes) : 0;

	u.r.data = (uint32_t)length;
	u.r.header.length = (uint32_t)(sizeof(u.r) + length);
	if (length)
		memcpy(u.bytes + sizeof(u.r), d.bytes, length);
	feed_bytes(f, &u, u.r.header.length);
}

static inline void feed_open(struct feeder *f, uint64_t id)
{
	struct open_record r = {.header = {RECORD_OPEN, 0, sizeof(r), 0, id}, .source = {.port = 40000}};

	service_address(r.destination.ip);
	r.destination.port = 80;
	service_address(r.source.ip);
	feed_bytes(f, &r, sizeof(r));
}

static inline void feed_close(struct feeder *f, uint64_t id, uint32_t error, uint16_t flags)
{
	struct close_record r = {.header = {RECORD_CLOSE, flags, sizeof(r), 0, id}, .error = error};

	feed_bytes(f, &r, sizeof(r));
}

/* One record of at most STREAM_CHUNK bytes. */
static inline int feed_stream(struct feeder *f, uint64_t id, uint16_t flags, uint32_t offset, const void *data,
			      size_t length, uint8_t tcp_flags)
{
	union {
		struct stream_record r;
		char bytes[sizeof(struct stream_record) + STREAM_CHUNK];
	} u;

	u.r = (struct stream_record){.header = {RECORD_STREAM, flags, (uint32_t)(sizeof(u.r) + length), 0, id},
				     .offset = offset,
				     .data = (uint32_t)length,
				     .source = 40000,
				     .port = 80,
				     .tcp_flags = tcp_flags,
				     .hop_limit = 1};
	service_address(u.r.destination);
	if (length)
		memcpy(u.bytes + sizeof(u.r), data, length);
	return feed_bytes(f, &u, u.r.header.length);
}

/* The SYN-ACK. */
static inline void feed_established(struct feeder *f, uint64_t id)
{
	feed_stream(f, id, RECORD_F_INGRESS, 0, NULL, 0, TCP_F_SYN | TCP_F_ACK);
}
