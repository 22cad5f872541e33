/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/check.h"

#include <string.h>
#include <strings.h>

#include "guard/selector.h"

/* Always known: neither an allow nor a deny is in doubt about them. */
#define SURE (SELECTOR_BIT(SELECT_USER) | SELECTOR_BIT(SELECT_ADDRESS))

static bool is_pattern(const char *text)
{
	return strpbrk(text, "*?") != NULL;
}

/* Is the segment at `b` one that `a` stands for? Both end with '/' or the text. */
static bool segment_covers(const char *a, size_t a_length, const char *b, size_t b_length)
{
	if (a_length == 1 && *a == '*')
		return true;
	return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* Prefixes by segments; of an empty one everything is below. */
static bool path_covers(const char *a, const char *b)
{
	while (*a) {
		size_t n = strcspn(a, "/"), m = strcspn(b, "/");

		if (!*b || !segment_covers(a, n, b, m))
			return false;
		a += n + (a[n] == '/');
		b += m + (b[m] == '/');
	}
	return true;
}

static bool cgroup_covers(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

static bool container_covers(const char *a, const char *b)
{
	return strcmp(a, "*") == 0 || strcmp(a, b) == 0 ||
	       (selector_is_id_prefix(a) && selector_is_id_prefix(b) && strncmp(a, b, strlen(a)) == 0);
}

static bool glob_covers(const char *a, const char *b)
{
	if (strcmp(a, b) == 0 || strcmp(a, "**") == 0 || strcmp(a, "/**") == 0)
		return true;
	return !is_pattern(b) && selector_glob(a, span_of(b));
}

static bool address_covers(const struct selector_value *a, const struct selector_value *b)
{
	return a->bits <= b->bits && selector_address_matches(a, b->ip);
}

/* Does what `b` names satisfy `a`, whatever it is? */
static bool value_covers(enum selector_kind kind, const struct selector_value *a, const struct selector_value *b)
{
	switch (kind) {
	case SELECT_USER:
	case SELECT_GROUP:
		return b->from > b->to || (a->from <= b->from && b->to <= a->to);
	case SELECT_EXE:
	case SELECT_UNIT:
		return glob_covers(a->text, b->text);
	case SELECT_CONTAINER:
		return container_covers(a->text, b->text);
	case SELECT_CGROUP:
		return cgroup_covers(a->text, b->text);
	case SELECT_PATH:
		return path_covers(a->text, b->text);
	case SELECT_METHOD:
		return strcmp(a->text, b->text) == 0;
	case SELECT_ADDRESS:
		return address_covers(a, b);
	default:
		return a->from == b->from;
	}
}

static bool values_cover(const struct selector *a, const struct selector *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		unsigned k = 0;

		while (k < a->count && !value_covers(a->kind, &a->value[k], &b->value[i]))
			k++;
		if (k == a->count)
			return false;
	}
	return true;
}

/* Surely nothing satisfies both. Groups: a process has many. */
static bool values_differ(enum selector_kind kind, const struct selector_value *a, const struct selector_value *b)
{
	switch (kind) {
	case SELECT_USER:
		return a->from > a->to || b->from > b->to || a->to < b->from || b->to < a->from;
	case SELECT_EXE:
	case SELECT_UNIT:
		return !is_pattern(a->text) && !is_pattern(b->text) && strcmp(a->text, b->text) != 0;
	case SELECT_METHOD:
		return strcmp(a->text, b->text) != 0;
	case SELECT_ADDRESS:
		return a->bits == 128 && b->bits == 128 && memcmp(a->ip, b->ip, sizeof(a->ip)) != 0;
	case SELECT_SERVICE:
	case SELECT_VERSION:
	case SELECT_CLASS:
		return a->from != b->from;
	default:
		return false;
	}
}

static bool are_apart(const struct selector *a, const struct selector *b)
{
	for (unsigned i = 0; i < a->count; i++)
		for (unsigned k = 0; k < b->count; k++)
			if (!values_differ(a->kind, &a->value[i], &b->value[k]))
				return false;
	return true;
}

/* What satisfies `b` satisfies `a`. */
static bool follows(const struct selector *a, const struct selector *b)
{
	if (a->kind != b->kind)
		return false;
	if (!a->negated && !b->negated)
		return values_cover(a, b);
	if (a->negated && b->negated)
		return values_cover(b, a);
	return a->negated && are_apart(a, b);
}

static bool hides(const struct rule *a, const struct rule *b)
{
	bool sure = true;

	for (unsigned i = 0; i < a->count; i++) {
		unsigned k = 0;

		while (k < b->count && !follows(&a->selectors[i], &b->selectors[k]))
			k++;
		if (k == b->count)
			return false;
		sure &= (SELECTOR_BIT(a->selectors[i].kind) & SURE) != 0;
	}
	/* A deny takes what it knows nothing of; an allow in front of it does not. */
	return sure || a->deny || !b->deny;
}

unsigned check_hidden(const struct rules *rules, unsigned rule)
{
	for (unsigned i = 0; i < rule; i++)
		if (hides(&rules->rule[i], &rules->rule[rule]))
			return i;
	return TABLE_NONE;
}

static bool is_contradiction(const struct selector *a, const struct selector *b)
{
	if (a->kind != b->kind || (a->negated && b->negated))
		return false;
	if (!a->negated && !b->negated)
		return are_apart(a, b);
	return a->negated ? values_cover(a, b) : values_cover(b, a);
}

/* Only what is known for sure makes a deny impossible. */
bool check_impossible(const struct rule *rule)
{
	for (unsigned i = 0; i < rule->count; i++)
		for (unsigned k = 0; k < rule->count; k++) {
			const struct selector *a = &rule->selectors[i], *b = &rule->selectors[k];

			if (i != k && is_contradiction(a, b) && (!rule->deny || SELECTOR_BIT(a->kind) & SURE))
				return true;
		}
	return false;
}
