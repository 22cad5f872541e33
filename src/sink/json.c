/* SPDX-License-Identifier: Apache-2.0 */
/* --format json: docs/events.md, field by field, one object a line. */
#include "base/json.h"

#include "base/escape.h"
#include "sink/args.h"
#include "sink/sentence.h"
#include "sink/sink.h"
#include "sink/stamp.h"

#define ECS_VERSION       "8.17.0"

/* The caller's own arguments are what is asked for; those of an ancestor say which one it was. */
#define ARGS_MAX_ANCESTOR ((size_t)16 * 1024)

static void put_time(struct json *j, const char *key, uint64_t time)
{
	char text[STAMP_UTC];

	if (time != 0)
		json_put_plain(j, key, stamp_utc(time, text));
}

static bool is_denied(const struct call *c)
{
	return c->verdict == VERDICT_DENIED;
}

static void put_event(struct json *j, const struct call *c, uint64_t sequence)
{
	bool request = c->action == CALL_REQUEST;

	json_open_object(j, "event");
	json_put_plain(j, "action", request ? "imds-request" : "imds-connect");
	json_put_plain(j, "kind", call_is_alert(c) ? "alert" : "event");
	json_open_array(j, "category");
	json_put_plain(j, NULL, "network");
	json_close_array(j);
	json_open_array(j, "type");
	if (!request)
		json_put_plain(j, NULL, "connection");
	if (is_denied(c))
		json_put_plain(j, NULL, "denied");
	else if (request)
		json_put_plain(j, NULL, "access");
	json_close_array(j);
	json_put_plain(j, "outcome", call_outcome_name(c->outcome));
	if (c->has_duration)
		json_put_number(j, "duration", c->duration);
	json_put_number(j, "sequence", sequence);
	json_put_span(j, "reason", c->reason);
	json_close_object(j);
}

static void put_credentials(struct json *j, const struct call *c)
{
	json_open_object(j, "credentials");
	json_put_span(j, "role", c->credentials.role);
	json_put_span(j, "access_key_id", c->credentials.access_key_id);
	json_put_span(j, "expiration", c->credentials.expiration);
	json_close_object(j);
}

static void put_imds(struct json *j, const struct call *c)
{
	json_open_object(j, "imds");
	json_put_text(j, "provider", c->provider);
	json_put_text(j, "service", c->service);
	json_put_plain(j, "version", call_version_name(c->version));
	json_put_plain(j, "class", call_class_name(c->class));
	json_put_plain(j, "verdict", call_verdict_name(c->verdict));
	json_put_span(j, "rule", c->rule);
	if (c->version == VERSION_V1)
		json_put_plain(j, "cause", call_cause_name(c->cause));
	json_open_object(j, "token");
	if (c->has_token_ttl)
		json_put_number(j, "ttl", c->token_ttl);
	json_close_object(j);
	if (c->hop_limit != 0)
		json_put_number(j, "hop_limit", c->hop_limit);
	put_credentials(j, c);
	if (c->forwarded)
		json_put_bool(j, "forwarded", true);
	json_put_bool(j, "complete", c->complete);
	if (c->caller->late)
		json_put_bool(j, "caller_late", true);
	json_close_object(j);
}

static void put_http(struct json *j, const struct call *c)
{
	if (c->action != CALL_REQUEST)
		return;
	json_open_object(j, "http");
	json_put_span(j, "version", c->http_version);
	json_open_object(j, "request");
	json_put_span(j, "method", c->method);
	json_put_number(j, "bytes", c->request_bytes);
	json_close_object(j);
	if (c->has_response) {
		json_open_object(j, "response");
		json_put_number(j, "status_code", c->status);
		json_put_number(j, "bytes", c->response_bytes);
		json_close_object(j);
	}
	json_close_object(j);
}

static void put_url(struct json *j, const struct call *c)
{
	json_open_object(j, "url");
	json_put_span(j, "original", c->target);
	json_put_span(j, "path", c->path);
	json_put_span(j, "query", c->query);
	json_close_object(j);
	json_open_object(j, "user_agent");
	json_put_span(j, "original", c->user_agent);
	json_close_object(j);
}

static bool is_known(const struct call_address *a)
{
	static const struct call_address none, none4 = {.ip = {[10] = 0xff, [11] = 0xff}};

	return memcmp(a->ip, none.ip, sizeof(a->ip)) != 0 && memcmp(a->ip, none4.ip, sizeof(a->ip)) != 0;
}

static void put_address(struct json *j, const char *key, const struct call_address *a)
{
	char text[CALL_ADDRESS_TEXT];

	json_open_object(j, key);
	if (is_known(a))
		json_put_plain(j, "ip", call_address_text(a, text));
	if (a->port != 0)
		json_put_number(j, "port", a->port);
	json_close_object(j);
}

static void put_network(struct json *j, const struct call *c)
{
	json_open_object(j, "network");
	if (is_known(&c->destination))
		json_put_plain(j, "type", call_address_is_ipv4(&c->destination) ? "ipv4" : "ipv6");
	json_put_plain(j, "transport", call_transport_name(c));
	if (c->caller->netns != 0)
		json_put_number(j, "namespace", c->caller->netns);
	json_close_object(j);
}

static void put_part(void *context, struct span piece)
{
	json_put_part(context, piece);
}

static void put_args(struct json *j, const struct process *p, size_t max)
{
	struct args a = args_of(p, max);
	struct span arg;

	json_open_array(j, "args");
	while (args_next(&a, &arg))
		json_put_span(j, NULL, arg);
	json_close_array(j);
	if (a.cut)
		json_put_bool(j, "args_truncated", true);
}

static void put_command_line(struct json *j, const struct process *p, size_t max)
{
	struct args a = args_of(p, max);

	if (a.rest.length == 0)
		return;
	json_open_string(j, "command_line");
	args_quote(a, put_part, j);
	json_close_string(j);
}

/* Start times are known since boot; the caller's own one is known in both clocks. */
static void put_process(struct json *j, const struct caller *caller, const struct process *p, size_t args_max)
{
	int64_t offset = (int64_t)(caller->start_realtime - caller->process.start);

	if (p->pid != 0)
		json_put_number(j, "pid", p->pid);
	if (p->start != 0 && caller->process.start != 0 && caller->start_realtime != 0)
		put_time(j, "start", p->start + (uint64_t)offset);
	if (p->name[0])
		json_put_text(j, "name", p->name);
	json_put_text(j, "executable", p->executable);
	put_args(j, p, args_max);
}

static void put_users(struct json *j, const struct caller *caller)
{
	json_open_object(j, "user");
	if (caller->has_ids)
		json_put_number_text(j, "id", caller->uid);
	json_put_text(j, "name", caller->user_name);
	json_close_object(j);
	json_open_object(j, "group");
	if (caller->has_ids)
		json_put_number_text(j, "id", caller->gid);
	json_put_text(j, "name", caller->group_name);
	json_close_object(j);
}

static void put_ancestors(struct json *j, const struct caller *caller)
{
	json_open_array(j, "ancestors");
	for (unsigned i = 0; i < caller->ancestor_count; i++) {
		json_open_object(j, NULL);
		put_process(j, caller, &caller->ancestor[i], ARGS_MAX_ANCESTOR);
		json_close_object(j);
	}
	json_close_array(j);
}

static void put_caller_process(struct json *j, const struct caller *caller)
{
	json_open_object(j, "process");
	put_process(j, caller, &caller->process, ARGS_MAX);
	put_command_line(j, &caller->process, ARGS_MAX);
	json_put_text(j, "working_directory", caller->process.working_directory);
	json_put_text(j, "entity_id", caller->entity_id);
	put_users(j, caller);
	if (caller->ancestor_count > 0) {
		json_open_object(j, "parent");
		put_process(j, caller, &caller->ancestor[0], ARGS_MAX_ANCESTOR);
		put_command_line(j, &caller->ancestor[0], ARGS_MAX_ANCESTOR);
		json_put_text(j, "working_directory", caller->ancestor[0].working_directory);
		json_close_object(j);
	}
	put_ancestors(j, caller);
	json_close_object(j);
}

/* The login user: who logged in, whatever became of the user id since. Named as auditbeat does. */
static void put_login(struct json *j, const struct caller *caller)
{
	if (!caller->has_loginuid)
		return;
	json_open_object(j, "user");
	json_open_object(j, "audit");
	json_put_number_text(j, "id", caller->loginuid);
	json_close_object(j);
	json_close_object(j);
}

/* One object with one string, both absent when the string is. */
static void put_single(struct json *j, const char *parent, const char *key, const char *value)
{
	json_open_object(j, parent);
	json_put_text(j, key, value);
	json_close_object(j);
}

static void put_place(struct json *j, const struct caller *caller)
{
	json_open_object(j, "container");
	json_put_text(j, "id", caller->container_id);
	json_put_text(j, "runtime", caller->container_runtime);
	put_single(j, "image", "name", caller->image);
	json_close_object(j);
	json_open_object(j, "kubernetes");
	put_single(j, "pod", "uid", caller->pod_uid);
	json_close_object(j);
	put_single(j, "systemd", "unit", caller->systemd_unit);
	put_single(j, "cgroup", "path", caller->cgroup_path);
}

static void put_host(struct json *j, const struct sink_context *context)
{
	json_open_object(j, "host");
	json_put_text(j, "name", context->host_name);
	json_put_text(j, "id", context->host_id);
	json_close_object(j);
}

static void put_sdk(struct json *j, const struct call *c)
{
	json_open_object(j, "sdk");
	json_put_span(j, "name", c->sdk.name);
	json_put_span(j, "version", c->sdk.version);
	if (c->sdk.has_supports_v2)
		json_put_bool(j, "supports_v2", c->sdk.supports_v2);
	json_close_object(j);
}

static void begin_line(struct json *j, uint64_t time)
{
	json_open_object(j, NULL);
	put_time(j, "@timestamp", time);
	json_open_object(j, "ecs");
	json_put_plain(j, "version", ECS_VERSION);
	json_close_object(j);
	json_open_string(j, "message");
}

static void end_line(struct json *j)
{
	json_close_object(j);
	buffer_byte(j->out, '\n');
}

static void json_call(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b)
{
	struct json j = json_into(b);

	begin_line(&j, c->time);
	sentence_call(c, put_part, &j);
	json_close_string(&j);
	put_event(&j, c, sequence);
	put_imds(&j, c);
	put_http(&j, c);
	put_url(&j, c);
	put_address(&j, "source", &c->source);
	put_address(&j, "destination", &c->destination);
	put_network(&j, c);
	put_caller_process(&j, c->caller);
	put_login(&j, c->caller);
	put_place(&j, c->caller);
	put_host(&j, context);
	put_sdk(&j, c);
	end_line(&j);
}

static void put_counts(struct json *j, const struct stats *s)
{
	json_open_object(j, "imds");
	json_open_object(j, "stats");
	json_put_number(j, "calls", s->calls);
	json_put_number(j, "calls_v1", s->calls_v1);
	json_put_number(j, "calls_v2", s->calls_v2);
	json_put_number(j, "calls_unknown", s->calls_unknown);
	json_put_number(j, "connects", s->connects);
	json_put_number(j, "lost", s->lost);
	json_put_number(j, "truncated", s->truncated);
	json_put_number(j, "evicted", s->evicted);
	json_put_number(j, "open_at_start", s->open_at_start);
	json_put_number(j, "attached_seconds", s->attached_seconds);
	json_put_number(j, "denied", s->denied);
	json_put_number(j, "would_deny", s->would_deny);
	json_put_number(j, "unwritten", s->unwritten);
	json_close_object(j);
	json_close_object(j);
}

static void put_stats_event(struct json *j, uint64_t sequence)
{
	json_open_object(j, "event");
	json_put_plain(j, "action", "imds-stats");
	json_put_plain(j, "kind", "metric");
	json_open_array(j, "category");
	json_put_plain(j, NULL, "network");
	json_close_array(j);
	json_open_array(j, "type");
	json_put_plain(j, NULL, "info");
	json_close_array(j);
	json_put_number(j, "sequence", sequence);
	json_close_object(j);
	json_open_object(j, "observer");
	json_put_plain(j, "product", "imdsnitch");
	json_put_plain(j, "version", IMDSNITCH_VERSION);
	json_close_object(j);
}

static void json_stats(const struct sink_context *context, const struct stats *s, uint64_t time, uint64_t sequence,
		       struct buffer *b)
{
	struct json j = json_into(b);

	begin_line(&j, time);
	sentence_stats(s, put_part, &j);
	json_close_string(&j);
	put_stats_event(&j, sequence);
	put_counts(&j, s);
	put_host(&j, context);
	end_line(&j);
}

const struct format format_json = {
	.name = "json",
	.summary = "one JSON object a line, ECS names (docs/events.md)",
	.call = json_call,
	.stats = json_stats,
};
