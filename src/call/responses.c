/* SPDX-License-Identifier: Apache-2.0 */
/* Ingress: a byte stream read as responses, each given to its request. The rules are in dialogue.h. */
#include "call/dialogue.h"

static const struct span request_lost = {"bytes of the request were not seen",
					 sizeof("bytes of the request were not seen") - 1};
static const struct span response_lost = {"bytes of the response were not seen",
					  sizeof("bytes of the response were not seen") - 1};
static const struct span not_understood = {"the request was not understood",
					   sizeof("the request was not understood") - 1};

static void end_receiving(struct conversations *t)
{
	struct exchange *x = t->current->receiving;

	t->current->receiving = NULL;
	if (!x)
		return;
	exchange_body_end(t, x);
	x->response_done = true;
	queue_finish_if_done(t, x);
}

/* A response, and no request waits for one. NULL: it is of no request this log owes. */
static struct exchange *orphan(struct conversations *t, unsigned status)
{
	struct conversation *c = t->current;

	if (c->lost && c->out.head && c->out.head->head.flags & HEAD_F_LINE) {
		dialogue_give_up_head(t);
		return queue_oldest_unanswered(c);
	}
	if (c->unaccounted)
		return queue_add_lost(t, request_lost);
	if (c->owed) {
		c->owed--;
		return NULL;
	}
	if (c->lost) {
		c->prepaid = true;
		return queue_add_lost(t, request_lost);
	}
	/* A server that answers what no parser should take: the service did receive it. */
	if (c->unparsed)
		return status < 400 ? queue_add_lost(t, not_understood) : NULL;
	/* RFC 9110 section 15.5.9: 408 may come on an idle connection. */
	if (dialogue_out_at_boundary(c) && status != 408) {
		c->unmatched++;
		c->unmatched_status = (uint16_t)status;
	}
	return NULL;
}

/*
 * The response confirms the candidates: it began with a segment, answers the only open request, and no egress byte
 * beyond that request was sent before it.
 */
static void confirm(struct conversation *c, const struct exchange *x, const struct message *m)
{
	if (c->doubt && x->candidate && m->at_start && c->pending == 1 && x->request_done &&
	    dialogue_out_at_boundary(c))
		c->doubt = false;
	if (c->doubt_in && m->at_start && c->pending == 1)
		c->doubt_in = false;
}

static void answer(struct conversations *t, struct exchange *x, const struct message *m)
{
	struct conversation *c = t->current;

	if (c->doubt_in)
		exchange_incomplete(t, x, response_lost);
	confirm(c, x, m);
	x->call.has_response = true;
	x->call.status = m->head.status;
	x->call.response_bytes = m->head.leading + m->head.length;
	if (x->call.method.data || x->call.http_version.data) {
		x->call.has_duration = true;
		x->call.duration = t->now - x->head_time;
	}
	if (x->call.class == CLASS_TOKEN)
		x->call.hop_limit = t->hop_limit;
	x->keep_body = x->room && x->call.complete && m->head.status == 200;
	c->receiving = x;
}

static void in_head_done(struct conversations *t)
{
	struct conversation *c = t->current;
	struct message *m = c->in.head;
	enum head_method method = METHOD_OTHER;
	struct exchange *x = NULL;

	if (m->head.status < 200 && m->head.status != 101) {
		direction_drop_head(t, &c->in);
		return;
	}
	if (c->skips) {
		method = skips_pop(c) ? METHOD_HEAD : METHOD_OTHER;
	} else {
		x = queue_oldest_unanswered(c);
		if (!x)
			x = orphan(t, m->head.status);
		if (x) {
			method = (enum head_method)x->method;
			answer(t, x, m);
		}
	}
	http_begin_response(&c->in.http, &m->head, method);
	if (c->in.http.state == HTTP_OPAQUE)
		c->out.http.state = HTTP_OPAQUE;
	direction_drop_head(t, &c->in);
	if (!http_in_body(&c->in.http))
		end_receiving(t);
}

/* No response head. A simple request is answered by a body alone (RFC 1945 section 6). */
static void in_head_error(struct conversations *t, size_t length)
{
	struct conversation *c = t->current;
	struct exchange *x = queue_oldest_unanswered(c);
	bool candidate = c->in.head->candidate;

	length += (size_t)(c->in.head->head.length + c->in.head->head.leading);
	direction_drop_head(t, &c->in);
	if (candidate) {
		c->in.http.state = HTTP_LOST;
	} else if (x && x->simple) {
		c->in.http.state = HTTP_UNTIL_CLOSE;
		c->receiving = x;
		x->call.response_bytes += length;
		exchange_answer(x, ANSWER_BARE);
	} else {
		c->in.http.state = HTTP_OPAQUE;
		if (x)
			exchange_answer(x, ANSWER_NOT_HTTP);
	}
}

static size_t in_head(struct conversations *t, struct span data, bool at_start)
{
	struct conversation *c = t->current;
	enum head_result r;
	struct message *m;
	size_t used;

	if (!c->in.head) {
		c->in.head = message_take(&t->pool, HEAD_RESPONSE);
		if (c->in.head)
			c->in.head->at_start = at_start;
	}
	m = c->in.head;
	if (!m) {
		t->failed = true;
		dialogue_in.gap(t, data.length);
		return data.length;
	}
	r = message_feed(m, &t->budget, data.data, data.length, &used);
	if (r == HEAD_ERROR) {
		in_head_error(t, data.length - used);
		return data.length;
	}
	if (r == HEAD_DONE)
		in_head_done(t);
	return used;
}

static size_t in_body(struct conversations *t, struct span data)
{
	struct conversation *c = t->current;
	struct span content;
	size_t used = http_feed(&c->in.http, data.data, data.length, &content);

	if (c->receiving) {
		c->receiving->call.response_bytes += used;
		exchange_body(t, c->receiving, content);
	}
	if (c->in.http.state == HTTP_LOST)
		c->in.http.state = HTTP_UNTIL_CLOSE;
	if (!http_in_body(&c->in.http))
		end_receiving(t);
	return used;
}

static bool resync_in(struct conversations *t, bool at_start)
{
	struct conversation *c = t->current;

	if (!at_start)
		return false;
	c->in.head = message_take(&t->pool, HEAD_RESPONSE);
	if (!c->in.head)
		return false;
	c->in.head->candidate = true;
	c->in.head->at_start = true;
	c->in.http.state = HTTP_HEAD;
	return true;
}

static void in_data(void *context, struct span data, bool at_start)
{
	struct conversations *t = context;
	struct conversation *c = t->current;
	size_t used;

	c->established = true;
	while (data.length && c->in.http.state != HTTP_OPAQUE) {
		if (c->in.http.state == HTTP_LOST && !resync_in(t, at_start))
			return;
		used = c->in.http.state == HTTP_HEAD ? in_head(t, data, at_start) : in_body(t, data);
		data.data += used;
		data.length -= used;
		at_start = false;
	}
}

/* It is not known which requests the lost bytes answered: all that wait are given up, none is paired by guess. */
static void give_up_responses(struct conversations *t)
{
	struct conversation *c = t->current;

	direction_drop_head(t, &c->in);
	c->in.http.state = HTTP_LOST;
	c->doubt_in = true;
	c->owed = (uint16_t)(c->owed + c->skips);
	c->skips = 0;
	while (c->first) {
		struct exchange *x = c->first;

		if (!x->response_done)
			exchange_incomplete(t, x, response_lost);
		if (!x->call.has_response && c->owed < UINT16_MAX)
			c->owed++;
		if (!x->call.has_response && x->may_switch) {
			direction_drop_head(t, &c->out);
			c->out.http.state = HTTP_LOST;
			c->doubt = true;
		}
		queue_finish(t, x);
	}
}

static void in_gap(void *context, uint64_t length)
{
	struct conversations *t = context;
	struct conversation *c = t->current;
	struct exchange *x = c->receiving;
	bool inside = http_skip(&c->in.http, length);

	c->lost = true;
	if (c->in.http.state == HTTP_OPAQUE)
		return;
	if (!inside && c->in.http.state != HTTP_UNTIL_CLOSE) {
		give_up_responses(t);
		return;
	}
	if (x) {
		x->call.response_bytes += length;
		exchange_incomplete(t, x, response_lost);
	}
	if (!http_in_body(&c->in.http))
		end_receiving(t);
}

const struct flow_events dialogue_in = {in_data, in_gap};

void dialogue_in_end(struct conversations *t)
{
	struct conversation *c = t->current;

	if (c->in.flow.held || c->in.http.state != HTTP_UNTIL_CLOSE)
		return;
	c->in.http.state = HTTP_OPAQUE;
	end_receiving(t);
}

void dialogue_lost(struct conversations *t)
{
	t->current->lost = true;
	t->current->unlocated = true;
	flow_flush(&t->current->in.flow, &t->budget, &dialogue_in, t);
	dialogue_explain_unmatched(t);
}

/* RFC 7413 section 4.1.2: a SYN's data was not taken when the SYN was never answered; the service received nothing. */
static void drop_unsent(struct conversations *t)
{
	struct conversation *c = t->current;

	if (c->established || c->lost || !c->first || !c->last->in_syn)
		return;
	while (c->first) {
		struct exchange *x = c->first;

		queue_remove(c, x);
		call_free(&x->call);
	}
	c->sending = NULL;
	c->called = c->denied;
}

void dialogue_end(struct conversations *t, struct span reason, bool complete)
{
	struct conversation *c = t->current;
	struct message *m;

	flow_flush(&c->in.flow, &t->budget, &dialogue_in, t);
	dialogue_in_end(t);
	m = c->out.head;
	c->partial = m && m->head.length;
	if (c->lost && c->partial)
		dialogue_give_up_head(t);
	if (c->unlocated && !c->prepaid)
		dialogue_account(t);
	drop_unsent(t);
	if (!c->overrun && c->in.head && c->in.head->head.length && queue_oldest_unanswered(c))
		exchange_answer(queue_oldest_unanswered(c), ANSWER_CUT);
	while (c->first) {
		struct exchange *x = c->first;

		if (x == c->receiving)
			x->keep_body = false;
		if (!complete && !x->response_done)
			exchange_incomplete(t, x, reason);
		if (c->overrun && !x->call.has_response)
			exchange_answer(x, ANSWER_UNPAIRED);
		exchange_reason(x, reason);
		queue_finish(t, x);
	}
	direction_drop_head(t, &c->out);
	direction_drop_head(t, &c->in);
	flow_done(&c->out.flow, &t->budget);
	flow_done(&c->in.flow, &t->budget);
}
