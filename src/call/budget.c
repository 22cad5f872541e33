/* SPDX-License-Identifier: Apache-2.0 */
#include "call/budget.h"

#include <stdlib.h>

#define FIRST_SIZE 512

/* realloc() would leave a copy behind: move by hand and wipe. */
bool budget_grow(struct budget *g, struct buffer *b, size_t more)
{
	size_t capacity = b->capacity ? b->capacity : FIRST_SIZE;
	char *data;

	if (more <= b->capacity - b->length)
		return true;
	while (capacity - b->length < more)
		capacity *= 2;
	if (!budget_take(g, capacity))
		return false;
	data = malloc(capacity);
	if (!data) {
		g->used -= capacity;
		return false;
	}
	if (b->length)
		memcpy(data, b->data, b->length);
	if (b->data) {
		explicit_bzero(b->data, b->length);
		free(b->data);
		g->used -= b->capacity;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

void budget_release(struct budget *g, struct buffer *b)
{
	if (b->data) {
		explicit_bzero(b->data, b->length);
		free(b->data);
		g->used -= b->capacity;
	}
	*b = (struct buffer){0};
}
