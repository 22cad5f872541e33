/* SPDX-License-Identifier: Apache-2.0 */
/* Egress: a byte stream read as requests. The rules are in dialogue.h. */
#include "call/dialogue.h"

static const struct span request_lost = {"bytes of the request were not seen",
					 sizeof("bytes of the request were not seen") - 1};
static const struct span after_loss = {"found after bytes that were not seen",
				       sizeof("found after bytes that were not seen") - 1};
/* RFC 6093 section 3: the service takes the urgent byte out of the stream, or does not: nobody else can know. */
static const struct span urgent_data = {"urgent data in the request", sizeof("urgent data in the request") - 1};

void dialogue_give_up_head(struct conversations *t)
{
	struct conversation *c = t->current;
	struct message *m = c->out.head;
	struct exchange *x;

	if (m && m->head.flags & HEAD_F_LINE) {
		x = exchange_new(t, m, false);
		if (x) {
			x->request_done = true;
			x->candidate = m->candidate;
			exchange_incomplete(t, x, request_lost);
			verdict_pair(t, x);
			queue_append(c, x);
			queue_limit(t);
		}
	} else if (!m || !m->candidate) {
		dialogue_account(t);
	}
	direction_drop_head(t, &c->out);
	c->out.http.state = HTTP_LOST;
	c->doubt = true;
	c->unnumbered = true;
}

/* The request whose body is passing is over, as far as it was seen. */
static void end_sending(struct conversations *t)
{
	struct exchange *x = t->current->sending;

	t->current->sending = NULL;
	if (!x)
		return;
	x->request_done = true;
	queue_finish_if_done(t, x);
}

/* Whether these bytes are HTTP depends on a response not yet seen (RFC 9110 sections 7.8 and 9.3.6). */
static bool awaits_switch(const struct conversation *c)
{
	for (const struct exchange *x = c->first; x; x = x->next)
		if (x->may_switch && !x->call.has_response)
			return true;
	return false;
}

static void out_head_done(struct conversations *t)
{
	struct conversation *c = t->current;
	struct message *m = c->out.head;
	struct exchange *x;
	bool sure;

	if (awaits_switch(c))
		c->doubt = true;
	sure = !c->doubt && !c->urgent && !m->candidate;
	m->candidate = !sure;
	x = exchange_new(t, m, sure);
	http_begin_request(&c->out.http, &m->head);
	if (x) {
		x->candidate = !sure;
		if (c->urgent)
			x->call.reason = urgent_data;
		if (!sure)
			exchange_incomplete(t, x, after_loss);
		verdict_pair(t, x);
		queue_append(c, x);
		c->sending = x;
	}
	direction_drop_head(t, &c->out);
	queue_limit(t);
	if (!http_in_body(&c->out.http))
		end_sending(t);
	/* Broken framing (RFC 9112 section 6.3): the service closes; what comes now is not to be trusted. */
	if (c->out.http.state == HTTP_LOST)
		c->doubt = true;
}

/* Can a head found after a loss be one? Stricter than the scanner, which reads what was sent in sync. */
static bool is_plausible(const struct message *m)
{
	const struct head *h = &m->head;
	struct span target = message_target(m);

	if (h->leading || (h->state == HEAD_S_DONE && h->major != 1))
		return false;
	if (!(h->flags & HEAD_F_LINE))
		return true;
	return h->major == 1 && !(h->flags & HEAD_F_SPACES) &&
	       (!target.length || target.data[0] == '/' || target.data[0] == '*' ||
		memmem(target.data, target.length, "://", 3));
}

static size_t out_head(struct conversations *t, struct span data)
{
	struct conversation *c = t->current;
	enum head_result r;
	struct message *m;
	size_t used;

	if (!c->out.head)
		c->out.head = message_take(&t->pool, HEAD_REQUEST);
	m = c->out.head;
	if (!m) {
		t->failed = true;
		c->lost = true;
		dialogue_give_up_head(t);
		return data.length;
	}
	r = message_feed(m, &t->budget, data.data, data.length, &used);
	if (m->candidate && !is_plausible(m))
		r = HEAD_ERROR;
	if (r == HEAD_DONE) {
		out_head_done(t);
	} else if (r == HEAD_ERROR) {
		c->http2 = c->http2 || head_is_http2(&m->head);
		c->unparsed = c->unparsed || !m->candidate;
		direction_drop_head(t, &c->out);
		c->out.http.state = c->http2 ? HTTP_OPAQUE : HTTP_LOST;
		c->doubt = true;
		return data.length;
	}
	return used;
}

static size_t out_body(struct conversations *t, struct span data)
{
	struct conversation *c = t->current;
	struct span content;
	size_t used = http_feed(&c->out.http, data.data, data.length, &content);

	if (c->sending)
		c->sending->call.request_bytes += used;
	if (c->out.http.state == HTTP_LOST)
		c->doubt = true;
	if (!http_in_body(&c->out.http))
		end_sending(t);
	return used;
}

/* Does the segment alone hold a whole request line? */
static bool begins_with_request(struct span data)
{
	struct head h;

	head_init(&h, HEAD_REQUEST);
	for (size_t i = 0; i < data.length && !(h.flags & HEAD_F_LINE); i++)
		if (head_step(&h, (uint8_t)data.data[i]) != HEAD_MORE)
			return false;
	return h.flags & HEAD_F_LINE && !(h.flags & HEAD_F_SPACES) && !h.leading && h.major == 1 &&
	       data.data[h.target.offset] == '/';
}

/* A candidate whose request line does not end gives way to a segment that surely looks like one. */
static void reconsider(struct conversations *t, struct span data)
{
	struct direction *out = &t->current->out;

	if (out->http.state != HTTP_HEAD || !out->head || !out->head->candidate ||
	    out->head->head.flags & HEAD_F_LINE || !begins_with_request(data))
		return;
	direction_drop_head(t, out);
	out->http.state = HTTP_LOST;
}

/* After a loss: a new segment may begin with a request. */
static bool resync_out(struct conversations *t, bool at_start)
{
	struct conversation *c = t->current;

	if (!at_start)
		return false;
	c->out.head = message_take(&t->pool, HEAD_REQUEST);
	if (!c->out.head)
		return false;
	c->out.head->candidate = true;
	c->out.http.state = HTTP_HEAD;
	return true;
}

static void out_data(void *context, struct span data, bool at_start)
{
	struct conversations *t = context;
	struct conversation *c = t->current;
	size_t used;

	c->unlocated = false;
	if (at_start)
		reconsider(t, data);
	while (data.length && c->out.http.state != HTTP_OPAQUE) {
		if (c->out.http.state == HTTP_LOST && !resync_out(t, at_start))
			return;
		used = c->out.http.state == HTTP_HEAD ? out_head(t, data) : out_body(t, data);
		data.data += used;
		data.length -= used;
		at_start = false;
	}
}

static void out_gap(void *context, uint64_t length)
{
	struct conversations *t = context;
	struct conversation *c = t->current;
	struct exchange *x = c->sending;

	c->lost = true;
	c->unlocated = false;
	if (c->out.http.state == HTTP_OPAQUE)
		return;
	if (http_in_body(&c->out.http)) {
		bool inside = http_skip(&c->out.http, length);

		if (x) {
			x->call.request_bytes += inside ? length : 0;
			exchange_incomplete(t, x, request_lost);
		}
		if (!inside) {
			c->out.http.state = HTTP_LOST;
			c->doubt = true;
			c->unnumbered = true;
			if (!x)
				dialogue_account(t);
		}
		if (!http_in_body(&c->out.http))
			end_sending(t);
	} else {
		dialogue_give_up_head(t);
	}
	dialogue_explain_unmatched(t);
}

bool dialogue_out_at_boundary(const struct conversation *c)
{
	return c->out.http.state == HTTP_HEAD && (!c->out.head || c->out.head->head.length == 0);
}

const struct flow_events dialogue_out = {out_data, out_gap};

void dialogue_out_end(struct conversations *t, uint32_t offset)
{
	t->current->unlocated = false;
	flow_expect(&t->current->out.flow, offset, &dialogue_out, t);
}
