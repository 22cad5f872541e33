/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values one label has had, each as a small number. Bounded in count and length, and always printable UTF-8: a
 * value that finds no room, or is not of a closed vocabulary, is "other".
 */
#pragma once

#include "base/span.h"

#define WORDS_NAMED 64 /* beside "other" and what stands for an absent value */
#define WORD_SIZE   64 /* with the NUL; 15 bytes of a process name fill 60 at most when each is escaped */

enum { WORD_OTHER, WORD_ABSENT, WORDS_FIRST };

struct words {
	bool (*known)(const char *text); /* the closed vocabulary; NULL: any value is taken */
	unsigned count;
	char text[WORDS_FIRST + WORDS_NAMED][WORD_SIZE];
};

/* `absent` is what stands for a value that is absent or empty. */
void words_init(struct words *w, const char *absent, bool (*known)(const char *text));

/* The number of `value`, which is taken in when there is room for it. */
uint8_t words_take(struct words *w, struct span value);
