/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/family.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM_FIRST 16

static const struct {
	uint64_t ns; /* the upper bound, inclusive */
	const char *text;
} buckets[FAMILY_BUCKETS] = {
	{500000, "0.0005"},  {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
	{25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"}, {500000000, "0.5"},
	{1000000000, "1"},   {2500000000, "2.5"}, {5000000000, "5"},   {10000000000, "10"}, {UINT64_MAX, "+Inf"},
};

/* A histogram's series: the buckets, each without those below it, and the sum in ns. */
#define SUM FAMILY_BUCKETS

static size_t width_of(const struct family *f)
{
	return f->histogram ? FAMILY_BUCKETS + 1 : 1;
}

void family_done(struct family *f)
{
	free(f->series);
	free(f->values);
	f->series = NULL;
	f->values = NULL;
	f->count = f->room = 0;
}

static int compare(const struct family *f, const struct series *a, const struct series *b)
{
	for (unsigned i = 0; i < f->labels; i++) {
		const struct words *w = f->words[i];

		if (a->word[i] != b->word[i])
			return strcmp(w->text[a->word[i]], w->text[b->word[i]]);
	}
	return 0;
}

/* Where it is, or where it belongs. */
static unsigned search(const struct family *f, const struct series *s, bool *ret_found)
{
	unsigned low = 0, high = f->count;

	*ret_found = false;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = compare(f, &f->series[middle], s);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool make_room(struct family *f)
{
	unsigned room = f->room ? f->room * 2 : ROOM_FIRST;
	struct series *series;
	uint64_t *values;

	if (f->count < f->room)
		return true;
	series = realloc(f->series, room * sizeof(*series));
	if (!series)
		return false;
	f->series = series;
	values = realloc(f->values, room * width_of(f) * sizeof(*values));
	if (!values)
		return false;
	f->values = values;
	f->room = room;
	return true;
}

static uint64_t *insert(struct family *f, unsigned at, const struct series *s)
{
	size_t behind = f->count - at, width = width_of(f);

	if (!make_room(f))
		return NULL;
	memmove(f->series + at + 1, f->series + at, behind * sizeof(*f->series));
	memmove(f->values + (at + 1) * width, f->values + at * width, behind * width * sizeof(*f->values));
	f->series[at] = *s;
	memset(f->values + at * width, 0, width * sizeof(*f->values));
	f->count++;
	return f->values + at * width;
}

static struct series folded(const struct series *s, unsigned labels)
{
	struct series result = *s;

	for (unsigned i = 0; i < FAMILY_LABELS; i++)
		if (labels & 1U << i)
			result.word[i] = WORD_OTHER;
	return result;
}

/* What is folded last is bounded by the vocabulary of the labels that stay. */
static uint64_t *values_of(struct family *f, const struct series *s)
{
	const unsigned fold[] = {0, f->fold[0], f->fold[1]};
	const unsigned limit[] = {f->limit, 2 * f->limit, UINT32_MAX};

	for (unsigned i = 0; i < 3; i++) {
		struct series wanted = folded(s, fold[i]);
		bool found;
		unsigned at = search(f, &wanted, &found);

		if (found)
			return f->values + at * width_of(f);
		if (f->count < limit[i])
			return insert(f, at, &wanted);
	}
	return NULL;
}

bool family_count(struct family *f, const struct series *s)
{
	uint64_t *value = values_of(f, s);

	if (!value)
		return false;
	(*value)++;
	return true;
}

bool family_observe(struct family *f, const struct series *s, uint64_t ns)
{
	uint64_t *values = values_of(f, s);
	unsigned i = 0;

	if (!values)
		return false;
	while (ns > buckets[i].ns)
		i++;
	values[i]++;
	values[SUM] += ns;
	return true;
}

uint64_t family_sum(const struct family *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->count; i++)
		for (unsigned k = 0; k < (f->histogram ? FAMILY_BUCKETS : 1); k++)
			sum += f->values[i * width_of(f) + k];
	return sum;
}

void family_escape(struct buffer *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			buffer_byte(b, '\\');
		if (*text == '\n')
			buffer_string(b, "\\n");
		else
			buffer_byte(b, *text);
	}
}

void family_head(struct buffer *b, const char *name, const char *type, const char *help)
{
	buffer_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void family_seconds(struct buffer *b, uint64_t ns)
{
	char fraction[11];
	size_t n = 10;

	buffer_number(b, ns / 1000000000);
	if (ns % 1000000000 == 0)
		return;
	snprintf(fraction, sizeof(fraction), ".%09u", (unsigned)(ns % 1000000000));
	while (fraction[n - 1] == '0')
		n--;
	buffer_append(b, fraction, n);
}

/* NAME_suffix{label="value",…,le="le"} and a blank. */
static void put_name(const struct family *f, const struct series *s, const char *suffix, const char *le,
		     struct buffer *b)
{
	buffer_string(b, f->name);
	buffer_string(b, suffix);
	for (unsigned i = 0; i < f->labels; i++) {
		buffer_byte(b, i ? ',' : '{');
		buffer_string(b, f->label[i]);
		buffer_string(b, "=\"");
		family_escape(b, f->words[i]->text[s->word[i]]);
		buffer_byte(b, '"');
	}
	if (le)
		buffer_printf(b, ",le=\"%s\"", le);
	buffer_string(b, "} ");
}

static void put_histogram(const struct family *f, const struct series *s, const uint64_t *values, struct buffer *b)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < FAMILY_BUCKETS; i++) {
		count += values[i];
		put_name(f, s, "_bucket", buckets[i].text, b);
		buffer_number(b, count);
		buffer_byte(b, '\n');
	}
	put_name(f, s, "_sum", NULL, b);
	family_seconds(b, values[SUM]);
	buffer_byte(b, '\n');
	put_name(f, s, "_count", NULL, b);
	buffer_number(b, count);
	buffer_byte(b, '\n');
}

void family_write(const struct family *f, struct buffer *b)
{
	family_head(b, f->name, f->histogram ? "histogram" : "counter", f->help);
	for (size_t i = 0; i < f->count; i++) {
		if (f->histogram) {
			put_histogram(f, &f->series[i], f->values + i * width_of(f), b);
			continue;
		}
		put_name(f, &f->series[i], "", NULL, b);
		buffer_number(b, f->values[i]);
		buffer_byte(b, '\n');
	}
}
