/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard decided, brought together with what it was decided on. Both come through the same ring, but not in one
 * order: bytes that were taken before a refusal may leave after it, a connect may be told before or after its verdict.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "call/dialogue.h"

/* Of a request that left: not a refusal, which is about bytes that did not. */
static struct verdict **find_request(struct conversation *c, uint32_t request)
{
	struct verdict **v = &c->verdicts;

	while (*v && ((*v)->stage != RECORD_AT_REQUEST || (*v)->verdict == RECORD_DENIED || (*v)->request != request))
		v = &(*v)->next;
	return v;
}

static void verdict_free(struct conversations *t, struct verdict *v)
{
	t->budget.used -= sizeof(*v) + v->length;
	t->verdicts -= v->verdict == RECORD_DENIED;
	explicit_bzero(v->data, v->length);
	free(v);
}

static struct verdict *verdict_unlink(struct verdict **link)
{
	struct verdict *v = *link;

	*link = v->next;
	return v;
}

void verdicts_free(struct conversations *t, struct conversation *c)
{
	while (c->verdicts)
		verdict_free(t, verdict_unlink(&c->verdicts));
}

const struct verdict *verdict_of_connect(const struct conversation *c)
{
	const struct verdict *v = c->verdicts;

	while (v && v->stage != RECORD_AT_CONNECT)
		v = v->next;
	return v;
}

bool verdict_refuses(const struct conversation *c)
{
	const struct verdict *v = c->verdicts;

	while (v && v->verdict == RECORD_ALLOWED)
		v = v->next;
	return v;
}

/* A request of which no more is known than that it was made, and what was decided. */
static void tell_unseen(struct conversations *t, const struct verdict *v)
{
	struct exchange *x = exchange_new(t, NULL, false);

	if (!x)
		return;
	x->call.complete = false;
	x->call.reason = SPAN_LITERAL("bytes of the request were not seen");
	exchange_verdict(x, v);
	t->current->called = true;
	exchange_emit(t, x);
}

/* The refused bytes, behind those of the head that left before. */
static struct message *refused_message(struct conversations *t, const struct verdict *v, bool in_place)
{
	struct conversation *c = t->current;
	struct message *m = NULL;
	size_t used;

	if (c->out.http.state == HTTP_HEAD || !in_place)
		m = TAKE_PTR(c->out.head);
	if (m && !in_place)
		return m;
	if (!m)
		m = message_take(&t->pool, HEAD_REQUEST);
	if (m) {
		m->candidate = m->candidate || !in_place || c->out.http.state != HTTP_HEAD || c->doubt ||
			       (c->unknown && !c->out.begun);
		message_feed(m, &t->budget, v->data, v->length, &used);
	} else {
		t->failed = true;
	}
	return m;
}

static void tell_request(struct conversations *t, const struct verdict *v, struct message *m)
{
	bool done = m->head.state == HEAD_S_DONE && !m->candidate;
	struct exchange *x = exchange_new(t, m, done);

	if (!x)
		return;
	x->call.complete = done;
	exchange_verdict(x, v);
	exchange_emit(t, x);
}

/* One event for the refusal, and none for what the caller tries afterwards on this connection. */
static void tell_refused(struct conversations *t, const struct verdict *v, bool in_place)
{
	struct conversation *c = t->current;
	bool cut = !in_place && c->out.head;
	struct message *m = refused_message(t, v, in_place);
	uint64_t now = t->now;

	t->now = v->time;
	if (m && m->head.flags & HEAD_F_LINE && m->head.state != HEAD_S_ERROR)
		tell_request(t, v, m);
	else if (c->called || c->unknown || !in_place)
		tell_unseen(t, v);
	else
		exchange_emit_connect(t, OUTCOME_FAILURE, (struct span){0}, in_place && !c->lost, v);
	message_give(&t->pool, m);
	t->now = now;
	c->called = true;
	c->denied = true;
	c->doubt = c->doubt || cut;
	if (in_place || cut)
		c->out.http.state = in_place ? HTTP_OPAQUE : HTTP_LOST;
}

/* Have all bytes that were taken before the refused ones passed? */
static bool is_in_place(const struct conversation *c, const struct verdict *v)
{
	if (v->flags & RECORD_F_NO_OFFSET || c->out.flow.raw || (c->unknown && !c->out.begun))
		return true;
	return (uint32_t)c->out.flow.next == v->offset;
}

void verdict_settle(struct conversations *t, bool late)
{
	struct conversation *c = t->current;
	struct verdict **link = &c->verdicts, *v;

	while (*link && ((*link)->stage != RECORD_AT_REQUEST || (*link)->verdict != RECORD_DENIED))
		link = &(*link)->next;
	v = *link;
	if (!v || c->denied || !(late || is_in_place(c, v)))
		return;
	verdict_unlink(link);
	tell_refused(t, v, is_in_place(c, v));
	verdict_free(t, v);
}

static struct verdict *verdict_new(struct conversations *t, const struct record *r)
{
	const struct verdict_record *record = r->verdict;
	size_t size = sizeof(struct verdict) + r->tail.length;
	struct verdict *v = budget_take(&t->budget, size) ? malloc(size) : NULL;

	if (!v)
		return NULL;
	*v = (struct verdict){.time = r->header->time,
			      .request = record->request,
			      .line = record->line,
			      .offset = record->offset,
			      .flags = r->header->flags,
			      .verdict = record->verdict,
			      .stage = record->stage,
			      .protocol = record->protocol,
			      .unread = record->unread,
			      .length = (uint32_t)r->tail.length};
	memcpy(v->file, record->file, sizeof(v->file));
	memcpy(v->data, r->tail.data, r->tail.length);
	t->verdicts += v->verdict == RECORD_DENIED;
	return v;
}

/* A verdict on a request that has passed already: its packet was seen first. */
static bool apply_late(struct conversations *t, const struct verdict *v)
{
	struct exchange *x = t->current->first;

	while (x && x->number != v->request)
		x = x->next;
	if (!x || v->stage != RECORD_AT_REQUEST || (v->verdict == RECORD_DENIED && x->call.has_response))
		return false;
	exchange_verdict(x, v);
	if (v->verdict == RECORD_DENIED) {
		t->current->denied = true;
		t->current->out.http.state = HTTP_OPAQUE;
		queue_finish(t, x);
	}
	return true;
}

/* After a loss the verdict itself tells which request comes next; earlier ones will not be seen any more. */
static void renumber(struct conversations *t, uint32_t request)
{
	struct conversation *c = t->current;
	struct verdict **link = &c->verdicts;

	while (*link) {
		struct verdict *v;

		if ((*link)->stage != RECORD_AT_REQUEST) {
			link = &(*link)->next;
			continue;
		}
		v = verdict_unlink(link);
		if (v->verdict != RECORD_ALLOWED)
			tell_unseen(t, v);
		verdict_free(t, v);
	}
	c->requests = request;
	c->unnumbered = false;
}

/* Verdicts whose requests do not come: the oldest gives way. */
static void limit(struct conversations *t)
{
	struct verdict **link = &t->current->verdicts;
	unsigned n = 0;

	for (const struct verdict *v = *link; v; v = v->next)
		n++;
	while (*link && (*link)->stage != RECORD_AT_REQUEST)
		link = &(*link)->next;
	if (n >= VERDICTS_MAX && *link)
		verdict_free(t, verdict_unlink(link));
}

bool verdict_take(struct conversations *t, const struct record *r)
{
	struct conversation *c = t->current;
	struct verdict *v = verdict_new(t, r), **link = &c->verdicts;

	if (!v)
		return false;
	if (c->unnumbered && v->stage == RECORD_AT_REQUEST)
		renumber(t, v->request);
	if (apply_late(t, v)) {
		verdict_free(t, v);
		return true;
	}
	limit(t);
	while (*link)
		link = &(*link)->next;
	*link = v;
	return true;
}

void verdict_pair(struct conversations *t, struct exchange *x)
{
	struct conversation *c = t->current;
	const struct verdict *v = verdict_of_connect(c);
	struct verdict **link;

	x->number = c->requests++;
	if (!c->verdicts)
		return;
	link = find_request(c, x->number);
	if (*link)
		v = *link;
	if (v)
		exchange_verdict(x, v);
	if (*link)
		verdict_free(t, verdict_unlink(link));
}

const struct verdict *verdict_end(struct conversations *t)
{
	struct conversation *c = t->current;
	const struct verdict *last = NULL;

	verdict_settle(t, true);
	for (const struct verdict *v = c->verdicts; v && !c->denied; v = v->next) {
		if (v->verdict == RECORD_ALLOWED)
			continue;
		if (v->stage == RECORD_AT_REQUEST && c->lost)
			tell_unseen(t, v);
		else
			last = v;
	}
	return last;
}
