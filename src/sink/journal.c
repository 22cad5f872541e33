/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event as journald takes it (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): fields of any bytes. docs/logs.md has
 * the list. Only MESSAGE is escaped: it is what journalctl shows.
 */
#include <endian.h>

#include "base/escape.h"
#include "sink/args.h"
#include "sink/level.h"
#include "sink/sentence.h"
#include "sink/sink.h"
#include "sink/stamp.h"

/* Made once with `systemd-id128 new`; they never change. */
#define ID_REQUEST    "7c91126c7b484c5d812a41aac09c1e81"
#define ID_CONNECT    "6268ee7238774876be2f0eb4e7dd96b0"
#define ID_STATS      "75b7a42b1349473f9576b7206375ecec"

/* More than that is in the log; journald keeps each value for good. */
#define ARGUMENTS_MAX ((size_t)4096)

/* A value in parts: open_value(), then anything into b, then close_value(). */
static size_t open_value(struct buffer *b, const char *name)
{
	uint64_t length = 0;

	buffer_string(b, name);
	buffer_byte(b, '\n');
	buffer_append(b, &length, sizeof(length));
	return b->length;
}

static void close_value(struct buffer *b, size_t start)
{
	uint64_t length;

	if (b->failed)
		return;
	length = htole64(b->length - start);
	memcpy(b->data + start - sizeof(length), &length, sizeof(length));
	buffer_byte(b, '\n');
}

static void put_span(struct buffer *b, const char *name, struct span value)
{
	size_t start;

	if (!value.data)
		return;
	if (value.length == 0 || !memchr(value.data, '\n', value.length)) {
		buffer_string(b, name);
		buffer_byte(b, '=');
		buffer_span(b, value);
		buffer_byte(b, '\n');
		return;
	}
	start = open_value(b, name);
	buffer_span(b, value);
	close_value(b, start);
}

static void put_text(struct buffer *b, const char *name, const char *value)
{
	if (value && *value)
		put_span(b, name, span_of(value));
}

static void put_number(struct buffer *b, const char *name, uint64_t value)
{
	char text[NUMBER_TEXT];

	put_span(b, name, number_text(value, text));
}

static void escape_piece(void *context, struct span piece)
{
	escape_text(context, piece, ESCAPE_EXACT);
}

static void raw_piece(void *context, struct span piece)
{
	buffer_span(context, piece);
}

static void put_arguments(struct buffer *b, const struct process *p)
{
	struct args a = args_of(p, ARGUMENTS_MAX);
	size_t start;

	if (a.rest.length == 0)
		return;
	start = open_value(b, "IMDS_ARGUMENTS");
	args_quote(a, raw_piece, b);
	close_value(b, start);
}

static void put_head(struct buffer *b, const char *id, enum level level)
{
	put_text(b, "MESSAGE_ID", id);
	put_number(b, "PRIORITY", level);
	put_text(b, "SYSLOG_IDENTIFIER", "imdsnitch");
}

static void put_event(struct buffer *b, const struct call *c, uint64_t sequence)
{
	char time[STAMP_UTC];

	put_text(b, "IMDS_ACTION", c->action == CALL_REQUEST ? "imds-request" : "imds-connect");
	put_text(b, "IMDS_KIND", call_is_alert(c) ? "alert" : "event");
	put_text(b, "IMDS_TIME", stamp_utc(c->time, time));
	put_number(b, "IMDS_SEQUENCE", sequence);
	put_text(b, "IMDS_OUTCOME", call_outcome_name(c->outcome));
	if (c->has_duration)
		put_number(b, "IMDS_DURATION_NS", c->duration);
	put_span(b, "IMDS_REASON", c->reason);
	put_text(b, "IMDS_PROVIDER", c->provider);
	put_text(b, "IMDS_SERVICE", c->service);
	put_text(b, "IMDS_VERSION", call_version_name(c->version));
	put_text(b, "IMDS_CLASS", call_class_name(c->class));
	put_text(b, "IMDS_VERDICT", call_verdict_name(c->verdict));
	put_span(b, "IMDS_RULE", c->rule);
	if (c->version == VERSION_V1)
		put_text(b, "IMDS_CAUSE", call_cause_name(c->cause));
	put_text(b, "IMDS_COMPLETE", c->complete ? "true" : "false");
	if (c->forwarded)
		put_text(b, "IMDS_FORWARDED", "true");
}

static void put_request(struct buffer *b, const struct call *c)
{
	put_span(b, "IMDS_METHOD", c->method);
	put_span(b, "IMDS_URL", c->target);
	put_span(b, "IMDS_PATH", c->path);
	if (c->has_response)
		put_number(b, "IMDS_STATUS", c->status);
	put_span(b, "IMDS_USER_AGENT", c->user_agent);
	put_span(b, "IMDS_SDK", c->sdk.name);
	put_span(b, "IMDS_SDK_VERSION", c->sdk.version);
	if (c->has_token_ttl)
		put_number(b, "IMDS_TOKEN_TTL", c->token_ttl);
	if (c->hop_limit != 0)
		put_number(b, "IMDS_HOP_LIMIT", c->hop_limit);
	put_span(b, "IMDS_ROLE", c->credentials.role);
	put_span(b, "IMDS_ACCESS_KEY_ID", c->credentials.access_key_id);
	put_span(b, "IMDS_EXPIRATION", c->credentials.expiration);
}

static void put_address(struct buffer *b, const char *ip, const char *port, const struct call_address *a)
{
	static const struct call_address none, none4 = {.ip = {[10] = 0xff, [11] = 0xff}};
	char text[CALL_ADDRESS_TEXT];

	if (memcmp(a->ip, none.ip, sizeof(a->ip)) != 0 && memcmp(a->ip, none4.ip, sizeof(a->ip)) != 0)
		put_text(b, ip, call_address_text(a, text));
	if (a->port != 0)
		put_number(b, port, a->port);
}

static void put_process(struct buffer *b, const struct caller *caller)
{
	const struct process *p = &caller->process, *parent = caller->ancestor;

	if (p->pid != 0)
		put_number(b, "IMDS_PID", p->pid);
	put_text(b, "IMDS_PROGRAM", p->name);
	put_text(b, "IMDS_EXECUTABLE", p->executable);
	put_arguments(b, p);
	put_text(b, "IMDS_ENTITY_ID", caller->entity_id);
	if (caller->ancestor_count == 0)
		return;
	if (parent->pid != 0)
		put_number(b, "IMDS_PARENT_PID", parent->pid);
	put_text(b, "IMDS_PARENT_PROGRAM", parent->name);
	put_text(b, "IMDS_PARENT_EXECUTABLE", parent->executable);
}

static void put_place(struct buffer *b, const struct caller *caller)
{
	if (caller->has_ids)
		put_number(b, "IMDS_USER_ID", caller->uid);
	put_text(b, "IMDS_USER", caller->user_name);
	if (caller->has_loginuid)
		put_number(b, "IMDS_LOGIN_USER_ID", caller->loginuid);
	put_text(b, "IMDS_UNIT", caller->systemd_unit);
	put_text(b, "IMDS_CONTAINER", caller->container_id);
	put_text(b, "IMDS_RUNTIME", caller->container_runtime);
	put_text(b, "IMDS_IMAGE", caller->image);
	put_text(b, "IMDS_POD", caller->pod_uid);
	put_text(b, "IMDS_CGROUP", caller->cgroup_path);
}

static void journal_call(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b)
{
	size_t message = open_value(b, "MESSAGE");

	sentence_call(c, escape_piece, b);
	close_value(b, message);
	put_head(b, c->action == CALL_REQUEST ? ID_REQUEST : ID_CONNECT, call_level(c));
	put_event(b, c, sequence);
	put_request(b, c);
	put_address(b, "IMDS_SOURCE_IP", "IMDS_SOURCE_PORT", &c->source);
	put_address(b, "IMDS_DESTINATION_IP", "IMDS_DESTINATION_PORT", &c->destination);
	put_process(b, c->caller);
	put_place(b, c->caller);
}

static void journal_stats(const struct sink_context *context, const struct stats *s, uint64_t time, uint64_t sequence,
			  struct buffer *b)
{
	size_t message = open_value(b, "MESSAGE");
	char stamp[STAMP_UTC];

	sentence_stats(s, escape_piece, b);
	close_value(b, message);
	put_head(b, ID_STATS, LEVEL_INFO);
	put_text(b, "IMDS_ACTION", "imds-stats");
	put_text(b, "IMDS_KIND", "metric");
	put_text(b, "IMDS_TIME", stamp_utc(time, stamp));
	put_number(b, "IMDS_SEQUENCE", sequence);
	put_number(b, "IMDS_CALLS", s->calls);
	put_number(b, "IMDS_CALLS_V1", s->calls_v1);
	put_number(b, "IMDS_CALLS_V2", s->calls_v2);
	put_number(b, "IMDS_CALLS_UNKNOWN", s->calls_unknown);
	put_number(b, "IMDS_CONNECTS", s->connects);
	put_number(b, "IMDS_LOST", s->lost);
	put_number(b, "IMDS_TRUNCATED", s->truncated);
	put_number(b, "IMDS_EVICTED", s->evicted);
	put_number(b, "IMDS_OPEN_AT_START", s->open_at_start);
	put_number(b, "IMDS_ATTACHED_SECONDS", s->attached_seconds);
	put_number(b, "IMDS_DENIED", s->denied);
	put_number(b, "IMDS_WOULD_DENY", s->would_deny);
	put_number(b, "IMDS_UNWRITTEN", s->unwritten);
}

const struct format format_journal = {
	.name = "journal",
	.summary = "fields for journald's native protocol",
	.call = journal_call,
	.stats = journal_stats,
};
