/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/tally.h"

#include <stdlib.h>

#define SLOTS (2U * TALLY_MAX)

/* FNV-1a. Whoever writes keys that meet makes it slow, at most TALLY_MAX steps a key. */
static uint32_t hash_of(struct span key)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < key.length; i++)
		h = (h ^ (uint8_t)key.data[i]) * 16777619U;
	return h;
}

static uint32_t *find(const struct tally *t, struct span key)
{
	uint32_t at = hash_of(key) % SLOTS;

	while (t->slot[at] && !span_equal(t->row[t->slot[at] - 1].key, key))
		at = (at + 1) % SLOTS;
	return &t->slot[at];
}

static bool make_room(struct tally *t)
{
	if (!t->row)
		t->row = calloc(TALLY_MAX, sizeof(*t->row));
	if (!t->slot)
		t->slot = calloc((size_t)SLOTS, sizeof(*t->slot));
	return t->row && t->slot;
}

static bool add_row(struct tally *t, struct span key, uint32_t *slot)
{
	char *copy = t->count < TALLY_MAX ? malloc(key.length + 1) : NULL;

	if (!copy)
		return false;
	if (key.length)
		memcpy(copy, key.data, key.length);
	copy[key.length] = '\0';
	t->row[t->count++] = (struct tally_row){.key = {copy, key.length}};
	*slot = t->count;
	return true;
}

static struct tally_row *row_of(struct tally *t, struct span key)
{
	uint32_t *slot = make_room(t) ? find(t, key) : NULL;

	return slot && (*slot || add_row(t, key, slot)) ? &t->row[*slot - 1] : NULL;
}

static void count(struct tally_row *row, uint64_t number, uint64_t first, uint64_t last)
{
	if (!row->count || first < row->first)
		row->first = first;
	if (last > row->last)
		row->last = last;
	row->count += number;
}

void tally_add_many(struct tally *t, struct span key, uint64_t number, uint64_t first, uint64_t last)
{
	struct tally_row *row = row_of(t, key);

	if (row)
		count(row, number, first, last);
	else
		t->others += number;
}

void tally_add(struct tally *t, struct span key, uint64_t time, uint64_t marks)
{
	struct tally_row *row = row_of(t, key);

	if (!row) {
		t->others++;
		return;
	}
	count(row, 1, time, time);
	row->marks |= marks;
}

void tally_put_part(struct buffer *key, struct span part)
{
	const char *end = part.length ? memchr(part.data, '\0', part.length) : NULL;

	if (part.length)
		buffer_append(key, part.data, end ? (size_t)(end - part.data) : part.length);
	buffer_byte(key, '\0');
}

struct span tally_take_part(struct span *key)
{
	size_t n = strnlen(key->data, key->length);
	struct span part = {n ? key->data : NULL, n};

	n += n < key->length;
	*key = (struct span){key->data + n, key->length - n};
	return part;
}

static int compare_keys(const void *a, const void *b)
{
	struct span x = ((const struct tally_row *)a)->key, y = ((const struct tally_row *)b)->key;
	int r = memcmp(x.data, y.data, x.length < y.length ? x.length : y.length);

	return r ? r : (x.length > y.length) - (x.length < y.length);
}

static int compare_counts(const void *a, const void *b)
{
	uint64_t x = ((const struct tally_row *)a)->count, y = ((const struct tally_row *)b)->count;

	return x == y ? compare_keys(a, b) : (x < y) - (x > y);
}

void tally_sort_by_count(struct tally *t)
{
	if (t->count)
		qsort(t->row, t->count, sizeof(*t->row), compare_counts);
}

void tally_sort_by_key(struct tally *t)
{
	if (t->count)
		qsort(t->row, t->count, sizeof(*t->row), compare_keys);
}

void tally_done(struct tally *t)
{
	for (unsigned i = 0; i < t->count; i++)
		free((char *)t->row[i].key.data);
	free(t->row);
	free(t->slot);
	*t = (struct tally){0};
}
