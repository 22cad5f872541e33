/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of a conversation that wait for their responses, and what is known of lost ones. */
#include <stdlib.h>

#include "call/dialogue.h"

static const struct span request_lost = {"bytes of the request were not seen",
					 sizeof("bytes of the request were not seen") - 1};

void queue_append(struct conversation *c, struct exchange *x)
{
	*(c->last ? &c->last->next : &c->first) = x;
	c->last = x;
	c->pending++;
	c->called = true;
}

void queue_remove(struct conversation *c, struct exchange *x)
{
	struct exchange **link = &c->first, *before = NULL;

	while (*link != x) {
		before = *link;
		link = &before->next;
	}
	*link = x->next;
	if (c->last == x)
		c->last = before;
	c->pending--;
}

void queue_finish(struct conversations *t, struct exchange *x)
{
	struct conversation *c = t->current;

	queue_remove(c, x);
	if (c->sending == x)
		c->sending = NULL;
	if (c->receiving == x)
		c->receiving = NULL;
	exchange_emit(t, x);
}

void queue_finish_if_done(struct conversations *t, struct exchange *x)
{
	if (x->request_done && x->response_done)
		queue_finish(t, x);
}

/* Responses to come for requests no longer in the queue: only whether they have a body matters. */
static bool skips_push(struct conversation *c, bool has_no_body)
{
	unsigned i = (unsigned)(c->skip_first + c->skips) % SKIPPED_MAX;

	if (!c->skipped)
		c->skipped = calloc(1, SKIPPED_MAX / 8);
	if (!c->skipped || c->skips == SKIPPED_MAX)
		return false;
	c->skipped[i / 8] = (uint8_t)((c->skipped[i / 8] & ~(1U << i % 8)) | (unsigned)has_no_body << i % 8);
	c->skips++;
	return true;
}

bool skips_pop(struct conversation *c)
{
	unsigned i = c->skip_first;

	c->skip_first = (uint16_t)((i + 1) % SKIPPED_MAX);
	c->skips--;
	return c->skipped[i / 8] >> i % 8 & 1;
}

void queue_limit(struct conversations *t)
{
	struct conversation *c = t->current;
	struct exchange *x = c->first;

	if (c->pending <= PENDING_MAX)
		return;
	exchange_answer(x, ANSWER_UNPAIRED);
	if (!x->response_done && c->receiving != x && !skips_push(c, x->method == METHOD_HEAD)) {
		c->in.http.state = HTTP_OPAQUE;
		c->overrun = true;
	}
	queue_finish(t, x);
}

struct exchange *queue_add_lost(struct conversations *t, struct span reason)
{
	struct exchange *x = exchange_new(t, NULL, false);

	if (!x)
		return NULL;
	x->counted = t->current->unaccounted;
	t->current->unnumbered = true;
	t->current->unaccounted = false;
	exchange_incomplete(t, x, reason);
	queue_append(t->current, x);
	return x;
}

void direction_drop_head(struct conversations *t, struct direction *d)
{
	d->head = message_give(&t->pool, d->head);
}

void dialogue_account(struct conversations *t)
{
	struct conversation *c = t->current;

	if (!c->unaccounted && !c->prepaid) {
		t->counts.truncated += !c->unannounced;
		c->unaccounted = true;
	}
	c->prepaid = false;
}

void dialogue_explain_unmatched(struct conversations *t)
{
	struct conversation *c = t->current;
	struct exchange *x;

	for (; c->unmatched; c->unmatched--) {
		c->prepaid = c->prepaid || (c->unlocated && !c->unaccounted);
		x = queue_add_lost(t, request_lost);
		if (!x)
			return;
		x->call.has_response = true;
		x->call.status = c->unmatched_status;
		queue_finish(t, x);
	}
}

struct exchange *queue_oldest_unanswered(const struct conversation *c)
{
	struct exchange *x = c->first;

	while (x && x->response_done)
		x = x->next;
	return x;
}
