/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/words.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/escape.h"

#define ESCAPED_MAX 15 /* bytes taken of a value that needs escaping: a process name has no more */

void words_init(struct words *w, const char *absent, bool (*known)(const char *text))
{
	*w = (struct words){.known = known, .count = WORDS_FIRST};
	snprintf(w->text[WORD_OTHER], WORD_SIZE, "other");
	snprintf(w->text[WORD_ABSENT], WORD_SIZE, "%s", absent);
}

/* A byte or character that is not printable reads as in the text format (base/escape.h), a backslash stays. */
static void print(struct span value, char text[static WORD_SIZE])
{
	struct buffer b = {0};
	size_t plain = escape_plain(value);

	if (plain < value.length && value.length > ESCAPED_MAX)
		value.length = ESCAPED_MAX;
	if (plain < value.length) {
		escape_text(&b, value, ESCAPE_LOOSE);
		value = buffer_view(&b);
	}
	if (value.length >= WORD_SIZE)
		value.length = WORD_SIZE - 1;
	memcpy(text, value.data, value.length);
	text[value.length] = '\0';
	buffer_done(&b);
}

uint8_t words_take(struct words *w, struct span value)
{
	char text[WORD_SIZE];

	if (value.length == 0)
		return WORD_ABSENT;
	print(value, text);
	for (unsigned i = 0; i < w->count; i++)
		if (strcmp(w->text[i], text) == 0)
			return (uint8_t)i;
	if (w->count == WORDS_FIRST + WORDS_NAMED || (w->known && !w->known(text)))
		return WORD_OTHER;
	memcpy(w->text[w->count], text, WORD_SIZE);
	return (uint8_t)w->count++;
}
