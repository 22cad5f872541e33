/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#define ONES (~(uint64_t)0 / 0xff)
#define HIGH (ONES * 0x80)

struct range {
	uint32_t first, last;
};

/* Characters that are not shown as they are; ASCII is decided before. */
static const struct range unsafe[] = {
	{0x80, 0x9f},       /* C1 controls */
	{0xad, 0xad},       /* soft hyphen */
	{0x061c, 0x061c},   /* Arabic letter mark */
	{0x115f, 0x1160},   /* Hangul fillers */
	{0x17b4, 0x17b5},   /* Khmer inherent vowels */
	{0x180e, 0x180e},   /* Mongolian vowel separator */
	{0x200b, 0x200f},   /* zero width, left-to-right and right-to-left marks */
	{0x2028, 0x202e},   /* separators, embeddings and overrides */
	{0x2060, 0x206f},   /* invisible operators, isolates */
	{0x3164, 0x3164},   /* Hangul filler */
	{0xfeff, 0xfeff},   /* byte order mark */
	{0xffa0, 0xffa0},   /* half-width Hangul filler */
	{0xfff9, 0xfffb},   /* interlinear annotation */
	{0xe0000, 0xe0fff}, /* tags, variation selectors supplement */
};

static const struct range wide[] = {
	{0x1100, 0x115e}, {0x231a, 0x231b},   {0x2e80, 0x303e},   {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},
	{0xa960, 0xa97c}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
	{0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static const struct range combining[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

#define IN(ranges, c) in_ranges(ranges, sizeof(ranges) / sizeof((ranges)[0]), c)

static bool in_ranges(const struct range *ranges, size_t count, uint32_t c)
{
	for (size_t i = 0; i < count && ranges[i].first <= c; i++)
		if (c <= ranges[i].last)
			return true;
	return false;
}

/* The lead byte's length and payload; 0 when it leads nothing. */
static size_t lead_byte(unsigned char lead, uint32_t *ret_bits)
{
	if (lead >= 0xc2 && lead <= 0xdf) {
		*ret_bits = lead & 0x1f;
		return 2;
	}
	if (lead >= 0xe0 && lead <= 0xef) {
		*ret_bits = lead & 0x0f;
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		*ret_bits = lead & 0x07;
		return 4;
	}
	return 0;
}

size_t utf8_decode(struct span s, uint32_t *ret_character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = 0;
	size_t length;

	if (s.length == 0)
		return 0;
	if ((unsigned char)s.data[0] < 0x80) {
		*ret_character = (unsigned char)s.data[0];
		return 1;
	}
	length = lead_byte((unsigned char)s.data[0], &c);
	if (length == 0 || length > s.length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)s.data[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s.data[i] & 0x3f);
	}
	if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret_character = c;
	return length;
}

/* Printable ASCII but for '"' and '\\'. */
static const bool plain[256] = {
	[' '] = true,
	['!'] = true,
	['#' ... '['] = true,
	[']' ... '~'] = true,
};

static uint64_t zero_byte(uint64_t v)
{
	return (v - ONES) & ~v & HIGH;
}

size_t escape_plain(struct span s)
{
	size_t i = 0;
	uint64_t v;

	for (; i + sizeof(v) <= s.length; i += sizeof(v)) {
		memcpy(&v, s.data + i, sizeof(v));
		if ((((v + ONES) | v | (v - ONES * 0x20)) & HIGH) | zero_byte(v ^ (ONES * '"')) |
		    zero_byte(v ^ (ONES * '\\')))
			break;
	}
	while (i < s.length && plain[(unsigned char)s.data[i]])
		i++;
	return i;
}

static void put_hex(struct buffer *b, const char *prefix, uint32_t value, unsigned digits)
{
	buffer_string(b, prefix);
	while (digits-- > 0)
		buffer_byte(b, "0123456789abcdef"[value >> (4 * digits) & 0xf]);
}

static void json_character(struct buffer *b, uint32_t c)
{
	if (c < 0x10000) {
		put_hex(b, "\\u", c, 4);
		return;
	}
	put_hex(b, "\\u", 0xd800 + ((c - 0x10000) >> 10), 4);
	put_hex(b, "\\u", 0xdc00 + ((c - 0x10000) & 0x3ff), 4);
}

/* Appends the escaped or kept first character of s, which is not a plain byte; returns the bytes used. */
static size_t json_special(struct buffer *b, struct span s)
{
	uint32_t c = (unsigned char)s.data[0];
	size_t length = utf8_decode(s, &c);

	if (c == '"' || c == '\\') {
		buffer_byte(b, '\\');
		buffer_byte(b, (char)c);
	} else if (c == '\n') {
		buffer_append(b, "\\n", 2);
	} else if (length <= 1 || IN(unsafe, c)) {
		json_character(b, c);
	} else {
		buffer_append(b, s.data, length);
	}
	return length ? length : 1;
}

void escape_json(struct buffer *b, struct span s)
{
	while (s.length > 0) {
		size_t n = escape_plain(s);

		buffer_append(b, s.data, n);
		s.data += n;
		s.length -= n;
		if (s.length == 0)
			return;
		n = json_special(b, s);
		s.data += n;
		s.length -= n;
	}
}

static void text_ascii(struct buffer *b, unsigned char c, enum escape_style style)
{
	const char *letter = strchr("\nn\rr\tt", c);

	if (c != 0 && letter && c < 0x20) {
		buffer_byte(b, '\\');
		buffer_byte(b, letter[1]);
	} else if (c < 0x20 || c == 0x7f) {
		put_hex(b, "\\x", c, 2);
	} else {
		if (c == '\\' && style == ESCAPE_EXACT)
			buffer_byte(b, '\\');
		buffer_byte(b, (char)c);
	}
}

static size_t text_special(struct buffer *b, struct span s, enum escape_style style)
{
	uint32_t c = (unsigned char)s.data[0];
	size_t length = utf8_decode(s, &c);

	if (length == 0)
		put_hex(b, "\\x", c, 2);
	else if (length == 1)
		text_ascii(b, (unsigned char)c, style);
	else if (!IN(unsafe, c))
		buffer_append(b, s.data, length);
	else if (c < 0x10000)
		put_hex(b, "\\u", c, 4);
	else
		put_hex(b, "\\U", c, 8);
	return length ? length : 1;
}

void escape_text(struct buffer *b, struct span s, enum escape_style style)
{
	while (s.length > 0) {
		size_t n = escape_plain(s);

		buffer_append(b, s.data, n);
		s.data += n;
		s.length -= n;
		if (s.length == 0)
			return;
		n = text_special(b, s, style);
		s.data += n;
		s.length -= n;
	}
}

static size_t character_width(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (IN(combining, c))
		return 0;
	return IN(wide, c) ? 2 : 1;
}

/* The first character: its bytes (at least 1) and its columns. */
static size_t measure(struct span s, size_t *ret_columns)
{
	uint32_t c = 0;
	size_t length = utf8_decode(s, &c);

	*ret_columns = character_width(c);
	return length ? length : 1;
}

size_t text_width(struct span s)
{
	size_t width = 0;

	while (s.length > 0) {
		size_t columns = 1, n = 1;

		if ((unsigned char)s.data[0] >= 0x80)
			n = measure(s, &columns);
		width += columns;
		s.data += n;
		s.length -= n;
	}
	return width;
}

/* How many bytes from the start fill at most `columns`, *ret_width what they fill. */
static size_t take_columns(struct span s, size_t columns, size_t *ret_width)
{
	size_t used = 0;

	*ret_width = 0;
	while (used < s.length) {
		size_t width;
		size_t n = measure((struct span){s.data + used, s.length - used}, &width);

		if (*ret_width + width > columns)
			break;
		*ret_width += width;
		used += n;
	}
	return used;
}

/* How many bytes to leave out from the start so that the rest fills at most `columns`. */
static size_t skip_columns(struct span s, size_t width, size_t columns, size_t *ret_width)
{
	size_t skipped = 0;

	while (width > columns) {
		size_t w;

		skipped += measure((struct span){s.data + skipped, s.length - skipped}, &w);
		width -= w;
	}
	*ret_width = width;
	return skipped;
}

size_t text_fit(struct buffer *b, struct span s, size_t columns, size_t tail)
{
	size_t width = text_width(s), before, after, n;

	if (width <= columns) {
		buffer_span(b, s);
		return width;
	}
	if (columns == 0)
		return 0;
	if (tail > columns - 1)
		tail = columns - 1;
	n = take_columns(s, columns - 1 - tail, &before);
	buffer_append(b, s.data, n);
	buffer_string(b, "…");
	n = skip_columns(s, width, tail, &after);
	buffer_append(b, s.data + n, s.length - n);
	return before + 1 + after;
}
