/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/folded.h"

#include <errno.h>

#include <jansson.h>

#include "base/escape.h"

#define MS 1000000U

/* Absent: there is none, or it is no string. */
static struct span text_of(const json_t *row, const char *column)
{
	const json_t *value = json_object_get(row, column);

	return (struct span){json_string_value(value), json_string_length(value)};
}

static bool is(struct span s, const char *text)
{
	return s.data && span_equal(s, span_of(text));
}

static bool read_number(const json_t *row, const char *column, uint64_t max, uint64_t *ret_number)
{
	const json_t *value = json_object_get(row, column);
	json_int_t number = json_integer_value(value);

	*ret_number = (uint64_t)number;
	return json_is_integer(value) && number >= 0 && (uint64_t)number <= max;
}

static bool read_times(const json_t *row, struct folded *f)
{
	uint64_t first, last;

	if (!read_number(row, "count", INT64_MAX, &f->count) || f->count == 0 ||
	    !read_number(row, "first_seen", UINT64_MAX / MS, &first) ||
	    !read_number(row, "last_seen", UINT64_MAX / MS, &last) || last < first)
		return false;
	f->first = first * MS;
	f->last = last * MS;
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `digits` hexadecimal digits; -1: these are none. */
static int64_t take_hex(struct span s, size_t digits)
{
	int64_t value = 0;

	if (s.length < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (hex(s.data[i]) < 0)
			return -1;
		value = value << 4 | hex(s.data[i]);
	}
	return value;
}

static void put_utf8(struct buffer *b, uint32_t c)
{
	if (c < 0x80) {
		buffer_byte(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buffer_byte(b, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		buffer_byte(b, (char)(0xe0 | c >> 12));
		buffer_byte(b, (char)(0x80 | (c >> 6 & 0x3f)));
	} else {
		buffer_byte(b, (char)(0xf0 | c >> 18));
		buffer_byte(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buffer_byte(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buffer_byte(b, (char)(0x80 | (c & 0x3f)));
}

/* What stands behind a backslash; returns its bytes, 0: no escape_text() writes this. */
static size_t put_unescaped(struct buffer *b, struct span s)
{
	static const char letters[] = "\\\\n\nr\rt\t";
	static const struct {
		char letter;
		size_t digits;
	} forms[] = {{'x', 2}, {'u', 4}, {'U', 8}};

	for (const char *l = letters; *l && s.length; l += 2)
		if (s.data[0] == l[0]) {
			buffer_byte(b, l[1]);
			return 1;
		}
	for (unsigned i = 0; i < 3 && s.length; i++) {
		int64_t c = s.data[0] == forms[i].letter
				    ? take_hex((struct span){s.data + 1, s.length - 1}, forms[i].digits)
				    : -1;

		if (c < 0 || c > 0x10ffff)
			continue;
		if (forms[i].letter == 'x')
			buffer_byte(b, (char)c);
		else
			put_utf8(b, (uint32_t)c);
		return 1 + forms[i].digits;
	}
	return 0;
}

/* Takes back escape_text(). False: the text was cut, or is none that escape_text() writes of a name. */
static bool unescape(struct buffer *b, struct span s)
{
	static const struct span cut = SPAN_LITERAL("…");

	if (s.length >= cut.length && memcmp(s.data + s.length - cut.length, cut.data, cut.length) == 0)
		return false;
	for (size_t i = 0, n; i < s.length; i += n) {
		n = 1;
		if (s.data[i] != '\\') {
			buffer_byte(b, s.data[i]);
			continue;
		}
		n += put_unescaped(b, (struct span){s.data + i + 1, s.length - i - 1});
		if (n == 1)
			return false;
	}
	return !b->failed;
}

/* As the caller sent it; absent: not known. Valid as long as texts holds what it has. */
static struct span sent(struct buffer *texts, struct span s)
{
	size_t at = texts->length;

	if (!s.data || !unescape(texts, s) || memchr(texts->data + at, '\0', texts->length - at)) {
		texts->length = at;
		return (struct span){0};
	}
	return (struct span){texts->data + at, texts->length - at};
}

/* /proc marks the path of a program that was replaced; the guard sees the path without. */
static struct span path_of(struct span exe)
{
	static const struct span mark = SPAN_LITERAL(" (deleted)");

	if (!exe.length || exe.data[0] != '/')
		return (struct span){0};
	if (exe.length > mark.length && memcmp(exe.data + exe.length - mark.length, mark.data, mark.length) == 0)
		exe.length -= mark.length;
	return exe;
}

/* A name that is not in the key: no call has one, or there was but one call, or it is not known of all. */
static struct span of_all(const struct folded *f, struct buffer *texts, struct span last)
{
	if (!last.data)
		return SPAN_LITERAL("");
	return f->count == 1 ? sent(texts, last) : (struct span){0};
}

/* The key names the first of image, unit, pod and container that is known. */
static void read_place(const json_t *row, struct folded *f, struct buffer *texts)
{
	f->place_kind = text_of(row, "place_kind");
	f->place = text_of(row, "place");
	if (is(f->place_kind, "unit")) {
		f->unit = sent(texts, f->place);
		f->container = of_all(f, texts, text_of(row, "container"));
	} else if (is(f->place_kind, "container")) {
		f->unit = SPAN_LITERAL("");
		f->container = sent(texts, f->place);
		f->in_container = true;
	} else if (is(f->place_kind, "image")) {
		f->unit = of_all(f, texts, text_of(row, "unit"));
		f->in_container = true;
		f->container = of_all(f, texts, text_of(row, "container"));
	} else if (is(f->place_kind, "pod")) {
		f->unit = SPAN_LITERAL("");
		f->container = of_all(f, texts, text_of(row, "container"));
	}
	if (f->container.length)
		f->in_container = true;
}

/* "METHOD PATH" of a single call. */
static void read_request(struct folded *f, struct buffer *texts)
{
	struct span request = f->count == 1 ? sent(texts, f->request) : (struct span){0};
	const char *blank = request.length ? memchr(request.data, ' ', request.length) : NULL;
	size_t n = blank ? (size_t)(blank - request.data) : 0;

	if (!n || request.data[0] == '/')
		return;
	f->method = (struct span){request.data, n};
	f->path = (struct span){blank + 1, request.length - n - 1};
}

static bool read_row(const json_t *row, struct folded *f, struct buffer *texts)
{
	struct span id = text_of(row, "user_id"), verdict = text_of(row, "verdict");
	uint64_t uid = 0;

	if (!json_is_object(row) || !read_times(row, f) || !text_of(row, "class").data)
		return false;
	if (id.length && (!span_take_decimal(&id, &uid) || id.length || uid > UINT32_MAX))
		return false;
	f->has_user = text_of(row, "user_id").length > 0;
	f->uid = (uint32_t)uid;
	f->user = text_of(row, "user_name");
	f->executable = text_of(row, "executable");
	f->exe = path_of(sent(texts, f->executable));
	read_place(row, f, texts);
	f->service = text_of(row, "service");
	f->version = text_of(row, "version");
	f->class = text_of(row, "class");
	f->connect = is(f->class, "connect");
	f->tcp = !is(verdict, "denied") && !is(verdict, "would-deny");
	f->request = text_of(row, "request");
	read_request(f, texts);
	return true;
}

static void read_line(struct folded_reader *r, struct span line)
{
	json_t *row = json_loadb(line.data, line.length, JSON_ALLOW_NUL, NULL);
	struct folded f = {0};

	r->rows++;
	buffer_reset(&r->texts);
	/* What is taken of a line is never longer than it: spans into the buffer stay where they are. */
	if (!row || !buffer_reserve(&r->texts, line.length) || !read_row(row, &f, &r->texts))
		r->unusable++;
	else if (f.last >= r->since && f.first < r->before)
		r->row(r->context, &f);
	json_decref(row);
}

static void take_line(void *context, const struct span *line)
{
	struct folded_reader *r = context;

	if (line && line->length) {
		read_line(r, *line);
	} else if (!line) {
		r->rows++;
		r->unusable++;
	}
}

int folded_feed(struct folded_reader *r, struct span bytes)
{
	r->lines.max = FOLDED_LINE_MAX;
	r->lines.take = take_line;
	r->lines.context = r;
	return lines_feed(&r->lines, bytes);
}

int folded_end(struct folded_reader *r)
{
	bool torn = r->lines.kept.failed;

	if (r->lines.skipping || lines_rest(&r->lines).length) {
		r->rows++;
		r->unusable++;
	}
	return torn ? -ENOMEM : 0;
}

void folded_done(struct folded_reader *r)
{
	lines_done(&r->lines);
	buffer_done(&r->texts);
}
