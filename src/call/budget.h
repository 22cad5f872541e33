/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for bytes of other people: bounded over all conversations, and wiped before it is given back, because heads
 * and bodies carry tokens and keys.
 */
#pragma once

#include "base/buffer.h"

struct budget {
	size_t used, max;
};

/* Takes `size` bytes from the budget; false when they are not there. */
static inline bool budget_take(struct budget *g, size_t size)
{
	if (size > g->max || g->used > g->max - size)
		return false;
	g->used += size;
	return true;
}

/* Makes room for `more` bytes behind b->length. False: over the budget or out of memory; b is unchanged. */
bool budget_grow(struct budget *g, struct buffer *b, size_t more);

/* Wipes what was written and frees. */
void budget_release(struct budget *g, struct buffer *b);

static inline bool budget_append(struct budget *g, struct buffer *b, const void *data, size_t length)
{
	if (length > b->capacity - b->length && !budget_grow(g, b, length))
		return false;
	if (length)
		memcpy(b->data + b->length, data, length);
	b->length += length;
	return true;
}
