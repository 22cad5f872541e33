/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the automata of a table: the states a source can be in are found byte by byte (subset construction, where the
 * source is patterns), states that cannot be told apart are made one, and so are bytes.
 */
#pragma once

#include "base/buffer.h"
#include "bpf/table.h"

/* What an automaton is made of. A state is bytes; states with the same bytes are the same. */
struct automaton_source {
	void *data;
	uint8_t class_of[256]; /* bytes that never make a difference have the same class */
	unsigned classes;
	void (*start)(void *data, struct buffer *ret_state);
	void (*step)(void *data, struct span state, uint8_t c, struct buffer *ret_state);
	/* A number for what is to be known of a text that ends in this state, or -errno. */
	int (*mark)(void *data, struct span state);
};

struct automaton_text {
	uint32_t count;
	uint16_t classes, start;
	uint8_t class_of[256];
	uint32_t *next; /* [state * classes + class] */
	int *mark;      /* [state] */
};

/* 0, -ENOMEM, what mark() returned, or -E2BIG when more states are needed than could be looked at. */
int automaton_build(const struct automaton_source *source, struct automaton_text *ret_text);
void automaton_text_done(struct automaton_text *a);
