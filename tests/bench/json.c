/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one event costs as JSON: the writer (src/base/json.c), and jansson building the same object and dumping it.
 * The object jansson works on is read from the writer's own line, so both write the same.
 *
 *	meson test -C build --benchmark --verbose json
 */
#include "sample.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 20000
#define RUNS   5

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static size_t write_event(const struct sample *s, struct buffer *b)
{
	const struct sink_context context = {.host_name = "ip-10-0-0-5.ec2.internal",
					     .host_id = "ec2f3a5d8f4c4d1b9c1e5a7d3b2f1a09"};

	buffer_reset(b);
	format_json.call(&context, &s->call, 123456, b);
	return b->length;
}

/* Builds the object anew, value by value, as a sink on top of jansson would. */
static json_t *build(json_t *like)
{
	const char *key;
	json_t *member, *made;
	size_t i;

	switch (json_typeof(like)) {
	case JSON_OBJECT:
		made = json_object();
		json_object_foreach(like, key, member) json_object_set_new(made, key, build(member));
		return made;
	case JSON_ARRAY:
		made = json_array();
		json_array_foreach(like, i, member) json_array_append_new(made, build(member));
		return made;
	case JSON_STRING:
		return json_stringn(json_string_value(like), json_string_length(like));
	case JSON_INTEGER:
		return json_integer(json_integer_value(like));
	default:
		return json_boolean(json_is_true(like));
	}
}

static size_t build_and_dump(json_t *like)
{
	json_t *event = build(like);
	char *text = json_dumps(event, JSON_COMPACT);
	size_t length = strlen(text);

	free(text);
	json_decref(event);
	return length;
}

int main(void)
{
	double ours = 0, theirs = 0;
	struct buffer b = {0};
	json_error_t error;
	struct sample s;
	json_t *like;
	size_t bytes = 0;

	sample_full(&s);
	write_event(&s, &b);
	like = json_loadb(b.data, b.length, 0, &error);
	if (!like)
		return 1;
	for (int run = 0; run < RUNS; run++) {
		double start = now(), middle, end;

		for (int i = 0; i < ROUNDS; i++)
			bytes += write_event(&s, &b);
		middle = now();
		for (int i = 0; i < ROUNDS; i++)
			bytes += build_and_dump(like);
		end = now();
		if (run == 0 || middle - start < ours)
			ours = middle - start;
		if (run == 0 || end - middle < theirs)
			theirs = end - middle;
	}
	printf("one event of %zu bytes: writer %.2f us, jansson %.2f us, ratio %.1f (best of %d runs of %d, %zu "
	       "bytes)\n",
	       b.length, ours / ROUNDS, theirs / ROUNDS, theirs / ours, RUNS, ROUNDS, bytes);
	json_decref(like);
	buffer_done(&b);
	return 0;
}
