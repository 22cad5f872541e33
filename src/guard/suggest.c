/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/suggest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "caller/container.h"
#include "guard/rehearsal.h"
#include "guard/selector.h"

/* Whatever is asked, the request has to be read for it. */
const char suggest_rules[] = "deny class token\n";

/* The last byte of a key: one rule each. In the order they are written. */
enum part {
	PART_ALL = '0',    /* what was asked could not be read, or there is no request to read */
	PART_V2 = '2',     /* of services with versions */
	PART_OTHER = '3',  /* of services without */
	PART_V1 = '4',     /* as PART_V2 */
	PART_NOTHING = '5' /* connected, and asked nothing */
};

/* The marks of a row: bit n is enum call_class n, bit SERVICES + n is the service of row n. */
#define SERVICES  16

#define VALUE_MAX 1000 /* bytes, less than a word of a rule file may have */

/* Bytes that end a value, or mean something in one. '?' in a pattern is any one byte. */
static bool is_plain(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != ',' && c != '*' && c != '?';
}

/* False: no rule can name it so. `pattern`: '?' may stand for what cannot be written. */
static bool add_value(struct buffer *b, enum selector_kind kind, struct span text, bool pattern)
{
	static const struct rules_names names = {0};
	struct problem problem;
	struct selector_value value;
	char word[VALUE_MAX + 1];

	if (text.length == 0 || text.length > VALUE_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		/* A '#' at the start begins a comment. */
		bool plain = is_plain((unsigned char)text.data[i]) && (i > 0 || text.data[i] != '#');

		if (!plain && !pattern)
			return false;
		word[i] = plain ? text.data[i] : '?';
	}
	word[text.length] = '\0';
	if (selector_value_parse(kind, word, &names, &value, &problem) < 0)
		return false;
	free(value.text);
	buffer_printf(b, "%s ", selector_name(kind));
	buffer_append(b, word, text.length);
	return true;
}

static bool ends(struct span s, const char *end)
{
	size_t n = strlen(end);

	return s.length >= n && memcmp(s.data + s.length - n, end, n) == 0;
}

/* Is it the same at the next start, and not a user's own? */
static bool is_lasting(struct span unit)
{
	return ends(unit, ".service") && !span_starts(unit, SPAN_LITERAL("user@")) &&
	       !span_starts(unit, SPAN_LITERAL("run-"));
}

/* The selectors that name the caller. */
static void add_caller(struct buffer *b, const struct question *q)
{
	struct container c = {0};

	if (q->cgroup.data)
		container_parse(q->cgroup, &c);
	if (is_lasting(span_of(c.unit)) && add_value(b, SELECT_UNIT, span_of(c.unit), true))
		return;
	if (add_value(b, SELECT_CONTAINER, span_of(c.id), false))
		return;
	if (add_value(b, SELECT_EXE, q->exe, true))
		buffer_byte(b, ' ');
	buffer_printf(b, "user %" PRIu32, q->uid);
}

static enum part part_of(const struct observation *o, const struct answer *a, uint64_t *ret_marks)
{
	const struct asked *asked = &a->asked;

	*ret_marks = 0;
	if (!o->request)
		return a->at_connect && a->decision.verdict == DECISION_LATER ? PART_NOTHING : PART_ALL;
	if (a->at_connect || !asked->known || !asked->class || !asked->service || asked->version == VERSION_UNKNOWN)
		return PART_ALL;
	*ret_marks = 1ULL << asked->class | 1ULL << (SERVICES + asked->service - 1);
	if (asked->version == VERSION_NONE)
		return PART_OTHER;
	return asked->version == VERSION_V1 ? PART_V1 : PART_V2;
}

void suggest_take(void *context, const struct observation *o)
{
	struct suggestion *s = context;
	struct buffer key = {0};
	struct answer answer;
	uint32_t doubts;
	uint64_t marks;
	enum part part;

	if (!o->has_caller) {
		s->nobody++;
		return;
	}
	if (rehearsal_ask(s->table, s->endpoints, o, &answer, &doubts) < 0) {
		s->outside++;
		return;
	}
	part = part_of(o, &answer, &marks);
	add_caller(&key, &o->question);
	buffer_byte(&key, '\0');
	buffer_byte(&key, (char)part);
	if (key.failed)
		s->tally.others++;
	else
		tally_add(&s->tally, buffer_view(&key), o->time, marks);
	buffer_done(&key);
}

static void add_names(struct buffer *out, const char *what, uint64_t marks, const char *(*name)(unsigned n))
{
	char before = ' ';

	buffer_printf(out, " %s", what);
	for (unsigned i = 0; i < 64 && name(i); i++)
		if (marks >> i & 1) {
			buffer_byte(out, before);
			buffer_string(out, name(i));
			before = ',';
		}
}

/* From 1. */
static const char *class_at(unsigned n)
{
	return n + 1 <= CLASS_OTHER ? call_class_name((enum call_class)(n + 1)) : NULL;
}

static const char *service_at(unsigned n)
{
	const struct service *s = service_of_row(n);

	return s ? service_name(s) : NULL;
}

static enum part part_at(const struct tally_row *row)
{
	return (enum part)row->key.data[row->key.length - 1];
}

static struct span caller_at(const struct tally_row *row)
{
	return (struct span){row->key.data, row->key.length - 2};
}

static void add_what(struct buffer *out, const struct tally_row *row)
{
	switch (part_at(row)) {
	case PART_V2:
	case PART_V1:
		buffer_string(out, part_at(row) == PART_V1 ? " v1" : " v2");
		add_names(out, "class", (row->marks & ((1ULL << SERVICES) - 1)) >> 1, class_at);
		break;
	case PART_OTHER:
		add_names(out, "class", (row->marks & ((1ULL << SERVICES) - 1)) >> 1, class_at);
		add_names(out, "service", row->marks >> SERVICES, service_at);
		break;
	case PART_NOTHING:
		buffer_string(out, " class metadata");
		break;
	default:
		break;
	}
}

static const char *remark_of(enum part part)
{
	switch (part) {
	case PART_ALL:
		return "; not all of it could be read, or was to an endpoint's port: it may ask everything";
	case PART_NOTHING:
		return "; it connects, and asks nothing";
	default:
		return "";
	}
}

static void add_rule(struct buffer *out, const struct tally_row *row, uint64_t count, uint64_t last, bool v1)
{
	time_t s = (time_t)(last / 1000000000);
	struct span caller = caller_at(row);
	char time[32] = "";
	struct tm tm;

	if (gmtime_r(&s, &tm))
		strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buffer_printf(out, "# %" PRIu64 " %s, last %s%s\nallow", count, count == 1 ? "call" : "calls", time,
		      remark_of(part_at(row)));
	add_what(out, row);
	buffer_byte(out, ' ');
	buffer_span(out, caller);
	buffer_string(out, v1 ? "  # still v1\n" : "\n");
}

/*
 * The rows of one caller, the first of which is *at; *at then is the next caller's. One that may ask everything needs
 * one rule; that it connects without a request goes without saying where it has another.
 */
static unsigned add_caller_rules(struct buffer *out, const struct tally *t, unsigned *at)
{
	unsigned first = *at, n = 0;
	uint64_t count = 0, last = 0;
	bool v1 = false;

	for (; *at < t->count && span_equal(caller_at(&t->row[*at]), caller_at(&t->row[first])); ++*at) {
		count += t->row[*at].count;
		last = t->row[*at].last > last ? t->row[*at].last : last;
		v1 |= part_at(&t->row[*at]) == PART_V1;
	}
	if (part_at(&t->row[first]) == PART_ALL) {
		add_rule(out, &t->row[first], count, last, v1);
		return 1;
	}
	for (unsigned i = first; i < *at; i++) {
		if (part_at(&t->row[i]) == PART_NOTHING && i > first)
			continue;
		add_rule(out, &t->row[i], t->row[i].count, t->row[i].last, part_at(&t->row[i]) == PART_V1);
		n++;
	}
	return n;
}

uint64_t suggest_write(struct suggestion *s, struct buffer *out)
{
	uint64_t left = s->tally.others;
	unsigned at = 0, rules = 0;

	tally_sort_by_key(&s->tally);
	while (at < s->tally.count && rules + 4 < TABLE_RULES)
		rules += add_caller_rules(out, &s->tally, &at);
	for (; at < s->tally.count; at++)
		left += s->tally.row[at].count;
	if (left)
		buffer_printf(
			out, "# There are more callers than rules: %" PRIu64 " calls are by others. Not yet:\n# deny\n",
			left);
	else
		buffer_string(out, "deny\n");
	return left;
}

void suggest_done(struct suggestion *s)
{
	tally_done(&s->tally);
}
