/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from outside, cut anywhere, become lines. Bounded: a line that is too long is passed over. */
#pragma once

#include "base/buffer.h"

struct lines {
	size_t max;                                           /* bytes of a line, without its newline */
	void (*take)(void *context, const struct span *line); /* NULL: it was too long */
	void *context;

	struct buffer kept; /* private: what is not yet a line */
	bool skipping;      /* private: it is too long */
};

/* 0 or -ENOMEM. */
int lines_feed(struct lines *l, struct span bytes);

/*
 * The end. Returns what is behind the last newline, valid until the next call; absent: nothing, or it was too long.
 * Memory that ran out was told by lines_feed().
 */
struct span lines_rest(struct lines *l);

void lines_done(struct lines *l);
