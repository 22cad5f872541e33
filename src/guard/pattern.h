/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns as a nondeterministic automaton: a row of nodes, through which a text moves from left to right. A set of
 * positions in it is what guard/automaton.c makes one state of.
 */
#pragma once

#include "base/buffer.h"

enum node_kind {
	NODE_BYTE,    /* this byte */
	NODE_FOLD,    /* this letter, small or capital */
	NODE_ANY,     /* any byte but '/' */
	NODE_HEX,     /* 0-9 a-f */
	NODE_SEGMENT, /* any number of bytes but '/' */
	NODE_NOT,     /* any number of bytes but this one */
	NODE_ALL,     /* any number of bytes */
	NODE_JUMP,    /* goes on at `to` */
	NODE_SKIP,    /* goes on at the next node and at `to` */
	NODE_PREFIX,  /* matched; '/' leads to the next node */
	NODE_REST,    /* matched, and remains so */
	NODE_END,     /* matched, if this is the end */
};

struct node {
	uint8_t kind; /* enum node_kind */
	uint8_t byte;
	uint32_t to; /* NODE_PREFIX, NODE_REST, NODE_END: which pattern it is */
};

struct nodes {
	struct node *node;
	uint32_t count, room;
	uint32_t *start; /* where patterns begin */
	uint32_t starts, starts_room;
	uint8_t *seen; /* scratch, by node */
	bool failed;   /* memory is out */
};

void nodes_done(struct nodes *n);

/* Appends a node, returns its place. */
uint32_t nodes_add(struct nodes *n, enum node_kind kind, uint8_t byte, uint32_t to);
/* What is appended next begins a pattern. */
void nodes_begin(struct nodes *n);
void nodes_text(struct nodes *n, struct span text, bool fold);
/* '*' within a segment, "**" over segments, '?' one byte; "/" + "**" + "/" is also one slash. */
void nodes_glob(struct nodes *n, const char *text);
/* One of the texts, which ends with a NULL. */
void nodes_choice(struct nodes *n, const char *const *texts);
/* As path_matches() reads it; the pattern's `id` is what it is told by. */
void nodes_path(struct nodes *n, const char *pattern, bool fold, uint32_t id);

/* A state is an array of uint32_t in rising order: places of nodes. Both append to `out`. */
void nodes_enter(struct nodes *n, struct buffer *out);
void nodes_step(struct nodes *n, struct span state, uint8_t c, struct buffer *out);
/* Calls `told` with the id of each pattern that is matched if the text ends here. */
void nodes_matched(const struct nodes *n, struct span state, void (*told)(void *data, uint32_t id), void *data);

/* Parts class_of[] so that bytes a node tells apart are in different classes. Returns how many there are now. */
unsigned nodes_classes(const struct nodes *n, uint8_t class_of[static 256], unsigned classes);
/* The same for one set of bytes. */
unsigned classes_split(uint8_t class_of[static 256], unsigned classes, const bool in[static 256]);
