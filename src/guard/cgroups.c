/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/cgroups.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/decide.h"
#include "guard/components.h"

#define BIT(fact) FACT_BIT(fact)

/* Where a component is, as far as its meaning depends on it, and the states that are the same there. */
struct place {
	uint64_t key; /* key_of() */
	uint32_t *stand_in;
};
#define PLACES 64 /* there are fewer: walkers differ in few ways */

struct cgroups {
	struct place place[PLACES];
	unsigned places;
	struct components *components;
	bool units;                 /* what is looked for; else containers */
	struct buffer now, results; /* scratch */
	int error;                  /* of a place that could not be reduced */
};

/*
 * A walk on its way, as container.c makes it, followed by its results: the values that are satisfied. While it is open
 * whether a machine's supervisor follows (container.c, match_nspawn()), a state has two: if it does not, and if it
 * does.
 */
struct walker {
	uint8_t over;   /* nothing below counts */
	uint8_t begun;  /* a byte of the component was read */
	uint8_t slices; /* see container.c */
	uint8_t ecs, below, root;
	uint8_t form;     /* enum form of the container that was found */
	uint8_t fresh;    /* by the byte before this */
	uint32_t parent;  /* FACT_IN_* */
	uint32_t state;   /* of the component */
	uint32_t results; /* bytes of them */
};

/* A state: this, and one walker or two. */
struct state_head {
	uint32_t waiting; /* bytes of "/supervisor" seen; 0: there is one walker */
	uint32_t first;   /* bytes of the first walker */
};

static const char supervisor[] = "/supervisor";

struct cgroups *cgroups_new(bool units)
{
	struct cgroups *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->units = units;
	g->components = components_new();
	return g->components ? g : cgroups_free(g);
}

struct cgroups *cgroups_free(struct cgroups *g)
{
	if (!g)
		return NULL;
	for (unsigned i = 0; i < g->places; i++)
		free(g->place[i].stand_in);
	components_free(g->components);
	buffer_done(&g->now);
	buffer_done(&g->results);
	free(g);
	return NULL;
}

void cgroups_add(struct cgroups *g, const char *unit, uint32_t id)
{
	components_add(g->components, unit, id);
}

int cgroups_build(struct cgroups *g)
{
	return components_build(g->components);
}

unsigned cgroups_classes(const struct cgroups *g, uint8_t class_of[static 256], unsigned classes)
{
	for (const char *c = supervisor; *c; c++) {
		bool in[256] = {0};

		in[(uint8_t)*c] = true;
		classes = classes_split(class_of, classes, in);
	}
	return components_classes(g->components, class_of, classes);
}

static struct walker walker_of(struct span s, struct span *ret_results)
{
	struct walker w;

	memcpy(&w, s.data, sizeof(w));
	*ret_results = (struct span){s.data + sizeof(w), w.results};
	return w;
}

/* Which form of container the component is, FORM_NONE: none (container.c, match_container()). */
static enum form container_form(const struct walker *w, uint32_t facts, bool supervised)
{
	if (w->below)
		return facts & BIT(FACT_PAYLOAD) ? FORM_TAIL : FORM_NONE;
	if (facts & BIT(FACT_DASH))
		return FORM_TAIL;
	if (facts & BIT(FACT_COLON))
		return FORM_TAIL;
	if (!supervised && !(facts & BIT(FACT_QEMU))) {
		if (facts & BIT(FACT_MACHINE) && w->parent & BIT(FACT_IN_SLICE))
			return FORM_MACHINE;
		if (facts & BIT(FACT_NSPAWN))
			return FORM_NSPAWN;
	}
	if (facts & BIT(FACT_LXC))
		return FORM_LXC;
	if (w->parent & BIT(FACT_IN_LXC) || (w->ecs && facts & BIT(FACT_ECS)))
		return FORM_WHOLE;
	if (w->parent & BIT(FACT_IN_POD))
		return FORM_NONE;
	return w->parent & BIT(FACT_IN_ANY) || facts & BIT(FACT_ID) ? FORM_WHOLE : FORM_NONE;
}

static void find_container(struct cgroups *g, struct walker *w, uint32_t facts, enum form form)
{
	if (g->units && w->slices && facts & BIT(FACT_SERVICE))
		components_values(g->components, w->below, w->state, FORM_UNIT_RAW, &g->results);
	*w = (struct walker){.over = 1};
	if (g->units)
		return;
	w->form = (uint8_t)form;
	w->fresh = 1;
}

/* container.c, descend(). */
static void descend(struct cgroups *g, struct walker *w, uint32_t facts)
{
	bool root = w->root, unit = facts & (BIT(FACT_UNIT_SERVICE) | BIT(FACT_UNIT_OTHER));

	w->root = 0;
	w->parent = facts & FACT_PARENTS;
	w->over = w->below || facts & BIT(FACT_UP);
	if (w->over)
		return;
	if (unit) {
		if (g->units && w->slices)
			components_values(g->components, false, w->state, FORM_UNIT, &g->results);
		w->slices = 0;
		w->below = !(facts & BIT(FACT_UNIT_MANAGER));
		w->over = facts & BIT(FACT_UNIT_USER) || !(facts & BIT(FACT_UNIT_SERVICE));
		return;
	}
	w->over = (root && facts & BIT(FACT_USER)) || facts & BIT(FACT_MONITOR);
	w->ecs |= root && facts & BIT(FACT_IS_ECS);
	w->slices &= (facts & BIT(FACT_SLICE)) != 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Sorted, each once: the same results are the same bytes. */
static struct span in_order(struct buffer *results)
{
	uint32_t *v = (uint32_t *)(void *)results->data;
	size_t count = results->length / sizeof(*v), kept = 0;

	if (results->failed || count == 0)
		return (struct span){"", 0};
	qsort(v, count, sizeof(*v), compare);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || v[kept - 1] != v[i])
			v[kept++] = v[i];
	results->length = kept * sizeof(*v);
	return buffer_view(results);
}

/*
 * The component is complete: appends how the walk goes on, but for the next component's state, and its results. True:
 * it is a machine's, unless a supervisor follows.
 */
static bool meet_end(struct cgroups *g, const struct walker *walker, struct span results, bool supervised,
		     struct buffer *out)
{
	uint32_t facts = components_facts(g->components, walker->below, walker->state);
	enum form form = container_form(walker, facts, supervised);
	struct walker w = *walker;

	buffer_reset(&g->results);
	buffer_span(&g->results, results);
	if (form != FORM_NONE) {
		find_container(g, &w, facts, form);
	} else {
		descend(g, &w, facts);
		if (w.over || (g->units && !w.slices)) /* no unit below has the name that counts */
			w = (struct walker){.over = 1};
	}
	w.begun = 0;
	w.state = 0;
	results = in_order(&g->results);
	w.results = (uint32_t)results.length;
	buffer_append(out, &w, sizeof(w));
	buffer_span(out, results);
	return form == FORM_MACHINE || form == FORM_NSPAWN;
}

static uint64_t key_of(const struct walker *w)
{
	return (uint64_t)w->parent << 32 | (uint64_t)w->slices << 3 | (uint64_t)w->ecs << 2 | (uint64_t)w->below << 1 |
	       w->root;
}

/* For components_reduce(): a number for what a component that ends in this state leads to at a place. */
struct reducing {
	struct cgroups *g;
	struct walker walker;
	struct buffer outcome; /* of all numbers, one behind the other, each behind its length */
	int count;
};

static int number_of(struct reducing *r, struct span outcome)
{
	uint32_t length;
	size_t at = 0;

	for (int i = 0; i < r->count; i++) {
		memcpy(&length, r->outcome.data + at, sizeof(length));
		at += sizeof(length);
		if (span_equal(outcome, (struct span){r->outcome.data + at, length}))
			return i;
		at += length;
	}
	length = (uint32_t)outcome.length;
	buffer_append(&r->outcome, &length, sizeof(length));
	buffer_span(&r->outcome, outcome);
	return r->outcome.failed ? -ENOMEM : r->count++;
}

static int mark_outcome(void *data, uint32_t state)
{
	struct reducing *r = data;
	struct buffer outcome = {0};
	int number;

	r->walker.state = state;
	meet_end(r->g, &r->walker, (struct span){"", 0}, false, &outcome);
	meet_end(r->g, &r->walker, (struct span){"", 0}, true, &outcome);
	number = outcome.failed ? -ENOMEM : number_of(r, buffer_view(&outcome));
	buffer_done(&outcome);
	return number;
}

/* The state that stands for `state` where the walker is. */
static uint32_t stand_in(struct cgroups *g, const struct walker *w, uint32_t state)
{
	struct reducing r = {.g = g, .walker = *w};
	uint64_t key = key_of(w);
	int e;

	for (unsigned i = 0; i < g->places; i++)
		if (g->place[i].key == key)
			return g->place[i].stand_in[state];
	if (g->places == PLACES || g->error)
		return state;
	e = components_reduce(g->components, w->below, mark_outcome, &r, &g->place[g->places].stand_in);
	buffer_done(&r.outcome);
	if (e < 0) {
		g->error = e;
		return state;
	}
	g->place[g->places++].key = key;
	return g->place[g->places - 1].stand_in[state];
}

static bool end_component(struct cgroups *g, const struct walker *walker, struct span results, bool supervised,
			  struct buffer *out)
{
	size_t head = out->length;
	bool open = meet_end(g, walker, results, supervised, out);
	struct walker w;

	if (out->failed)
		return false;
	memcpy(&w, out->data + head, sizeof(w));
	if (!w.over)
		w.state = stand_in(g, &w, components_start(g->components, w.below));
	memcpy(out->data + head, &w, sizeof(w));
	return open;
}

/* A walker's next byte. True: whether what was appended counts is open (see end_component()). */
static bool step_walker(struct cgroups *g, struct span walker, uint8_t c, bool supervised, struct buffer *out)
{
	struct span results;
	struct walker w = walker_of(walker, &results);

	if (c == '/' && w.begun)
		return end_component(g, &w, results, supervised, out);
	if (!w.over && c != '/') { /* else nothing counts any more, or "//" */
		w.state = stand_in(g, &w, components_next(g->components, w.below, w.state, c));
		w.begun = 1;
	}
	w.fresh = 0;
	buffer_append(out, &w, sizeof(w));
	buffer_span(out, results);
	return false;
}

void cgroups_start(struct cgroups *g, struct buffer *out)
{
	struct walker w = {.slices = 1, .root = 1};
	struct state_head head = {.first = sizeof(w)};

	w.state = stand_in(g, &w, components_start(g->components, false));
	buffer_append(out, &head, sizeof(head));
	buffer_append(out, &w, sizeof(w));
	out->failed |= g->error != 0;
}

static struct span behind(struct span s, size_t n)
{
	return (struct span){s.data + n, s.length - n};
}

/* Both walkers of a state that waits; which one goes on is known when the supervisor is there, or is not. */
static void step_both(struct cgroups *g, struct span first, struct span second, uint8_t c, struct state_head *head,
		      struct buffer *out)
{
	size_t before = out->length;

	if (c != (uint8_t)supervisor[head->waiting]) { /* a machine, then: its walk is over */
		head->waiting = 0;
		step_walker(g, first, c, false, out);
		return;
	}
	head->waiting++;
	if (head->waiting == sizeof(supervisor) - 1) {
		head->waiting = 0;
		step_walker(g, second, c, false, out);
		head->first = (uint32_t)(out->length - before);
		return;
	}
	step_walker(g, first, c, false, out);
	step_walker(g, second, c, false, out);
}

static void step_one(struct cgroups *g, struct span walker, uint8_t c, struct state_head *head, struct buffer *out)
{
	size_t before = out->length;
	bool open = step_walker(g, walker, c, false, out);

	head->first = (uint32_t)(out->length - before);
	if (open) {
		head->waiting = 1;
		step_walker(g, walker, c, true, out);
	}
}

void cgroups_step(struct cgroups *g, struct span state, uint8_t c, struct buffer *out)
{
	struct state_head head;
	struct span rest;

	memcpy(&head, state.data, sizeof(head));
	rest = behind(state, sizeof(head));
	buffer_append(out, &head, sizeof(head));
	if (head.waiting)
		step_both(g, (struct span){rest.data, head.first}, behind(rest, head.first), c, &head, out);
	else
		step_one(g, rest, c, &head, out);
	out->failed |= g->error != 0;
	if (!out->failed)
		memcpy(out->data, &head, sizeof(head));
}

/* The walker that counts when the path ends here. */
static struct span first_of(struct span state)
{
	struct state_head head;

	memcpy(&head, state.data, sizeof(head));
	return (struct span){state.data + sizeof(head), head.first};
}

void cgroups_matched(struct cgroups *g, struct span state, void (*told)(void *data, uint32_t id), void *data)
{
	struct span first = first_of(state), results;

	buffer_reset(&g->now);
	if (walker_of(first, &results).begun) { /* the end ends a component as a slash does */
		step_walker(g, first, '/', false, &g->now);
		if (g->now.failed)
			return;
		walker_of(buffer_view(&g->now), &results);
	}
	for (size_t i = 0; i + sizeof(uint32_t) <= results.length; i += sizeof(uint32_t)) {
		uint32_t id;

		memcpy(&id, results.data + i, sizeof(id));
		told(data, id);
	}
}

uint16_t cgroups_container(struct span state)
{
	struct span results;
	struct walker w = walker_of(first_of(state), &results);

	return (uint16_t)((w.form == FORM_TAIL ? CONTAINER_TAIL : w.form) | (w.fresh ? CONTAINER_FRESH : 0));
}
