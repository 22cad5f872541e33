/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from outside, made harmless. What is kept: printable characters of valid UTF-8. What is escaped: control
 * characters (C0, DEL, C1), line and paragraph separators, characters that reorder or hide text (bidirectional
 * controls, zero-width characters, tags), and every byte that is not part of valid UTF-8 (RFC 3629). The result is
 * therefore always valid UTF-8 on one line, and cannot move a terminal's cursor.
 */
#pragma once

#include "base/buffer.h"

/* Bytes of the character s starts with (1 to 4), or 0 when it starts with none or is empty. */
size_t utf8_decode(struct span s, uint32_t *ret_character);

/* Bytes from the start of s that need no escaping in JSON or text and are ASCII; looks at eight at a time. */
size_t escape_plain(struct span s);

/* Appends s as the inside of a JSON string. A byte outside valid UTF-8 becomes \u00XX of the byte. */
void escape_json(struct buffer *b, struct span s);

enum escape_style {
	ESCAPE_EXACT, /* a backslash is doubled: what was escaped can be told from what was sent so */
	ESCAPE_LOOSE, /* a backslash stays: for lines that must look as another program wrote them */
};

/* Appends s for a person to read: \n, \r, \t, \xXX of a byte, \uXXXX and \UXXXXXXXX of a character. */
void escape_text(struct buffer *b, struct span s, enum escape_style style);

/* Terminal columns that s fills; s is what escape_text() wrote. East Asian wide characters fill two. */
size_t text_width(struct span s);

/*
 * Appends s, which escape_text() wrote, in at most `columns` columns. When it does not fit, one "…" stands for what
 * was left out in front of the last `tail` columns (at most columns - 1 of them). Returns the columns filled.
 */
size_t text_fit(struct buffer *b, struct span s, size_t columns, size_t tail);
