/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/escape.h"

#define DAY_NS    86400000000000u
#define ROW_BYTES (sizeof(struct fold_row) + 64)

static const struct span cut_mark = SPAN_LITERAL("…");

static const size_t key_max[FOLD_KEYS] = {
	[FOLD_EXECUTABLE] = 4096, [FOLD_USER_ID] = 32, [FOLD_PLACE_KIND] = 16, [FOLD_PLACE] = 512, [FOLD_SERVICE] = 64,
	[FOLD_VERSION] = 16,      [FOLD_CLASS] = 32,   [FOLD_VERDICT] = 32,    [FOLD_SDK] = 128,
};

static const struct {
	enum row_field field;
	size_t max;
} text_of[FOLD_TEXTS] = {
	[FOLD_PROVIDER] = {ROW_PROVIDER, 64},
	[FOLD_PROGRAM] = {ROW_PROGRAM, 64},
	[FOLD_USER] = {ROW_USER, 256},
	[FOLD_UNIT] = {ROW_UNIT, 512},
	[FOLD_IMAGE] = {ROW_IMAGE, 512},
	[FOLD_CONTAINER] = {ROW_CONTAINER, 256},
	[FOLD_RUNTIME] = {ROW_RUNTIME, 32},
	[FOLD_POD] = {ROW_POD, 64},
	[FOLD_SDK_SUPPORTS_V2] = {ROW_SDK_SUPPORTS_V2, 8},
	[FOLD_ARGUMENTS] = {ROW_ARGUMENTS, ROW_ARGUMENTS_MAX},
	[FOLD_REQUEST] = {ROW_PATH, 512},
	[FOLD_REASON] = {ROW_REASON, 128},
	[FOLD_RULE] = {ROW_RULE, 256},
};

int fold_init(struct fold *f, size_t max_rows, size_t max_bytes)
{
	*f = (struct fold){.max_rows = max_rows, .max_bytes = max_bytes, .buckets = 1};
	while (f->buckets < max_rows)
		f->buckets *= 2;
	f->bucket = calloc(f->buckets, sizeof(void *));
	/* Callers choose the keys: which of them share a bucket must not be theirs to choose. */
	if (getrandom(&f->seed, sizeof(f->seed), GRND_NONBLOCK) != sizeof(f->seed))
		f->seed = (uintptr_t)f->bucket;
	return f->bucket ? 0 : -ENOMEM;
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static void free_row(struct fold *f, struct fold_row *row)
{
	f->bytes -= ROW_BYTES + row->key_length;
	for (unsigned i = 0; i < FOLD_TEXTS; i++) {
		f->bytes -= text_bytes(row->text[i]);
		free(row->text[i]);
	}
	f->rows--;
	free(row);
}

static void free_rows(struct fold *f)
{
	for (size_t i = 0; i < f->buckets && f->rows > 0; i++) {
		while (f->bucket[i]) {
			struct fold_row *row = f->bucket[i];

			f->bucket[i] = row->hash_next;
			free_row(f, row);
		}
	}
}

void fold_done(struct fold *f)
{
	if (f->bucket)
		free_rows(f);
	free(f->bucket);
	buffer_done(&f->key);
	buffer_done(&f->scratch);
	*f = (struct fold){0};
}

/* Cuts what was appended since `at` to `max` bytes, between two characters. */
static void cut(struct buffer *b, size_t at, size_t max)
{
	size_t end = at + max - cut_mark.length;

	if (b->failed || b->length - at <= max)
		return;
	while (end > at && ((unsigned char)b->data[end] & 0xc0) == 0x80)
		end--;
	b->length = end;
	buffer_span(b, cut_mark);
}

/* Appends at most `max` bytes. Every byte of `s` is at least one of the result, so no more of them are looked at. */
static void put(struct buffer *b, struct span s, size_t max)
{
	size_t at = b->length;

	if (s.length > max + 1)
		s.length = max + 1;
	escape_text(b, s, ESCAPE_EXACT);
	cut(b, at, max);
}

static struct span place_of(const struct row *row, struct span *ret_kind)
{
	static const struct {
		enum row_field field;
		struct span kind;
	} places[] = {
		{ROW_IMAGE, SPAN_LITERAL("image")},
		{ROW_UNIT, SPAN_LITERAL("unit")},
		{ROW_POD, SPAN_LITERAL("pod")},
		{ROW_CONTAINER, SPAN_LITERAL("container")},
	};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (row->field[places[i].field].length > 0) {
			*ret_kind = places[i].kind;
			return row->field[places[i].field];
		}
	}
	*ret_kind = SPAN_LITERAL("");
	return SPAN_LITERAL("");
}

static bool is_connect(const struct row *row)
{
	return span_equal(row->field[ROW_ACTION], SPAN_LITERAL("imds-connect"));
}

static void put_sdk(struct buffer *b, const struct row *row)
{
	size_t at = b->length;

	put(b, row->field[ROW_SDK], key_max[FOLD_SDK]);
	if (row->field[ROW_SDK_VERSION].length > 0) {
		buffer_byte(b, '/');
		put(b, row->field[ROW_SDK_VERSION], key_max[FOLD_SDK]);
	}
	cut(b, at, key_max[FOLD_SDK]);
}

static void put_key(struct buffer *b, const struct row *row)
{
	const struct span *field = row->field;
	struct span kind, place = place_of(row, &kind);
	const struct span keys[FOLD_SDK] = {
		[FOLD_EXECUTABLE] = field[ROW_EXECUTABLE].length ? field[ROW_EXECUTABLE] : field[ROW_PROGRAM],
		[FOLD_USER_ID] = field[ROW_USER_ID],
		[FOLD_PLACE_KIND] = kind,
		[FOLD_PLACE] = place,
		[FOLD_SERVICE] = field[ROW_SERVICE],
		[FOLD_VERSION] = field[ROW_VERSION],
		[FOLD_CLASS] = is_connect(row) ? SPAN_LITERAL("connect") : field[ROW_CLASS],
		[FOLD_VERDICT] = field[ROW_VERDICT],
	};

	buffer_reset(b);
	for (unsigned i = 0; i < FOLD_SDK; i++) {
		put(b, keys[i], key_max[i]);
		buffer_byte(b, '\0');
	}
	put_sdk(b, row);
	buffer_byte(b, '\0');
}

/* FNV-1a, eight bytes at a time, finished as MurmurHash3 does. */
static uint64_t hash_of(const struct fold *f, struct span key)
{
	uint64_t hash = f->seed ^ 0xcbf29ce484222325u, word = 0;

	for (; key.length >= 8; key = (struct span){key.data + 8, key.length - 8}) {
		memcpy(&word, key.data, 8);
		hash = (hash ^ word) * 0x100000001b3u;
		hash ^= hash >> 32;
	}
	word = key.length;
	memcpy(&word, key.data, key.length);
	hash = (hash ^ word ^ ((uint64_t)key.length << 56)) * 0x100000001b3u;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdu;
	return hash ^ (hash >> 33);
}

static struct fold_row *find(const struct fold *f, struct span key, uint64_t hash)
{
	struct fold_row *row = f->bucket[hash & (f->buckets - 1)];

	while (row &&
	       (row->hash != hash || row->key_length != key.length || memcmp(row->key, key.data, key.length) != 0))
		row = row->hash_next;
	return row;
}

/* Makes room by forgetting rows the database has. */
static void drop_clean(struct fold *f)
{
	for (size_t i = 0; i < f->buckets; i++) {
		struct fold_row **link = &f->bucket[i], *row;

		while ((row = *link)) {
			if (row->dirty) {
				link = &row->hash_next;
				continue;
			}
			*link = row->hash_next;
			free_row(f, row);
		}
	}
}

static bool has_room(const struct fold *f, size_t bytes)
{
	return f->rows < f->max_rows && f->bytes + bytes <= f->max_bytes;
}

static int insert(struct fold *f, struct span key, uint64_t hash, struct fold_row **ret_row)
{
	size_t bytes = ROW_BYTES + key.length + ROW_ARGUMENTS_MAX;
	struct fold_row *row;

	if (!has_room(f, bytes) && f->rows > f->dirty_rows)
		drop_clean(f);
	if (!has_room(f, bytes))
		return -ENOBUFS;
	row = calloc(1, sizeof(*row) + key.length);
	if (!row)
		return -ENOMEM;
	row->hash = hash;
	row->key_length = key.length;
	memcpy(row->key, key.data, key.length);
	row->hash_next = f->bucket[hash & (f->buckets - 1)];
	f->bucket[hash & (f->buckets - 1)] = row;
	f->rows++;
	f->bytes += ROW_BYTES + key.length;
	*ret_row = row;
	return 0;
}

static void put_text(struct buffer *b, const struct row *row, enum fold_text text)
{
	struct span value = row->field[text_of[text].field];

	buffer_reset(b);
	if (text == FOLD_REQUEST && value.data && row->field[ROW_METHOD].data) {
		put(b, row->field[ROW_METHOD], 32);
		buffer_byte(b, ' ');
	}
	put(b, value, text_of[text].max);
}

/* Keeps the old text when there is no new one, or no memory for it. */
static void take_text(struct fold *f, struct fold_row *row, const struct row *from, enum fold_text text)
{
	struct buffer *b = &f->scratch;
	char *copy;

	if (from->field[text_of[text].field].length == 0)
		return;
	put_text(b, from, text);
	buffer_byte(b, '\0');
	if (b->failed || (row->text[text] && strcmp(row->text[text], b->data) == 0))
		return;
	copy = malloc(b->length);
	if (!copy)
		return;
	memcpy(copy, b->data, b->length);
	f->bytes += b->length - text_bytes(row->text[text]);
	free(row->text[text]);
	row->text[text] = copy;
}

/* Of the last call that has them. Where no call had one, one that comes late is the last that has it. */
static void take_texts(struct fold *f, struct fold_row *row, const struct row *from)
{
	bool last = from->time >= row->last;

	if (last)
		row->last = from->time;
	for (unsigned i = 0; i < FOLD_TEXTS; i++)
		if (last || !row->text[i])
			take_text(f, row, from, (enum fold_text)i);
}

static void count_status(struct fold_counts *c, uint32_t status)
{
	unsigned i = 0;

	while (i < c->statuses && c->status[i].status != status)
		i++;
	if (i == FOLD_STATUSES) {
		i--;
		c->status[i].status = 0;
	}
	if (i == c->statuses) {
		c->status[i].status = status;
		c->status[i].count = 0;
		c->statuses++;
	}
	c->status[i].count++;
}

static unsigned cause_of(struct span name)
{
	for (unsigned i = CAUSE_NONE + 1; i < FOLD_CAUSES; i++)
		if (span_equal(name, span_of(call_cause_name((enum call_cause)i))))
			return i;
	return CAUSE_UNKNOWN;
}

static void count_delay(struct fold_counts *c, uint64_t delay)
{
	if (c->delays == 0 || delay < c->delay_min)
		c->delay_min = delay;
	if (delay > c->delay_max)
		c->delay_max = delay;
	c->delay_sum += delay;
	c->delays++;
}

static void count(struct fold_counts *c, const struct row *row)
{
	struct span outcome = row->field[ROW_OUTCOME];

	if (c->count == 0 || row->time < c->first)
		c->first = row->time;
	if (row->time > c->last)
		c->last = row->time;
	c->count++;
	c->failed += span_equal(outcome, SPAN_LITERAL("failure"));
	c->unanswered += span_equal(outcome, SPAN_LITERAL("unknown"));
	c->incomplete += !(row->flags & ROW_COMPLETE);
	c->forwarded += (row->flags & ROW_FORWARDED) != 0;
	if (row->flags & ROW_HAS_STATUS)
		count_status(c, row->status);
	if (row->flags & ROW_HAS_DURATION)
		count_delay(c, row->duration);
	if (row->field[ROW_CAUSE].data)
		c->cause[cause_of(row->field[ROW_CAUSE])]++;
}

static struct fold_day *day_of(struct fold *f, uint64_t day)
{
	for (unsigned i = 0; i < f->days; i++)
		if (f->day[i].day == day)
			return &f->day[i];
	if (f->days == FOLD_DAYS)
		return NULL;
	f->day[f->days] = (struct fold_day){.day = day};
	return &f->day[f->days++];
}

static void count_day(struct fold_day *d, const struct row *row)
{
	const struct span version = row->field[ROW_VERSION], verdict = row->field[ROW_VERDICT];

	d->denied += span_equal(verdict, SPAN_LITERAL("denied"));
	d->would_deny += span_equal(verdict, SPAN_LITERAL("would-deny"));
	if (is_connect(row)) {
		d->connects++;
		return;
	}
	d->calls++;
	d->calls_v1 += span_equal(version, SPAN_LITERAL("v1"));
	d->calls_v2 += span_equal(version, SPAN_LITERAL("v2"));
	d->calls_unknown += span_equal(version, SPAN_LITERAL("unknown"));
}

int fold_add(struct fold *f, const struct row *from)
{
	struct fold_row *row;
	struct fold_day *day;
	struct span key;
	uint64_t hash;
	int r = 0;

	put_key(&f->key, from);
	if (f->key.failed)
		return -ENOMEM;
	key = buffer_view(&f->key);
	hash = hash_of(f, key);
	day = day_of(f, from->time / DAY_NS);
	row = find(f, key, hash);
	if (!row)
		r = day ? insert(f, key, hash, &row) : -ENOBUFS;
	if (r < 0 || !day)
		return r < 0 ? r : -ENOBUFS;
	if (!row->dirty) {
		row->dirty = true;
		row->dirty_next = f->dirty;
		f->dirty = row;
		f->dirty_rows++;
	}
	count(&row->now, from);
	count_day(day, from);
	f->events++;
	take_texts(f, row, from);
	return 0;
}

bool fold_is_pressed(const struct fold *f)
{
	return f->dirty_rows > f->max_rows / 2 || (f->bytes > f->max_bytes / 2 && f->dirty_rows > f->rows / 2) ||
	       f->days > FOLD_DAYS / 2;
}

void fold_clean(struct fold *f)
{
	struct fold_row *next;

	for (struct fold_row *row = f->dirty; row; row = next) {
		next = row->dirty_next;
		row->dirty = false;
		row->dirty_next = NULL;
		row->now = (struct fold_counts){0};
	}
	f->dirty = NULL;
	f->dirty_rows = 0;
	f->events = 0;
	f->days = 0;
	if (f->rows > f->max_rows / 2 || f->bytes > f->max_bytes / 2)
		drop_clean(f);
}

void fold_forget_ids(struct fold *f)
{
	for (size_t i = 0; i < f->buckets; i++)
		for (struct fold_row *row = f->bucket[i]; row; row = row->hash_next)
			row->id = 0;
}

void fold_row_keys(const struct fold_row *row, const char *keys[static FOLD_KEYS])
{
	const char *at = row->key;

	for (unsigned i = 0; i < FOLD_KEYS; i++) {
		keys[i] = at;
		at += strlen(at) + 1;
	}
}
