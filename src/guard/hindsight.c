/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/hindsight.h"

#include <errno.h>

#include "call/judge.h"
#include "call/path.h"
#include "guard/question.h"
#include "guard/selector.h"

/* Of a key of the tally. */
#define NUMBERS 5
#define PARTS   8

/* Of every call of a row. */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

struct scene {
	const struct rules *rules;
	const struct rule_set *exe; /* rules that the executable satisfies; NULL: it is not known */
	const char *provider;
	const struct folded *row;
	const struct service *service; /* NULL: not known */
	bool readable;                 /* the guard could have read the requests */
	struct path path;              /* with row->path */
};

static enum truth truth(bool yes)
{
	return yes ? TRUTH_YES : TRUTH_NO;
}

static bool is(struct span s, const char *text)
{
	return s.data && text && span_equal(s, span_of(text));
}

static bool is_shared(const struct service *s)
{
	return strcmp(service_name(s), "ec2") == 0;
}

/* May a call of this service go to this endpoint? */
static bool is_at(const struct scene *s, const struct endpoint *e)
{
	const struct service *other = s->provider ? service_of_provider(s->provider) : NULL;

	if (!s->service || (is_shared(e->service) && !s->provider))
		return true;
	return s->service == (is_shared(e->service) && other ? other : e->service);
}

/* The address is not in a row: any endpoint that has its service may be meant. */
static enum truth address_truth(const struct scene *s, const struct selector *selector)
{
	const struct endpoints *e = &s->rules->endpoints;
	bool may[2] = {false, false};

	for (unsigned i = 0; i < e->count; i++) {
		bool matches = false;

		for (unsigned k = 0; k < selector->count; k++)
			matches |= selector_address_matches(&selector->value[k], e->list[i].address.ip);
		may[matches] |= is_at(s, &e->list[i]);
	}
	return may[0] && may[1] ? TRUTH_UNKNOWN : truth(may[1]);
}

static enum truth container_truth(const struct folded *row, const struct selector *selector)
{
	char id[512];

	if (row->container.data && row->container.length < sizeof(id)) {
		memcpy(id, row->container.data, row->container.length);
		id[row->container.length] = '\0';
		return truth(selector_has_container(selector, id));
	}
	for (unsigned i = 0; row->in_container && i < selector->count; i++)
		if (strcmp(selector->value[i].text, "*") == 0)
			return TRUTH_YES;
	return TRUTH_UNKNOWN;
}

static uint32_t version_of(const struct folded *row)
{
	for (uint32_t i = VERSION_V1; i <= VERSION_V2; i++)
		if (is(row->version, call_version_name(i)))
			return i;
	return VERSION_NONE;
}

static uint32_t class_of(const struct folded *row)
{
	for (uint32_t i = CLASS_TOKEN; i <= CLASS_OTHER; i++)
		if (is(row->class, call_class_name(i)))
			return i;
	return CLASS_NONE;
}

static enum truth class_truth(const struct scene *s, const struct selector *selector)
{
	uint32_t class = class_of(s->row);

	return class == CLASS_NONE ? TRUTH_UNKNOWN : truth(selector_has_number(selector, class));
}

static enum truth method_truth(const struct scene *s, const struct selector *selector)
{
	if (!s->row->method.data)
		return TRUTH_UNKNOWN;
	for (unsigned i = 0; i < selector->count; i++)
		if (span_equal(s->row->method, span_of(selector->value[i].text)))
			return TRUTH_YES;
	return TRUTH_NO;
}

static bool is_below(const struct path *path, const char *prefix)
{
	return !prefix[0] || path_matches(path, prefix, true);
}

/* Where the path is not known, the class leaves some out. */
static enum truth path_truth(const struct scene *s, const struct selector *selector)
{
	enum truth t = TRUTH_NO;
	uint32_t class = class_of(s->row);

	for (unsigned i = 0; i < selector->count; i++) {
		const char *prefix = selector->value[i].text;

		if (s->row->path.data && is_below(&s->path, prefix))
			return TRUTH_YES;
		if (!s->row->path.data && (!s->service || class == CLASS_NONE ||
					   judge_class_reaches(s->service, (enum call_class) class, prefix)))
			t = TRUTH_UNKNOWN;
	}
	return t;
}

static enum truth request_truth(const struct scene *s, const struct selector *selector)
{
	if (!s->readable)
		return TRUTH_UNKNOWN;
	switch (selector->kind) {
	case SELECT_VERSION:
		return truth(selector_has_number(selector, version_of(s->row)));
	case SELECT_CLASS:
		return class_truth(s, selector);
	case SELECT_METHOD:
		return method_truth(s, selector);
	default:
		return path_truth(s, selector);
	}
}

/* Is one of the values right? */
static enum truth value_truth(const struct scene *s, const struct selector *selector)
{
	const struct folded *row = s->row;

	switch (selector->kind) {
	case SELECT_USER:
		return truth(selector_has_id(selector, row->uid));
	case SELECT_UNIT:
		if (!row->unit.data)
			return TRUTH_UNKNOWN;
		return truth(row->unit.length && selector_globs(selector, row->unit));
	case SELECT_CONTAINER:
		return container_truth(row, selector);
	case SELECT_GROUP:
	case SELECT_CGROUP:
		return TRUTH_UNKNOWN;
	case SELECT_ADDRESS:
		return address_truth(s, selector);
	case SELECT_SERVICE:
		return s->service ? truth(selector_has_number(selector, 1 + service_row(s->service))) : TRUTH_UNKNOWN;
	default:
		return request_truth(s, selector);
	}
}

/* Of a connection without a request: does it wait for one? */
static bool is_of_request(const struct scene *s, const struct selector *selector)
{
	return selector->kind == SELECT_VERSION || selector->kind == SELECT_CLASS || selector->kind == SELECT_METHOD ||
	       selector->kind == SELECT_PATH || (selector->kind == SELECT_SERVICE && !s->service);
}

/* A path that somebody chose is read by the automaton: a pattern read byte by byte may take very long. */
static enum truth selector_truth(const struct scene *s, unsigned rule, const struct selector *selector)
{
	enum truth t;

	if (selector->kind == SELECT_EXE)
		return s->exe ? truth(rule_set_has(s->exe, rule)) : TRUTH_UNKNOWN;
	t = value_truth(s, selector);
	return t == TRUTH_UNKNOWN ? t : truth((t == TRUTH_YES) != selector->negated);
}

/* *ret_waits: it looks at a request that never came; the rest of it is told. */
static enum truth rule_truth(const struct scene *s, unsigned number, bool *ret_waits, uint32_t *ret_unknown)
{
	const struct rule *rule = &s->rules->rule[number];

	*ret_waits = false;
	*ret_unknown = 0;
	for (unsigned i = 0; i < rule->count; i++) {
		const struct selector *selector = &rule->selectors[i];
		enum truth t = TRUTH_YES;

		if (s->row->connect && is_of_request(s, selector))
			*ret_waits = true;
		else
			t = selector_truth(s, number, selector);
		if (t == TRUTH_NO)
			return t;
		if (t == TRUTH_UNKNOWN)
			*ret_unknown |= SELECTOR_BIT(selector->kind);
	}
	return *ret_unknown ? TRUTH_UNKNOWN : TRUTH_YES;
}

static void note_rule(struct hindsight_answer *a, unsigned rule, bool refuses, bool certain)
{
	if (!refuses) {
		a->may_pass = true;
		return;
	}
	if (!a->may_be_refused) {
		a->rule = rule;
		a->later = !certain;
	}
	a->may_be_refused = true;
}

/* Goes down the rules as far as any of the row's calls may come. */
static void ask(const struct scene *s, struct hindsight_answer *a)
{
	for (unsigned i = 0; i < s->rules->count; i++) {
		uint32_t unknown;
		bool waits;
		enum truth t = rule_truth(s, i, &waits, &unknown);

		if (t == TRUTH_NO)
			continue;
		/* A datagram, or another port, passes by the rules that look at a request. */
		if (waits && !s->row->tcp) {
			unknown |= SELECTOR_BIT(SELECT_ADDRESS);
			t = TRUTH_UNKNOWN;
		}
		note_rule(a, i, s->rules->rule[i].deny && !waits, t == TRUTH_YES);
		a->unknown |= unknown;
		if (t == TRUTH_YES)
			return;
	}
	a->may_pass = true;
}

static bool has_endpoint(const struct scene *s)
{
	const struct endpoints *e = &s->rules->endpoints;

	for (unsigned i = 0; i < e->count; i++)
		if (is_at(s, &e->list[i]))
			return true;
	return false;
}

static const struct service *service_of(struct span name)
{
	const struct service *s = NULL;

	for (unsigned i = 0; (s = service_of_row(i)); i++)
		if (is(name, service_name(s)))
			return s;
	return NULL;
}

/*
 * Bytes that were no whole head are no request the guard could read, so that nothing of them is known to it. Nor is the
 * service then, or before there is a request, where it hangs on the request.
 */
static void read_scene(struct scene *s, const struct hindsight_rules *by)
{
	const struct folded *row = s->row;

	s->provider = by->rules->provider[0] ? by->rules->provider : by->provider;
	s->exe = row->exe.data ? question_exe(by->table, row->exe) : NULL;
	s->service = service_of(row->service);
	s->readable = !is(row->version, "unknown");
	if (row->path.data)
		path_init(&s->path, row->path);
}

static bool is_service_open(const struct scene *s)
{
	return !s->provider && s->service && is_shared(s->service) && (s->row->connect || !s->readable);
}

int hindsight_ask(const struct hindsight_rules *by, const struct folded *row, struct hindsight_answer *ret_answer)
{
	struct scene s = {.rules = by->rules, .row = row};

	read_scene(&s, by);
	if (!has_endpoint(&s))
		return -ENOENT;
	if (is_service_open(&s))
		s.service = NULL;
	*ret_answer = (struct hindsight_answer){0};
	ask(&s, ret_answer);
	return 0;
}

static void count(struct hindsight_count *c, const struct folded *row)
{
	c->rows++;
	c->calls += row->count;
}

static void keep(struct hindsight *h, const struct folded *row, const struct hindsight_answer *a)
{
	const struct span parts[PARTS] = {row->user,    row->executable, row->place_kind, row->place,
					  row->service, row->version,    row->class,      row->request};
	const uint32_t numbers[NUMBERS] = {row->uid, a->rule, a->unknown, a->may_pass, a->later};
	struct buffer key = {0};

	buffer_append(&key, numbers, sizeof(numbers));
	for (unsigned i = 0; i < PARTS; i++)
		tally_put_part(&key, parts[i]);
	if (key.failed)
		h->tally.others += row->count;
	else
		tally_add_many(&h->tally, buffer_view(&key), row->count, row->first, row->last);
	buffer_done(&key);
}

void hindsight_read(const struct tally_row *row, struct hindsight_finding *ret)
{
	struct span *const parts[PARTS] = {&ret->user,    &ret->executable, &ret->place_kind, &ret->place,
					   &ret->service, &ret->version,    &ret->class,      &ret->request};
	uint32_t numbers[NUMBERS];
	struct span rest = {row->key.data + sizeof(numbers), row->key.length - sizeof(numbers)};

	memcpy(numbers, row->key.data, sizeof(numbers));
	ret->uid = numbers[0];
	ret->answer = (struct hindsight_answer){.may_be_refused = true,
						.rule = numbers[1],
						.unknown = numbers[2],
						.may_pass = numbers[3],
						.later = numbers[4]};
	for (unsigned i = 0; i < PARTS; i++)
		*parts[i] = tally_take_part(&rest);
}

void hindsight_take(void *context, const struct folded *row)
{
	struct hindsight *h = context;
	struct hindsight_answer a;

	count(&h->all, row);
	if (!row->has_user) {
		count(&h->nobody, row);
	} else if (hindsight_ask(&h->by, row, &a) < 0) {
		count(&h->outside, row);
	} else if (!a.may_be_refused) {
		count(&h->allowed, row);
	} else {
		count(a.may_pass ? &h->doubtful : &h->refused, row);
		keep(h, row, &a);
	}
}

void hindsight_done(struct hindsight *h)
{
	tally_done(&h->tally);
}
