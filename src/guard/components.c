/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/components.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "guard/partition.h"
#include "guard/pattern.h"

/* What there is to know of a component: its facts, and the ids of the values that match. */
struct meaning {
	uint32_t facts;
	uint32_t *id;
	uint32_t ids;
};

struct components {
	struct nodes whole;                /* a component as it stands */
	struct nodes name;                 /* without the '_' systemd puts in front */
	struct nodes below;                /* what is looked for below a service: podman's payload */
	struct automaton_text here, there; /* of whole and name; of below */
	struct meaning *meaning;           /* by mark, of both */
	uint32_t meanings;
	struct buffer ids; /* scratch, as is: */
	uint32_t facts;
};

static const char *const runtimes[] = {"docker-", "cri-containerd-", "nerdctl-", "crio-",
				       "libpod-", "libpod-payload-", NULL};
static const char *const runtimes_colon[] = {
	":docker:", ":cri-containerd:", ":nerdctl:", ":crio:", ":libpod:", ":libpod-payload:", NULL};
static const char *const managers[] = {
	"containerd.service",
	"docker.service",
	"snap.docker.dockerd.service",
	"crio.service",
	"k3s.service",
	"k3s-agent.service",
	"rke2-server.service",
	"rke2-agent.service",
	"kubelet.service",
	"buildkit.service",
	"garden.service",
	"ecs.service",
	NULL,
};

static void hex(struct nodes *n, unsigned digits)
{
	while (digits--)
		nodes_add(n, NODE_HEX, 0, 0);
}

static void text(struct nodes *n, const char *s)
{
	nodes_text(n, span_of(s), false);
}

static void end(struct nodes *n, uint32_t id)
{
	nodes_add(n, NODE_END, 0, id);
}

/* At least one byte. */
static void some(struct nodes *n)
{
	nodes_add(n, NODE_ANY, 0, 0);
	nodes_add(n, NODE_SEGMENT, 0, 0);
}

static void fact(struct nodes *n, const char *before, bool any, const char *after, enum fact id)
{
	nodes_begin(n);
	text(n, before);
	if (any)
		some(n);
	text(n, after);
	end(n, id);
}

static void fact_choice(struct nodes *n, const char *const *texts, enum fact id)
{
	nodes_begin(n);
	nodes_choice(n, texts);
	end(n, id);
}

static void add_ids(struct nodes *n)
{
	uint32_t skip;

	nodes_begin(n);
	hex(n, 64);
	end(n, FACT_ID);
	nodes_begin(n);
	nodes_choice(n, runtimes);
	hex(n, 64);
	skip = nodes_add(n, NODE_SKIP, 0, 0);
	text(n, ".scope");
	if (!n->failed)
		n->node[skip].to = n->count;
	end(n, FACT_DASH);
	nodes_begin(n);
	nodes_add(n, NODE_NOT, ':', 0);
	nodes_choice(n, runtimes_colon);
	hex(n, 64);
	end(n, FACT_COLON);
	nodes_begin(n);
	hex(n, 32);
	text(n, "-");
	nodes_add(n, NODE_HEX, 0, 0);
	skip = nodes_add(n, NODE_SKIP, 0, 0);
	nodes_add(n, NODE_HEX, 0, 0);
	nodes_add(n, NODE_JUMP, 0, skip);
	if (!n->failed)
		n->node[skip].to = n->count;
	end(n, FACT_ECS);
}

static void add_machines(struct nodes *n)
{
	fact(n, "machine-", true, ".scope", FACT_MACHINE);
	fact(n, "systemd-nspawn@", true, ".service", FACT_NSPAWN);
	nodes_begin(n);
	text(n, "machine-qemu\\x2d");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_QEMU);
	nodes_begin(n);
	text(n, "systemd-nspawn@qemu\\x2d");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_QEMU);
	fact(n, "lxc.payload.", true, "", FACT_LXC);
	nodes_begin(n);
	text(n, "lxc.monitor");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_MONITOR);
}

static void ends_in(struct nodes *n, const char *suffix, enum fact id)
{
	nodes_begin(n);
	nodes_add(n, NODE_SEGMENT, 0, 0);
	text(n, suffix);
	end(n, id);
}

static void add_facts(struct components *c)
{
	static const char *const lxc[] = {"lxc", "lxc.payload", NULL}, *const any[] = {"buildkit", "garden", NULL};
	static const char *const others[] = {".scope", ".socket", ".mount", ".swap", NULL};
	struct nodes *n = &c->whole;

	add_ids(n);
	add_machines(n);
	ends_in(n, ".slice", FACT_SLICE);
	ends_in(n, ".service", FACT_SERVICE);
	fact(n, "..", false, "", FACT_UP);
	fact(n, "user", false, "", FACT_USER);
	fact(n, "ecs", false, "", FACT_IS_ECS);
	fact(n, "machine.slice", false, "", FACT_IN_SLICE);
	fact(n, "libpod_parent", false, "", FACT_IN_POD);
	fact_choice(n, lxc, FACT_IN_LXC);
	fact_choice(n, any, FACT_IN_ANY);
	n = &c->name;
	fact(n, "", true, ".service", FACT_UNIT_SERVICE);
	nodes_begin(n);
	some(n);
	nodes_choice(n, others);
	end(n, FACT_UNIT_OTHER);
	nodes_begin(n);
	text(n, "user@");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_UNIT_USER);
	fact_choice(n, managers, FACT_UNIT_MANAGER);
	nodes_begin(&c->below);
	text(&c->below, "libpod-payload-");
	hex(&c->below, 64);
	end(&c->below, FACT_PAYLOAD);
}

static uint32_t value_id(uint32_t id, enum form form)
{
	return FACTS + forms_id(id, form);
}

/*
 * A name as systemd writes it into a unit's. Escaped ("\x2d") is what systemd escapes; container.c also reads escapes
 * of letters and digits, which nobody writes and which would take five states in place of one.
 */
static void escaped(struct nodes *n, const char *s)
{
	char code[8];

	for (; *s; s++) {
		unsigned char byte = (unsigned char)*s;
		uint32_t skip, jump;

		if (byte <= 0x20 || byte >= 0x7f || isalnum(byte)) {
			nodes_add(n, NODE_BYTE, byte, 0);
			continue;
		}
		snprintf(code, sizeof(code), "\\x%02x", byte);
		skip = nodes_add(n, NODE_SKIP, 0, 0);
		nodes_add(n, NODE_BYTE, byte, 0);
		jump = nodes_add(n, NODE_JUMP, 0, 0);
		if (!n->failed)
			n->node[skip].to = n->count;
		text(n, code);
		if (!n->failed)
			n->node[jump].to = n->count;
	}
}

static void tail(struct nodes *n, bool prefix, const char *suffix, uint32_t id)
{
	if (prefix)
		nodes_add(n, NODE_SEGMENT, 0, 0);
	text(n, suffix);
	end(n, id);
}

void components_add_tail(struct nodes *n, const char *id, uint32_t value)
{
	if (!selector_is_id_prefix(id)) /* behind a runtime's name there are only ids */
		return;
	nodes_begin(n);
	text(n, id);
	tail(n, true, "", value);
}

void components_add_name(struct nodes *n, const char *id, uint32_t value)
{
	bool prefix = selector_is_id_prefix(id);

	nodes_begin(n);
	text(n, id);
	tail(n, prefix, "", forms_id(value, FORM_WHOLE));
	nodes_begin(n);
	text(n, "lxc.payload.");
	text(n, id);
	tail(n, prefix, "", forms_id(value, FORM_LXC));
	nodes_begin(n);
	text(n, "machine-");
	escaped(n, id);
	tail(n, prefix, ".scope", forms_id(value, FORM_MACHINE));
	nodes_begin(n);
	text(n, "systemd-nspawn@");
	escaped(n, id);
	tail(n, prefix, ".service", forms_id(value, FORM_NSPAWN));
}

void components_add(struct components *c, const char *unit, uint32_t value)
{
	nodes_begin(&c->name);
	nodes_glob(&c->name, unit);
	end(&c->name, value_id(value, FORM_UNIT));
	nodes_begin(&c->whole);
	nodes_glob(&c->whole, unit);
	end(&c->whole, value_id(value, FORM_UNIT_RAW));
}

struct components *components_new(void)
{
	struct components *c = calloc(1, sizeof(*c));

	if (c)
		add_facts(c);
	return c;
}

struct components *components_free(struct components *c)
{
	if (!c)
		return NULL;
	nodes_done(&c->whole);
	nodes_done(&c->name);
	nodes_done(&c->below);
	automaton_text_done(&c->here);
	automaton_text_done(&c->there);
	for (uint32_t i = 0; i < c->meanings; i++)
		free(c->meaning[i].id);
	free(c->meaning);
	buffer_done(&c->ids);
	free(c);
	return NULL;
}

/* A state of `here`, followed by the places in `whole` and those in `name`. */
struct here_head {
	uint32_t begun; /* a byte was read */
	uint32_t whole; /* bytes of the places */
};

static void here_start(void *data, struct buffer *out)
{
	struct components *c = data;
	struct here_head head = {0};

	buffer_append(out, &head, sizeof(head));
	nodes_enter(&c->whole, out);
	head.whole = (uint32_t)(out->length - sizeof(head));
	nodes_enter(&c->name, out);
	if (!out->failed)
		memcpy(out->data, &head, sizeof(head));
}

static struct here_head here_parts(struct span state, struct span *ret_whole, struct span *ret_name)
{
	struct here_head head;

	memcpy(&head, state.data, sizeof(head));
	*ret_whole = (struct span){state.data + sizeof(head), head.whole};
	*ret_name = (struct span){ret_whole->data + head.whole, state.length - sizeof(head) - head.whole};
	return head;
}

static void here_step(void *data, struct span state, uint8_t byte, struct buffer *out)
{
	struct components *c = data;
	struct span whole, name;
	struct here_head head = here_parts(state, &whole, &name);

	buffer_append(out, &head, sizeof(head));
	nodes_step(&c->whole, whole, byte, out);
	head.whole = (uint32_t)(out->length - sizeof(head));
	if (!head.begun && byte == '_')
		buffer_span(out, name);
	else
		nodes_step(&c->name, name, byte, out);
	head.begun = 1;
	if (!out->failed)
		memcpy(out->data, &head, sizeof(head));
}

static void note(void *data, uint32_t id)
{
	struct components *c = data;

	if (id < FACTS)
		c->facts |= FACT_BIT(id);
	else
		buffer_append(&c->ids, &id, sizeof(id));
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int add_meaning(struct components *c, uint32_t ids)
{
	struct meaning *more;
	uint32_t *id = malloc(c->ids.length + 1);

	more = reallocarray(c->meaning, c->meanings + 1, sizeof(*more));
	if (more)
		c->meaning = more;
	if (!more || !id) {
		free(id);
		return -ENOMEM;
	}
	if (ids)
		memcpy(id, c->ids.data, c->ids.length);
	more[c->meanings] = (struct meaning){.facts = c->facts, .id = id, .ids = ids};
	return (int)c->meanings++;
}

/* The number of the meaning that note() has collected. */
static int meaning_of(struct components *c)
{
	uint32_t ids = (uint32_t)(c->ids.length / sizeof(uint32_t));

	if (c->ids.failed)
		return -ENOMEM;
	if (ids)
		qsort(c->ids.data, ids, sizeof(uint32_t), compare);
	for (uint32_t i = 0; i < c->meanings; i++) {
		const struct meaning *m = &c->meaning[i];

		if (m->facts == c->facts && m->ids == ids && (!ids || memcmp(m->id, c->ids.data, c->ids.length) == 0))
			return (int)i;
	}
	return add_meaning(c, ids);
}

static int here_mark(void *data, struct span state)
{
	struct components *c = data;
	struct span whole, name;

	here_parts(state, &whole, &name);
	c->facts = 0;
	buffer_reset(&c->ids);
	nodes_matched(&c->whole, whole, note, c);
	nodes_matched(&c->name, name, note, c);
	return meaning_of(c);
}

static void there_start(void *data, struct buffer *out)
{
	nodes_enter(&((struct components *)data)->below, out);
}

static void there_step(void *data, struct span state, uint8_t byte, struct buffer *out)
{
	nodes_step(&((struct components *)data)->below, state, byte, out);
}

static int there_mark(void *data, struct span state)
{
	struct components *c = data;

	c->facts = 0;
	buffer_reset(&c->ids);
	nodes_matched(&c->below, state, note, c);
	return meaning_of(c);
}

int components_build(struct components *c)
{
	struct automaton_source here = {.data = c, .start = here_start, .step = here_step, .mark = here_mark};
	struct automaton_source there = {.data = c, .start = there_start, .step = there_step, .mark = there_mark};
	bool in[256] = {['_'] = true};
	int r;

	if (c->whole.failed || c->name.failed || c->below.failed)
		return -ENOMEM;
	here.classes = classes_split(here.class_of, 1, in);
	here.classes = nodes_classes(&c->whole, here.class_of, here.classes);
	here.classes = nodes_classes(&c->name, here.class_of, here.classes);
	there.classes = nodes_classes(&c->below, there.class_of, 1);
	r = automaton_build(&here, &c->here);
	return r < 0 ? r : automaton_build(&there, &c->there);
}

static const struct automaton_text *text_of(const struct components *c, bool below)
{
	return below ? &c->there : &c->here;
}

static const struct meaning *meaning_at(const struct components *c, bool below, uint32_t state)
{
	return &c->meaning[text_of(c, below)->mark[state]];
}

uint32_t components_start(const struct components *c, bool below)
{
	return text_of(c, below)->start;
}

uint32_t components_next(const struct components *c, bool below, uint32_t state, uint8_t byte)
{
	const struct automaton_text *a = text_of(c, below);

	return a->next[state * a->classes + a->class_of[byte]];
}

int components_reduce(const struct components *c, bool below, int (*mark)(void *data, uint32_t state), void *data,
		      uint32_t **ret_stand_in)
{
	const struct automaton_text *a = text_of(c, below);
	_cleanup_free_ uint32_t *group = calloc(a->count, sizeof(*group)), *first = calloc(a->count, sizeof(*first));
	_cleanup_free_ int *marks = calloc(a->count, sizeof(*marks));
	int r = group && first && marks ? 0 : -ENOMEM;

	for (uint32_t n = 0; r == 0 && n < a->count; n++) {
		marks[n] = mark(data, n);
		r = marks[n] < 0 ? marks[n] : 0;
	}
	if (r == 0)
		r = partition_states(a->count, a->classes, a->next, marks, group, first);
	if (r < 0)
		return r;
	for (uint32_t n = 0; n < a->count; n++)
		group[n] = first[group[n]];
	*ret_stand_in = TAKE_PTR(group);
	return 0;
}

uint32_t components_facts(const struct components *c, bool below, uint32_t state)
{
	return meaning_at(c, below, state)->facts;
}

void components_values(const struct components *c, bool below, uint32_t state, enum form form, struct buffer *out)
{
	const struct meaning *m = meaning_at(c, below, state);

	for (uint32_t i = 0; i < m->ids; i++) {
		uint32_t value = (m->id[i] - FACTS) / FORMS;

		if ((m->id[i] - FACTS) % FORMS == form)
			buffer_append(out, &value, sizeof(value));
	}
}

/* Bytes that one of two automata tells apart. */
static unsigned split_by(const struct automaton_text *a, uint8_t class_of[static 256], unsigned classes)
{
	for (unsigned class = 0; class < a->classes; class ++) {
		bool in[256];

		for (unsigned byte = 0; byte < 256; byte++)
			in[byte] = a->class_of[byte] == class;
		classes = classes_split(class_of, classes, in);
	}
	return classes;
}

unsigned components_classes(const struct components *c, uint8_t class_of[static 256], unsigned classes)
{
	return split_by(&c->there, class_of, split_by(&c->here, class_of, classes));
}
