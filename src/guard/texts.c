/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/texts.h"

#include <errno.h>
#include <stdlib.h>

#include "guard/automaton.h"
#include "guard/cgroups.h"
#include "guard/components.h"
#include "guard/marks.h"
#include "guard/pattern.h"
#include "guard/selector.h"

static void drop(struct rule_set *set, unsigned rule)
{
	set->word[rule / 64] &= ~(1ULL << (rule % 64));
}

static int too_many_states(struct compiler *c, const char *what)
{
	return problem_set(
		c->problem, -E2BIG,
		"%s: the rules are too many or too different: their %s need more than is left of the table's "
		"%u states and %u cells; use fewer or shorter ones, fewer * and **, or patterns in place of "
		"lists",
		c->rules->file, what, TABLE_STATES, TABLE_CELLS);
}

/* Puts an automaton's cells into the table; its sets or marks are its owner's. */
static int place_cells(struct compiler *c, struct automaton *a, const struct automaton_text *text, const char *what)
{
	size_t cells = (size_t)text->count * text->classes;

	if (c->cells + cells > TABLE_CELLS || text->count > UINT16_MAX)
		return too_many_states(c, what);
	a->cells = c->cells;
	a->states = c->states;
	a->classes = text->classes;
	a->start = text->start;
	a->count = text->count;
	memcpy(a->class_of, text->class_of, sizeof(a->class_of));
	for (size_t i = 0; i < cells; i++)
		c->t->cell[c->cells + i] = (uint16_t)text->next[i];
	c->cells += (uint32_t)cells;
	return 0;
}

/* Patterns of the selectors of one kind, each value with a number. */
struct texts {
	struct compiler *c;
	enum selector_kind kind;
	const char *what;
	struct nodes nodes;
	struct cgroups *cgroups; /* units and containers; else NULL */
	bool *matched;           /* by number of value */
	unsigned values;
	bool tails;      /* SELECT_CONTAINER: of components' tails; else of their names … */
	uint16_t *forms; /* … whose meanings have the number of a set for each form, */
	int meanings;
};

static void texts_start(void *data, struct buffer *out)
{
	struct texts *x = data;

	if (x->cgroups)
		cgroups_start(x->cgroups, out);
	else
		nodes_enter(&x->nodes, out);
}

static void texts_step(void *data, struct span state, uint8_t byte, struct buffer *out)
{
	struct texts *x = data;

	if (x->cgroups)
		cgroups_step(x->cgroups, state, byte, out);
	else
		nodes_step(&x->nodes, state, byte, out);
}

static void note(void *data, uint32_t id)
{
	((struct texts *)data)->matched[id] = true;
}

/* The rules that a text which satisfies these values satisfies. Values are numbered in the order of the rules. */
static struct rule_set set_of_values(const struct texts *x)
{
	const struct rules *r = x->c->rules;
	struct rule_set set = x->c->t->all;
	unsigned id = 0;

	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < r->rule[i].count; k++) {
			const struct selector *s = &r->rule[i].selectors[k];
			bool any = false;

			if (s->kind != x->kind)
				continue;
			for (unsigned v = 0; v < s->count; v++)
				any |= x->matched[id++];
			if (any == s->negated)
				drop(&set, i);
		}
	return set;
}

/* The number of the set of what note() has collected. */
static int set_number(struct texts *x)
{
	struct compiler *c = x->c;
	struct rule_set set = set_of_values(x);

	for (unsigned i = 0; i < c->sets; i++)
		if (memcmp(&c->t->set[i], &set, sizeof(set)) == 0)
			return (int)i;
	if (c->sets == TABLE_SETS)
		return -E2BIG;
	c->t->set[c->sets] = set;
	return (int)c->sets++;
}

static int texts_mark(void *data, struct span state)
{
	struct texts *x = data;

	memset(x->matched, 0, x->values);
	if (x->cgroups)
		cgroups_matched(x->cgroups, state, note, x);
	else
		nodes_matched(&x->nodes, state, note, x);
	return set_number(x);
}

static void add_value(struct texts *x, const char *text, uint32_t id)
{
	struct nodes *n = &x->nodes;

	switch (x->kind) {
	case SELECT_UNIT:
		cgroups_add(x->cgroups, text, id);
		break;
	case SELECT_CONTAINER:
		if (strcmp(text, "*") == 0)
			break;
		if (x->tails)
			components_add_tail(n, text, id);
		else
			components_add_name(n, text, id);
		break;
	case SELECT_EXE:
		nodes_begin(n);
		nodes_glob(n, text);
		nodes_add(n, NODE_END, 0, id);
		break;
	case SELECT_CGROUP:
		nodes_begin(n);
		nodes_text(n, span_of(text), false);
		if (*text) /* else "/": all there are */
			nodes_add(n, NODE_PREFIX, 0, id);
		nodes_add(n, NODE_REST, 0, id);
		break;
	default:
		if (*text) {
			nodes_path(n, text, true, id);
			break;
		}
		nodes_begin(n);
		nodes_add(n, NODE_REST, 0, id);
		break;
	}
}

static void add_values(struct texts *x)
{
	const struct rules *r = x->c->rules;

	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < r->rule[i].count; k++) {
			const struct selector *s = &r->rule[i].selectors[k];

			for (unsigned v = 0; s->kind == x->kind && v < s->count; v++)
				add_value(x, s->value[v].text, x->values++);
		}
	x->matched = calloc(x->values + 1, sizeof(*x->matched));
}

static int place_numbers(struct compiler *c, const struct automaton_text *text, const char *what)
{
	if (c->states + text->count > TABLE_STATES)
		return too_many_states(c, what);
	for (uint32_t n = 0; n < text->count; n++)
		c->t->set_of[c->states++] = (uint16_t)text->mark[n];
	return 0;
}

static int build(struct texts *x, const struct automaton_source *source, struct automaton *a)
{
	struct automaton_text text = {0};
	int r = automaton_build(source, &text);

	if (r == 0)
		r = place_cells(x->c, a, &text, x->what);
	else if (r == -E2BIG)
		r = too_many_states(x->c, x->what);
	else
		problem_set(x->c->problem, r, "out of memory");
	if (r == 0)
		r = place_numbers(x->c, &text, x->what);
	automaton_text_done(&text);
	return r;
}

static void texts_done(struct texts *x)
{
	free(x->matched);
	free(x->forms);
	nodes_done(&x->nodes);
	cgroups_free(x->cgroups);
}

static int compile_kind(struct compiler *c, enum selector_kind kind, struct automaton *a, const char *what)
{
	struct texts x = {.c = c, .kind = kind, .what = what};
	struct automaton_source source = {.data = &x, .start = texts_start, .step = texts_step, .mark = texts_mark};
	int r;

	if (kind == SELECT_UNIT)
		x.cgroups = cgroups_new(true);
	if (kind == SELECT_UNIT && !x.cgroups)
		return problem_set(c->problem, -ENOMEM, "out of memory");
	add_values(&x);
	if (!x.values)
		x.cgroups = cgroups_free(x.cgroups);
	r = x.matched && !x.nodes.failed ? 0 : -ENOMEM;
	if (r == 0 && x.cgroups)
		r = cgroups_build(x.cgroups);
	if (r < 0) {
		problem_set(c->problem, r, "out of memory");
	} else {
		source.classes = x.cgroups ? cgroups_classes(x.cgroups, source.class_of, 1)
					   : nodes_classes(&x.nodes, source.class_of, 1);
		r = build(&x, &source, a);
	}
	texts_done(&x);
	return r;
}

static int container_mark_of(void *data, struct span state)
{
	return cgroups_container(state);
}

/* Whether a path is a container's, and by which form its id is said. */
static int compile_containers(struct compiler *c)
{
	struct texts x = {.c = c, .kind = SELECT_CONTAINER, .what = "containers"};
	struct automaton_source source = {
		.data = &x, .start = texts_start, .step = texts_step, .mark = container_mark_of};
	int r = -ENOMEM;

	x.cgroups = cgroups_new(false);
	if (x.cgroups)
		r = cgroups_build(x.cgroups);
	if (r < 0) {
		problem_set(c->problem, r, "out of memory");
	} else {
		source.classes = cgroups_classes(x.cgroups, source.class_of, 1);
		r = build(&x, &source, &c->t->container);
	}
	texts_done(&x);
	return r;
}

/* Ids of patterns are those of forms_id(). */
struct collecting {
	struct texts *x;
	unsigned form;
};

static void note_form(void *data, uint32_t id)
{
	struct collecting *k = data;

	if (id % FORMS == k->form)
		k->x->matched[id / FORMS] = true;
}

static void note_any(struct texts *x)
{
	const struct rules *r = x->c->rules;
	unsigned id = 0;

	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < r->rule[i].count; k++) {
			const struct selector *s = &r->rule[i].selectors[k];

			for (unsigned v = 0; s->kind == x->kind && v < s->count; v++, id++)
				x->matched[id] |= strcmp(s->value[v].text, "*") == 0;
		}
}

/* A meaning is the numbers of the sets of all forms. */
static int name_mark(void *data, struct span state)
{
	struct texts *x = data;
	uint16_t sets[TABLE_FORMS], *more;

	for (unsigned form = 0; form < TABLE_FORMS; form++) {
		struct collecting k = {x, form};
		int number;

		memset(x->matched, 0, x->values);
		if (form) {
			note_any(x);
			nodes_matched(&x->nodes, state, note_form, &k);
		}
		number = set_number(x);
		if (number < 0)
			return number;
		sets[form] = (uint16_t)number;
	}
	for (int i = 0; i < x->meanings; i++)
		if (memcmp(&x->forms[(size_t)i * TABLE_FORMS], sets, sizeof(sets)) == 0)
			return i;
	more = reallocarray(x->forms, (size_t)x->meanings + 1, sizeof(sets));
	if (!more)
		return -ENOMEM;
	x->forms = more;
	memcpy(&more[(size_t)x->meanings * TABLE_FORMS], sets, sizeof(sets));
	return x->meanings++;
}

static int tail_mark(void *data, struct span state)
{
	struct texts *x = data;

	memset(x->matched, 0, x->values);
	note_any(x);
	nodes_matched(&x->nodes, state, note, x);
	return set_number(x);
}

/* Names' states have the place of their forms in place of their meaning. */
static int place_forms(struct texts *x)
{
	struct compiler *c = x->c;
	const struct automaton *a = &c->t->name;

	if (c->states + (size_t)x->meanings * TABLE_FORMS > TABLE_STATES)
		return too_many_states(c, x->what);
	for (uint32_t n = 0; n < a->count; n++)
		c->t->set_of[a->states + n] = (uint16_t)(c->states + c->t->set_of[a->states + n] * TABLE_FORMS);
	memcpy(&c->t->set_of[c->states], x->forms, (size_t)x->meanings * TABLE_FORMS * sizeof(*x->forms));
	c->states += (uint32_t)x->meanings * TABLE_FORMS;
	return 0;
}

static int compile_names(struct compiler *c, bool tails)
{
	struct texts x = {.c = c, .kind = SELECT_CONTAINER, .what = "containers' names", .tails = tails};
	struct automaton_source source = {
		.data = &x, .start = texts_start, .step = texts_step, .mark = tails ? tail_mark : name_mark};
	int r = -ENOMEM;

	add_values(&x);
	if (x.matched && !x.nodes.failed) {
		source.classes = nodes_classes(&x.nodes, source.class_of, 1);
		r = build(&x, &source, tails ? &c->t->tail : &c->t->name);
	} else {
		problem_set(c->problem, r, "out of memory");
	}
	if (r == 0 && !tails)
		r = place_forms(&x);
	texts_done(&x);
	return r;
}

static bool asks_for_containers(const struct rules *r)
{
	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < r->rule[i].count; k++)
			if (r->rule[i].selectors[k].kind == SELECT_CONTAINER)
				return true;
	return false;
}

/* Where nobody asks, there is no automaton: struct automaton.count is 0. */
static int compile_all_containers(struct compiler *c)
{
	int r = 0;

	if (!asks_for_containers(c->rules))
		return 0;
	r = compile_containers(c);
	if (r == 0)
		r = compile_names(c, false);
	return r < 0 ? r : compile_names(c, true);
}

/* The services a request can be one to: those of endpoints, and what shapes lead to. */
static uint32_t services_of(const struct table *t)
{
	uint32_t services = 0;
	bool shared = false;

	for (unsigned i = 1; i < TABLE_ADDRESSES; i++) {
		services |= 1U << t->address[i].service;
		shared |= t->address[i].service && t->address[i].shared;
	}
	return shared ? services | marks_of_shapes() : services;
}

static int compile_marks(struct compiler *c)
{
	struct automaton_text text = {0};
	int r = marks_build(services_of(c->t), &text, c->t->mark, TABLE_MARKS);

	if (r == 0)
		r = text.count > TABLE_JUDGING ? -E2BIG : place_cells(c, &c->t->judge, &text, "services");
	for (uint32_t i = 0; r == 0 && i < text.count; i++)
		c->t->mark_of[i] = (uint16_t)text.mark[i];
	automaton_text_done(&text);
	marks_services(c->t);
	return r < 0 ? problem_set(c->problem, r, "the services' paths cannot be compiled") : 0;
}

int compile_texts(struct compiler *c)
{
	int r = compile_marks(c);

	if (r == 0)
		r = compile_kind(c, SELECT_EXE, &c->t->exe, "executables");
	if (r == 0)
		r = compile_kind(c, SELECT_CGROUP, &c->t->cgroup, "cgroups");
	if (r == 0)
		r = compile_kind(c, SELECT_UNIT, &c->t->unit, "units");
	if (r == 0)
		r = compile_all_containers(c);
	if (r == 0)
		r = compile_kind(c, SELECT_PATH, &c->t->path, "paths");
	return r;
}
