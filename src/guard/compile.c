/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard/selector.h"
#include "guard/texts.h"

_Static_assert(ENDPOINTS_MAX + 1 == TABLE_ADDRESSES, "every endpoint has a number");

#define CGROUP_KINDS (SELECTOR_BIT(SELECT_CGROUP) | SELECTOR_BIT(SELECT_UNIT) | SELECTOR_BIT(SELECT_CONTAINER))
#define REQUEST_KINDS                                                                                                  \
	(SELECTOR_BIT(SELECT_VERSION) | SELECTOR_BIT(SELECT_CLASS) | SELECTOR_BIT(SELECT_METHOD) |                     \
	 SELECTOR_BIT(SELECT_PATH))

static void add(struct rule_set *set, unsigned rule)
{
	set->word[rule / 64] |= 1ULL << (rule % 64);
}

static void drop(struct rule_set *set, unsigned rule)
{
	set->word[rule / 64] &= ~(1ULL << (rule % 64));
}

static bool looks_at(const struct rule *rule, unsigned kinds)
{
	for (unsigned i = 0; i < rule->count; i++)
		if (SELECTOR_BIT(rule->selectors[i].kind) & kinds)
			return true;
	return false;
}

/* The rules that a value which is not known satisfies: an allow needs proof, a deny needs only doubt. */
static struct rule_set doubt(const struct compiler *c, unsigned kinds)
{
	struct rule_set set = c->t->all;

	for (unsigned i = 0; i < c->rules->count; i++)
		if (!c->rules->rule[i].deny && looks_at(&c->rules->rule[i], kinds))
			drop(&set, i);
	return set;
}

/* The rules whose selectors of these kinds are all satisfied. */
static struct rule_set satisfied(const struct compiler *c, unsigned kinds,
				 bool (*is)(const void *data, const struct selector *s), const void *data)
{
	struct rule_set set = c->t->all;

	for (unsigned i = 0; i < c->rules->count; i++) {
		const struct rule *rule = &c->rules->rule[i];

		for (unsigned k = 0; k < rule->count; k++) {
			const struct selector *s = &rule->selectors[k];

			if (SELECTOR_BIT(s->kind) & kinds && is(data, s) == s->negated)
				drop(&set, i);
		}
	}
	return set;
}

static void compile_rules(struct compiler *c)
{
	const struct rules *r = c->rules;
	struct table *t = c->t;
	size_t length = strlen(r->file), skip = length < TABLE_FILE ? 0 : length - (TABLE_FILE - 1);

	t->abi = TABLE_ABI;
	t->mode = r->mode;
	t->rules = r->count;
	memcpy(t->file, r->file + skip, length - skip);
	for (unsigned i = 0; i < r->count; i++) {
		add(&t->all, i);
		if (r->rule[i].deny)
			add(&t->deny, i);
		if (looks_at(&r->rule[i], REQUEST_KINDS))
			add(&t->needs_request, i);
		if (looks_at(&r->rule[i], SELECTOR_BIT(SELECT_SERVICE)))
			add(&t->needs_service, i);
		t->line[i] = r->rule[i].line;
	}
	t->unknown.exe = doubt(c, SELECTOR_BIT(SELECT_EXE));
	t->unknown.cgroup = doubt(c, CGROUP_KINDS);
	t->unknown.path = doubt(c, SELECTOR_BIT(SELECT_PATH));
	t->unknown.request = doubt(c, REQUEST_KINDS);
}

static bool has_id(const void *data, const struct selector *s)
{
	uint32_t id = *(const uint32_t *)data;

	for (unsigned i = 0; i < s->count; i++)
		if (s->value[i].from <= id && id <= s->value[i].to)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Where the answer may change: the ranges' beginnings, and what is behind their ends. Returns how many. */
static unsigned id_borders(const struct rules *r, uint32_t **ret_border)
{
	unsigned count = 1, kept = 0;
	uint32_t *border = calloc(1, sizeof(*border));

	for (unsigned i = 0; border && i < r->count; i++)
		for (unsigned k = 0; border && k < r->rule[i].count; k++) {
			const struct selector *s = &r->rule[i].selectors[k];
			uint32_t *more;

			if (s->kind != SELECT_USER)
				continue;
			more = reallocarray(border, count + 2UL * s->count, sizeof(*border));
			if (!more) {
				free(border);
				return 0;
			}
			border = more;
			for (unsigned v = 0; v < s->count; v++) {
				border[count++] = s->value[v].from;
				border[count++] = s->value[v].to + 1; /* after the last id: 0 */
			}
		}
	if (!border)
		return 0;
	qsort(border, count, sizeof(*border), compare);
	for (unsigned i = 0; i < count; i++)
		if (kept == 0 || border[kept - 1] != border[i])
			border[kept++] = border[i];
	*ret_border = border;
	return kept;
}

static int compile_users(struct compiler *c)
{
	struct table *t = c->t;
	uint32_t *border = NULL;
	unsigned count = id_borders(c->rules, &border);

	if (!count)
		return problem_set(c->problem, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < count; i++) {
		struct rule_set set = satisfied(c, SELECTOR_BIT(SELECT_USER), has_id, &border[i]);

		if (t->users && memcmp(&t->user[t->users - 1].set, &set, sizeof(set)) == 0)
			continue;
		if (t->users == TABLE_INTERVALS) {
			free(border);
			return problem_set(
				c->problem, -E2BIG,
				"%s: the rules tell more than %d ranges of user ids apart; use fewer, wider ones",
				c->rules->file, TABLE_INTERVALS);
		}
		t->user[t->users++] = (struct id_interval){.from = border[i], .set = set};
	}
	free(border);
	return 0;
}

static bool is_same(const struct selector *a, const struct selector *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (a->value[i].from != b->value[i].from || a->value[i].to != b->value[i].to)
			return false;
	return true;
}

/* The number of a selector's atom; -E2BIG when there are too many. */
static int atom_of(struct compiler *c, const struct selector **atoms, unsigned *count, const struct selector *s)
{
	struct table *t = c->t;

	for (unsigned i = 0; i < *count; i++)
		if (is_same(atoms[i], s))
			return (int)i;
	if (*count == TABLE_GROUPS || t->groups + s->count > TABLE_INTERVALS)
		return problem_set(c->problem, -E2BIG,
				   "%s: the rules have more than %d different group selectors, or %d groups in them; "
				   "use fewer",
				   c->rules->file, TABLE_GROUPS, TABLE_INTERVALS);
	for (unsigned i = 0; i < s->count; i++)
		if (s->value[i].from <= s->value[i].to)
			t->group[t->groups++] = (struct group_range){s->value[i].from, s->value[i].to, *count};
	atoms[*count] = s;
	return (int)(*count)++;
}

static int compile_groups(struct compiler *c)
{
	const struct selector *atoms[TABLE_GROUPS];
	unsigned count = 0;

	for (unsigned i = 0; i < c->rules->count; i++)
		for (unsigned k = 0; k < c->rules->rule[i].count; k++) {
			const struct selector *s = &c->rules->rule[i].selectors[k];
			int atom;

			if (s->kind != SELECT_GROUP)
				continue;
			atom = atom_of(c, atoms, &count, s);
			if (atom < 0)
				return atom;
			*(s->negated ? &c->t->group_forbid[i] : &c->t->group_need[i]) |= 1ULL << atom;
		}
	if (count && !c->t->groups) /* of groups that are missing here only: nobody is in them */
		c->t->group[c->t->groups++] = (struct group_range){UINT32_MAX, UINT32_MAX, 0};
	return 0;
}

static bool has_address(const void *data, const struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (selector_address_matches(&s->value[i], data))
			return true;
	return false;
}

static void compile_addresses(struct compiler *c, const char *provider)
{
	const struct endpoints *e = &c->rules->endpoints;
	const struct service *of_provider = provider ? service_of_provider(provider) : NULL;

	c->t->address[0] = (struct address_facts){.set = doubt(c, SELECTOR_BIT(SELECT_ADDRESS)), .shared = 1};
	for (unsigned i = 0; i < e->count; i++) {
		const struct service *s = e->list[i].service;
		bool choice = strcmp(service_name(s), "ec2") == 0; /* call/judge.c, choose() */

		if (choice && of_provider)
			s = of_provider;
		c->t->address[1 + i] = (struct address_facts){
			.set = satisfied(c, SELECTOR_BIT(SELECT_ADDRESS), has_address, e->list[i].address.ip),
			.service = (uint8_t)(1 + service_row(s)),
			.shared = choice && !provider};
	}
}

/* Versions, classes and services. */
static bool has_number(const void *data, const struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->value[i].from == *(const uint32_t *)data)
			return true;
	return false;
}

static void compile_numbers(const struct compiler *c, enum selector_kind kind, struct rule_set *set, uint32_t count,
			    uint32_t unknown)
{
	for (uint32_t i = 0; i < count; i++)
		set[i] = i == unknown ? doubt(c, SELECTOR_BIT(kind)) : satisfied(c, SELECTOR_BIT(kind), has_number, &i);
}

static bool has_method(const void *data, const struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (selector_method(span_of(s->value[i].text)) == *(const uint64_t *)data)
			return true;
	return false;
}

static int compile_methods(struct compiler *c)
{
	static const uint64_t none = 0;
	struct table *t = c->t;

	t->method_other = satisfied(c, SELECTOR_BIT(SELECT_METHOD), has_method, &none);
	for (unsigned i = 0; i < c->rules->count; i++)
		for (unsigned k = 0; k < c->rules->rule[i].count; k++) {
			const struct selector *s = &c->rules->rule[i].selectors[k];

			for (unsigned v = 0; s->kind == SELECT_METHOD && v < s->count; v++) {
				uint64_t method = selector_method(span_of(s->value[v].text));
				unsigned m = 0;

				while (m < t->methods && t->method[m] != method)
					m++;
				if (m < t->methods)
					continue;
				if (m == TABLE_METHODS)
					return problem_set(c->problem, -E2BIG,
							   "%s: the rules name more than %d methods; use fewer",
							   c->rules->file, TABLE_METHODS);
				t->method[m] = method;
				t->method_set[m] = satisfied(c, SELECTOR_BIT(SELECT_METHOD), has_method, &method);
				t->methods++;
			}
		}
	return 0;
}

static int compile(struct compiler *c, const char *provider)
{
	int r;

	compile_rules(c);
	compile_addresses(c, provider);
	compile_numbers(c, SELECT_VERSION, c->t->version, TABLE_VERSIONS, VERSION_UNKNOWN);
	compile_numbers(c, SELECT_CLASS, c->t->class, TABLE_CLASSES, CLASS_NONE);
	compile_numbers(c, SELECT_SERVICE, c->t->service, TABLE_SERVICES, 0);
	r = compile_users(c);
	if (r == 0)
		r = compile_groups(c);
	if (r == 0)
		r = compile_methods(c);
	return r < 0 ? r : compile_texts(c);
}

int rules_compile(const struct rules *rules, const char *provider, bool legacy, struct table **ret_table,
		  struct problem *problem)
{
	struct compiler c = {.rules = rules, .problem = problem};
	int r;

	c.t = calloc(1, sizeof(*c.t));
	if (!c.t)
		return problem_set(problem, -ENOMEM, "out of memory");
	c.t->legacy = legacy;
	r = compile(&c, rules->provider[0] ? rules->provider : provider);
	if (r < 0)
		free(c.t);
	else
		*ret_table = c.t;
	return r;
}
