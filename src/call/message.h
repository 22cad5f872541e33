/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head while it is being read: the scanner, and for requests the text kept for the event. Values of secret headers
 * never enter the text; they are kept apart until the call is built, to find copies of them elsewhere.
 */
#pragma once

#include "base/mask.h"
#include "bpf/head.h"
#include "call/budget.h"

/* Text of a head kept for the event. Decisions never depend on it: the scanner sees every byte. */
#define HEAD_TEXT_MAX     16384
/* Secret values kept until the call is built: the longest known tokens (JWT) have 2 KB. */
#define SECRETS_MAX       4096
/* And so many of them: looking for copies costs a pass over the text for each. */
#define SECRET_VALUES_MAX 8

struct message {
	struct head head;
	struct buffer text;    /* from the start line on; at most HEAD_TEXT_MAX and a marker */
	struct buffer secrets; /* each value ended by NUL */
	struct message *next;  /* in the pool */
	uint32_t agent_shift;  /* bytes the user agent stands earlier in the text than in the head */
	uint8_t secret_values; /* how many are in `secrets` */
	bool has_agent_shift;
	bool hiding;     /* in a secret value */
	bool cut;        /* the text is not the whole head */
	bool secret_cut; /* the last secret is not a whole value */
	bool candidate;  /* begun after a loss: perhaps no head at all */
	bool at_start;   /* begun with a segment's first byte */
};

/* Spare messages, with their buffers, so that an ordinary call needs no allocation here. */
struct message_pool {
	struct message *spare;
	unsigned count;
	struct budget *budget;
};

/* NULL when memory is out. */
struct message *message_take(struct message_pool *pool, enum head_kind kind);
/* Wipes and returns it; NULL is fine. Always NULL. */
struct message *message_give(struct message_pool *pool, struct message *m);
void message_pool_done(struct message_pool *pool);

/* Reads bytes up to the head's end; *ret_used says how many. */
enum head_result message_feed(struct message *m, struct budget *budget, const char *data, size_t length,
			      size_t *ret_used);

/* The text without the empty line at its end. */
struct span message_text(const struct message *m);
/* Spans of the text; absent when the text does not reach so far. */
struct span message_target(const struct message *m);
struct span message_agent(const struct message *m);
