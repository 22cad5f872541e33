/* SPDX-License-Identifier: Apache-2.0 */
/* How a call is built from a request's head, completed by its response, and handed on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "call/credentials.h"
#include "call/dialogue.h"
#include "call/judge.h"
#include "call/redact.h"
#include "call/sdk.h"

static void set_origin(struct conversations *t, struct call *call, uint64_t time)
{
	const struct conversation *c = t->current;

	call->time = time + (uint64_t)t->config.caller.realtime_offset;
	call->source = c->source;
	call->destination = c->destination;
	call->caller = caller_ref(c->caller);
	call->id = c->id;
	call->complete = true;
	if (c->service) {
		call->provider = service_provider(c->service);
		call->service = service_name(c->service);
	}
}

static struct span masked_span(const struct redactions *masks, struct span text, struct span part, const char *masked)
{
	size_t start, end;

	if (!part.data)
		return part;
	start = redactions_map(masks, (size_t)(part.data - text.data));
	end = redactions_map(masks, (size_t)(part.data - text.data) + part.length);
	return (struct span){masked + start, end - start};
}

static void set_text(struct exchange *x, const struct message *m, const struct redactions *masks, char *room)
{
	struct span text = message_text(m), method = {text.data, m->head.method.length};
	struct call *call = &x->call;

	if (text.length == 0)
		return;
	redactions_write(masks, text, room);
	call->head = (struct span){room, redactions_length(masks, text.length)};
	if (method.length <= text.length)
		call->method = masked_span(masks, text, method, room);
	call->target = masked_span(masks, text, message_target(m), room);
	call->user_agent = masked_span(masks, text, message_agent(m), room);
	if (call->target.data)
		path_split(call->target, &call->path, &call->query);
}

static void set_sdk(struct call *call)
{
	struct sdk sdk;

	sdk_init(&sdk, call->user_agent);
	call->sdk.name = sdk.name;
	call->sdk.version = sdk.version;
	call->sdk.has_supports_v2 = sdk.has_supports_v2;
	call->sdk.supports_v2 = sdk.supports_v2;
}

static void set_judgement(struct conversations *t, struct exchange *x, const struct judgement *j)
{
	struct call *call = &x->call;
	const struct process *process = &call->caller->process;

	if (j->service) {
		call->provider = service_provider(j->service);
		call->service = service_name(j->service);
	}
	call->version = j->version;
	call->class = j->class;
	call->reason = j->reason;
	x->token_request = j->token_request;
	if (call->version == VERSION_V1)
		call->cause = causes_judge(t->causes, process, call->sdk.has_supports_v2 && !call->sdk.supports_v2);
	if (x->token_request)
		causes_token_sent(t->causes, process);
}

static uint64_t fnv(struct span s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < s.length; i++)
		h = (h ^ (uint8_t)s.data[i]) * 0x100000001b3ULL;
	return h;
}

/* Once per conversation and value: the arguments do not change. */
static void redact_arguments(struct conversation *c, struct span secrets)
{
	uint64_t hash = fnv(secrets);

	if (secrets.length == 0 || hash == c->masked)
		return;
	c->masked = hash;
	redact_caller(c->caller, secrets);
}

static void set_head(struct exchange *x, const struct head *h)
{
	struct call *call = &x->call;

	x->method = h->method_kind;
	x->simple = h->major == 0;
	x->may_switch = h->method_kind == METHOD_CONNECT || h->seen & HEADER_UPGRADE;
	if (h->flags & HEAD_F_LINE) {
		x->version_text[0] = (char)('0' + h->major % 10);
		x->version_text[1] = '.';
		x->version_text[2] = (char)('0' + h->minor % 10);
		call->http_version = (struct span){x->version_text, 3};
	}
	call->forwarded = h->seen & (HEADER_FORWARDED | HEADER_X_FORWARDED_FOR);
	call->has_token_ttl = h->flags & HEAD_F_TTL;
	call->token_ttl = h->ttl;
	call->request_bytes = h->leading + h->length;
}

static struct exchange *exchange_alloc(struct conversations *t, size_t text, bool credentials)
{
	size_t room = credentials ? sizeof(struct credentials) : 0;
	struct exchange *x = malloc(sizeof(*x) + text + room);

	if (!x) {
		t->failed = true;
		return NULL;
	}
	*x = (struct exchange){
		.call.action = CALL_REQUEST, .head_time = t->now, .in_syn = t->in_syn, .number = UINT32_MAX};
	x->room = credentials ? (char *)(x + 1) + text : NULL;
	set_origin(t, &x->call, t->now);
	return x;
}

static struct exchange *from_message(struct conversations *t, struct message *m, bool whole)
{
	struct span target = message_target(m), secrets = buffer_view(&m->secrets);
	struct redactions masks;
	struct path path;
	struct judgement judgement;
	struct exchange *x;

	path_init(&path, target);
	judge_request(t->current->service, t->config.provider, &m->head, &path, target.length < m->head.target.length,
		      whole, &judgement);
	redactions_find(&masks, message_text(m), secrets, m->secret_cut);
	x = exchange_alloc(t, redactions_length(&masks, message_text(m).length), judgement.class == CLASS_CREDENTIALS);
	if (!x)
		return NULL;
	set_head(x, &m->head);
	set_text(x, m, &masks, (char *)(x + 1));
	set_sdk(&x->call);
	if (m->candidate) {
		judgement.version = judgement.version == VERSION_NONE ? VERSION_NONE : VERSION_UNKNOWN;
		judgement.token_request = false;
	}
	set_judgement(t, x, &judgement);
	redact_arguments(t->current, secrets);
	return x;
}

struct exchange *exchange_new(struct conversations *t, struct message *m, bool whole)
{
	struct exchange *x = m ? from_message(t, m, whole) : exchange_alloc(t, 0, false);

	if (x && !m) {
		x->call.version = VERSION_UNKNOWN;
		x->request_done = true;
	}
	return x;
}

void exchange_body(struct conversations *t, struct exchange *x, struct span content)
{
	if (!x->keep_body || content.length == 0)
		return;
	if (content.length > CREDENTIALS_BODY_MAX - x->body.length ||
	    !budget_append(&t->budget, &x->body, content.data, content.length)) {
		x->keep_body = false;
		budget_release(&t->budget, &x->body);
	}
}

/* The role is the segment behind "security-credentials/", not further ones. */
static struct span role_of(struct span path)
{
	static const char marker[] = "security-credentials/";
	const char *at = path.length ? memmem(path.data, path.length, marker, sizeof(marker) - 1) : NULL;
	struct span role;

	if (!at)
		return (struct span){0};
	at += sizeof(marker) - 1;
	role = (struct span){at, path.length - (size_t)(at - path.data)};
	if (role.length && role.data[role.length - 1] == '/')
		role.length--;
	return role.length && !memchr(role.data, '/', role.length) ? role : (struct span){0};
}

void exchange_body_end(struct conversations *t, struct exchange *x)
{
	struct credentials found, *kept = (struct credentials *)(void *)x->room;

	if (x->keep_body && x->room && credentials_parse(&found, buffer_view(&x->body))) {
		memcpy(kept, &found, sizeof(found));
		x->call.credentials.role = role_of(x->call.path);
		x->call.credentials.access_key_id = span_of(kept->access_key_id);
		if (kept->expiration[0])
			x->call.credentials.expiration = span_of(kept->expiration);
	}
	x->keep_body = false;
	budget_release(&t->budget, &x->body);
}

/* `room` is the call's own: it holds "denied by FILE:LINE". */
static void set_verdict(struct call *call, const struct verdict *v, char room[static VERDICT_TEXT])
{
	static const char denied[] = "denied by ";
	const size_t before = sizeof(denied) - 1;
	size_t length = sizeof("denied") - 1;

	call->verdict = v->verdict == RECORD_DENIED       ? VERDICT_DENIED
			: v->verdict == RECORD_WOULD_DENY ? VERDICT_WOULD_DENY
							  : VERDICT_ALLOWED;
	call->protocol = v->protocol;
	memcpy(room, denied, sizeof(denied));
	if (v->line && v->file[0]) {
		length = (size_t)snprintf(room, VERDICT_TEXT, "%s%s:%" PRIu32, denied, v->file, v->line);
		call->rule = (struct span){room + before, length - before};
	}
	if (call->verdict != VERDICT_DENIED)
		return;
	call->outcome = OUTCOME_FAILURE;
	call->reason = (struct span){room, length};
}

void exchange_verdict(struct exchange *x, const struct verdict *v)
{
	set_verdict(&x->call, v, x->verdict_text);
}

void exchange_incomplete(struct conversations *t, struct exchange *x, struct span reason)
{
	x->call.complete = false;
	if (!x->call.reason.data)
		x->call.reason = reason;
	x->keep_body = false;
	budget_release(&t->budget, &x->body);
	if (!x->counted && !t->current->unannounced)
		t->counts.truncated++;
	x->counted = true;
}

void exchange_reason(struct exchange *x, struct span reason)
{
	if (!x->call.has_response && !x->call.reason.data)
		x->call.reason = reason;
}

void exchange_answer(struct exchange *x, enum call_answer answer)
{
	static const char *const reasons[] = {
		[ANSWER_CUT] = "incomplete response",
		[ANSWER_NOT_HTTP] = "the response is not HTTP",
		[ANSWER_BARE] = "an HTTP/0.9 response has no status",
		[ANSWER_UNPAIRED] = "too many unanswered requests",
	};

	x->call.answer = answer;
	exchange_reason(x, span_of(reasons[answer]));
}

/* What became of a token request, as a status: the guard says no as a service does. */
static unsigned token_status(const struct call *call)
{
	if (call->verdict == VERDICT_DENIED)
		return 403;
	return call->has_response ? call->status : 0;
}

static void remember_tokens(struct conversations *t, const struct exchange *x)
{
	const struct process *process = &x->call.caller->process;

	if (x->token_request)
		causes_token_answered(t->causes, process, token_status(&x->call));
	else if (x->call.version == VERSION_UNKNOWN)
		causes_missed(t->causes, process, t->now);
}

void exchange_emit(struct conversations *t, struct exchange *x)
{
	struct call *call = &x->call;

	remember_tokens(t, x);
	budget_release(&t->budget, &x->body);
	if (!call->reason.data && call->caller->process.pid == 0)
		call->reason = SPAN_LITERAL("the caller was not seen");
	if (call->has_response)
		call->outcome = call->status < 400 ? OUTCOME_SUCCESS : OUTCOME_FAILURE;
	t->config.on_call(t->config.context, call);
}

void exchange_emit_connect(struct conversations *t, enum call_outcome outcome, struct span reason, bool complete,
			   const struct verdict *v)
{
	struct call *call = calloc(1, sizeof(*call) + (v ? VERDICT_TEXT : 0));

	if (!call) {
		t->failed = true;
		return;
	}
	call->action = CALL_CONNECT;
	set_origin(t, call, t->current->start);
	call->outcome = outcome;
	call->reason = reason;
	call->complete = complete;
	if (v)
		set_verdict(call, v, (char *)(call + 1));
	t->config.on_call(t->config.context, call);
}
