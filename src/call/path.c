/* SPDX-License-Identifier: Apache-2.0 */
#include "call/path.h"

#include <strings.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The absolute form's "scheme://authority", as a length; 0 for the origin form. */
static size_t prefix_length(struct span t)
{
	size_t i = 0;

	if (t.length == 0 || t.data[0] == '/')
		return 0;
	while (i < t.length && t.data[i] != ':' && t.data[i] != '/' && t.data[i] != '?')
		i++;
	if (i + 3 > t.length || memcmp(t.data + i, "://", 3) != 0)
		return 0;
	for (i += 3; i < t.length; i++)
		if (t.data[i] == '/' || t.data[i] == '?' || t.data[i] == '#')
			break;
	return i;
}

void path_split(struct span target, struct span *ret_path, struct span *ret_query)
{
	size_t prefix = prefix_length(target);
	struct span s = {target.data + prefix, target.length - prefix};
	const char *mark = s.length ? memchr(s.data, '?', s.length) : NULL;

	*ret_query = (struct span){0};
	if (mark) {
		*ret_query = (struct span){mark + 1, s.length - (size_t)(mark + 1 - s.data)};
		s.length = (size_t)(mark - s.data);
	}
	*ret_path = s;
}

/* Removes the segment behind the last slash, and that slash. */
static void drop_segment(struct path *p)
{
	while (p->length && p->text[p->length - 1] != '/')
		p->length--;
	if (p->length)
		p->length--;
}

/* The segment that starts at `start` is complete: keep it, unless it is empty or a dot segment. */
static void end_segment(struct path *p, size_t start)
{
	const char *s = p->text + start;
	size_t length = p->length - start;

	if (length > 2 || (length == 2 && memcmp(s, "..", 2) != 0) || (length == 1 && s[0] != '.'))
		return;
	p->length = start ? start - 1 : 0;
	if (length == 2)
		drop_segment(p);
}

static char next_byte(struct span s, size_t *i)
{
	char c = s.data[(*i)++];

	if (c != '%' || *i + 2 > s.length || hex(s.data[*i]) < 0 || hex(s.data[*i + 1]) < 0)
		return c;
	c = (char)((unsigned)hex(s.data[*i]) << 4 | (unsigned)hex(s.data[*i + 1]));
	*i += 2;
	return c;
}

void path_init(struct path *p, struct span target)
{
	struct span path, query;
	size_t start = 0, i = 0;

	p->length = 0;
	p->cut = false;
	path_split(target, &path, &query);
	while (i < path.length && path.data[i] != '#') {
		char c = next_byte(path, &i);

		if (p->length + 1 >= PATH_SIZE) {
			p->cut = true;
			return;
		}
		if (c != '/') {
			p->text[p->length++] = c;
			continue;
		}
		end_segment(p, start);
		if (p->length)
			p->text[p->length++] = '/';
		start = p->length;
	}
	end_segment(p, start);
	if (p->length && p->text[p->length - 1] == '/')
		p->length--;
}

static size_t pattern_segment(const char *pattern)
{
	size_t n = 0;

	while (pattern[n] && pattern[n] != '/' && pattern[n] != '$')
		n++;
	return n;
}

static bool segment_matches(const char *s, size_t length, const char *pattern, size_t n, bool fold_case)
{
	if (n == 1 && pattern[0] == '*')
		return true;
	if (n != length)
		return false;
	return fold_case ? strncasecmp(s, pattern, n) == 0 : memcmp(s, pattern, n) == 0;
}

static size_t path_segment(const struct path *p, size_t at)
{
	const char *slash = memchr(p->text + at, '/', p->length - at);

	return slash ? (size_t)(slash - p->text) - at : p->length - at;
}

static bool matches_at(const struct path *p, size_t at, const char *pattern, bool fold_case)
{
	size_t n, length;

	while (at < p->length) {
		n = pattern_segment(pattern);
		length = path_segment(p, at);
		if (!segment_matches(p->text + at, length, pattern, n, fold_case))
			return false;
		at += length + 1;
		pattern += n;
		if (*pattern == '$')
			return at > p->length && !p->cut;
		if (*pattern == '\0')
			return true;
		pattern++;
	}
	return false;
}

static bool matches_end(const struct path *p, const char *pattern, bool fold_case)
{
	size_t segments = 1, at = p->length;

	for (const char *c = pattern; *c; c++)
		segments += *c == '/';
	while (at > 0) {
		if (p->text[at - 1] == '/' && --segments == 0)
			break;
		at--;
	}
	return matches_at(p, at, pattern, fold_case);
}

bool path_matches(const struct path *p, const char *pattern, bool fold_case)
{
	if (strncmp(pattern, "**/", 3) == 0)
		return matches_end(p, pattern + 3, fold_case);
	return matches_at(p, 0, pattern, fold_case);
}
