/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/cgroups.h"

#include <stdio.h>
#include <stdlib.h>

/* What a component is, by itself. Ids of patterns below FACTS; above them those of values, by where they stand. */
enum fact {
	FACT_ID,       /* 64 hex digits */
	FACT_DASH,     /* docker-ID, docker-ID.scope … */
	FACT_PAYLOAD,  /* libpod-payload-ID */
	FACT_COLON,    /* kubepods.slice:docker:ID */
	FACT_MACHINE,  /* machine-NAME.scope */
	FACT_NSPAWN,   /* systemd-nspawn@NAME.service */
	FACT_QEMU,     /* either of them with a NAME that is a virtual machine's */
	FACT_LXC,      /* lxc.payload.NAME */
	FACT_MONITOR,  /* lxc.monitor… */
	FACT_ECS,      /* 32 hex digits, '-', hex digits */
	FACT_SLICE,    /* ends in .slice */
	FACT_SERVICE,  /* ends in .service, as it stands */
	FACT_UP,       /* .. */
	FACT_USER,     /* user */
	FACT_IS_ECS,   /* ecs */
	FACT_IN_SLICE, /* machine.slice: what is below may be a machine's */
	FACT_IN_LXC,   /* lxc, lxc.payload: what is below is a container */
	FACT_IN_ANY,   /* buildkit, garden: what is below is one, too */
	FACT_IN_POD,   /* libpod_parent: an ID below is none */
	/* Without a leading '_': */
	FACT_UNIT_SERVICE,
	FACT_UNIT_OTHER,
	FACT_UNIT_USER, /* user@… */
	FACT_UNIT_MANAGER,
	FACTS
};

/* Where a pattern is looked for: a component that cannot have a meaning somewhere needs no states there. */
enum when {
	WHEN_ANY = 1,
	WHEN_MACHINE = 2, /* in machine.slice */
	WHEN_ECS = 4,     /* below /ecs */
	WHEN_SLICES = 8,  /* nothing but slices so far */
	WHEN_ROOT = 16,
	WHEN_ID = 32,    /* an id of its own may be a container */
	WHEN_WHOLE = 64, /* a component of its own may be one */
};

#define BIT(fact) (1U << (fact))
#define PARENTS   (BIT(FACT_IN_SLICE) | BIT(FACT_IN_LXC) | BIT(FACT_IN_ANY) | BIT(FACT_IN_POD))

/* In which form of a component a value was recognised. */
enum form { FORM_WHOLE, FORM_DASH, FORM_COLON, FORM_MACHINE, FORM_NSPAWN, FORM_LXC, FORM_UNIT, FORM_UNIT_RAW, FORMS };

struct cgroups {
	struct nodes paths; /* the whole path: cgroup selectors */
	struct nodes whole; /* a component as it stands */
	struct nodes name;  /* without the '_' systemd puts in front */
	struct nodes below; /* what is looked for below a service: podman's payload */
	uint32_t *any;      /* values "*" */
	unsigned anys;
	bool walks; /* there are unit or container selectors */
	bool failed;
	struct buffer now, rest; /* scratch */
};

/*
 * A walk on its way, followed by `component` and `name` places and by `results` values. While it is open whether a
 * machine's supervisor follows (container.c, match_nspawn()), a state has two: if it does not, and if it does.
 */
struct walker {
	uint8_t over;   /* nothing below counts */
	uint8_t begun;  /* a byte of the component was read */
	uint8_t slices; /* see container.c */
	uint8_t ecs, below, root;
	uint8_t reserved[2];
	uint32_t parent; /* FACT_IN_* */
	uint32_t component, name, results;
};

struct state_head {
	uint32_t paths;   /* how many places in the path */
	uint32_t waiting; /* bytes of "/supervisor" seen; 0: there is one walker */
	uint32_t first;   /* bytes of the first walker */
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
static const char supervisor[] = "/supervisor";

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

static void fact(struct nodes *n, uint32_t when, const char *before, bool any, const char *after, enum fact id)
{
	nodes_begin(n, when);
	text(n, before);
	if (any)
		some(n);
	text(n, after);
	end(n, id);
}

static void fact_choice(struct nodes *n, const char *const *texts, enum fact id)
{
	nodes_begin(n, WHEN_ANY);
	nodes_choice(n, texts);
	end(n, id);
}

static void add_ids(struct nodes *n)
{
	uint32_t skip;

	nodes_begin(n, WHEN_ID);
	hex(n, 64);
	end(n, FACT_ID);
	nodes_begin(n, WHEN_ANY);
	nodes_choice(n, runtimes);
	hex(n, 64);
	skip = nodes_add(n, NODE_SKIP, 0, 0);
	text(n, ".scope");
	if (!n->failed)
		n->node[skip].to = n->count;
	end(n, FACT_DASH);
	nodes_begin(n, WHEN_ANY);
	nodes_add(n, NODE_NOT, ':', 0);
	nodes_choice(n, runtimes_colon);
	hex(n, 64);
	end(n, FACT_COLON);
	nodes_begin(n, WHEN_ECS);
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
	fact(n, WHEN_MACHINE, "machine-", true, ".scope", FACT_MACHINE);
	fact(n, WHEN_ANY, "systemd-nspawn@", true, ".service", FACT_NSPAWN);
	nodes_begin(n, WHEN_MACHINE);
	text(n, "machine-qemu\\x2d");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_QEMU);
	nodes_begin(n, WHEN_ANY);
	text(n, "systemd-nspawn@qemu\\x2d");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_QEMU);
	fact(n, WHEN_ANY, "lxc.payload.", true, "", FACT_LXC);
	nodes_begin(n, WHEN_ANY);
	text(n, "lxc.monitor");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_MONITOR);
}

static void ends_in(struct nodes *n, const char *suffix, enum fact id)
{
	nodes_begin(n, WHEN_SLICES);
	nodes_add(n, NODE_SEGMENT, 0, 0);
	text(n, suffix);
	end(n, id);
}

static void add_facts(struct cgroups *g)
{
	static const char *const lxc[] = {"lxc", "lxc.payload", NULL}, *const any[] = {"buildkit", "garden", NULL};
	static const char *const others[] = {".scope", ".socket", ".mount", ".swap", NULL};
	struct nodes *n = &g->whole;

	add_ids(n);
	add_machines(n);
	ends_in(n, ".slice", FACT_SLICE);
	ends_in(n, ".service", FACT_SERVICE);
	fact(n, WHEN_ANY, "..", false, "", FACT_UP);
	fact(n, WHEN_ROOT, "user", false, "", FACT_USER);
	fact(n, WHEN_ROOT, "ecs", false, "", FACT_IS_ECS);
	fact(n, WHEN_ANY, "machine.slice", false, "", FACT_IN_SLICE);
	fact(n, WHEN_ANY, "libpod_parent", false, "", FACT_IN_POD);
	fact_choice(n, lxc, FACT_IN_LXC);
	fact_choice(n, any, FACT_IN_ANY);
	n = &g->name;
	fact(n, WHEN_ANY, "", true, ".service", FACT_UNIT_SERVICE);
	nodes_begin(n, WHEN_ANY);
	some(n);
	nodes_choice(n, others);
	end(n, FACT_UNIT_OTHER);
	nodes_begin(n, WHEN_ANY);
	text(n, "user@");
	nodes_add(n, NODE_SEGMENT, 0, 0);
	end(n, FACT_UNIT_USER);
	fact_choice(n, managers, FACT_UNIT_MANAGER);
	nodes_begin(&g->below, WHEN_ANY);
	text(&g->below, "libpod-payload-");
	hex(&g->below, 64);
	end(&g->below, FACT_PAYLOAD);
}

struct cgroups *cgroups_new(void)
{
	struct cgroups *g = calloc(1, sizeof(*g));

	if (g)
		add_facts(g);
	return g;
}

struct cgroups *cgroups_free(struct cgroups *g)
{
	if (!g)
		return NULL;
	nodes_done(&g->paths);
	nodes_done(&g->whole);
	nodes_done(&g->name);
	nodes_done(&g->below);
	buffer_done(&g->now);
	buffer_done(&g->rest);
	free(g->any);
	free(g);
	return NULL;
}

static uint32_t value_id(uint32_t id, enum form form)
{
	return FACTS + id * FORMS + form;
}

/* A name as systemd writes it into a unit's: each byte may be escaped ("\x2d"). */
static void escaped(struct nodes *n, const char *s)
{
	char code[8];

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		uint32_t skip, jump;

		if (c <= 0x20 || c >= 0x7f) {
			nodes_add(n, NODE_BYTE, c, 0);
			continue;
		}
		snprintf(code, sizeof(code), "\\x%02x", c);
		skip = nodes_add(n, NODE_SKIP, 0, 0);
		nodes_add(n, NODE_BYTE, c, 0);
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

/* Behind a runtime's name there are only ids. */
static void add_runtime_id(struct cgroups *g, const char *id, uint32_t value)
{
	nodes_begin(&g->whole, WHEN_ANY);
	nodes_choice(&g->whole, runtimes);
	text(&g->whole, id);
	tail(&g->whole, true, "", value_id(value, FORM_DASH));
	nodes_begin(&g->whole, WHEN_ANY);
	nodes_add(&g->whole, NODE_NOT, ':', 0);
	nodes_choice(&g->whole, runtimes_colon);
	text(&g->whole, id);
	tail(&g->whole, true, "", value_id(value, FORM_COLON));
	nodes_begin(&g->below, WHEN_ANY);
	text(&g->below, "libpod-payload-");
	text(&g->below, id);
	tail(&g->below, true, "", value_id(value, FORM_DASH));
}

static void add_any(struct cgroups *g, uint32_t value)
{
	uint32_t *more = reallocarray(g->any, g->anys + 1, sizeof(*more));

	if (!more) {
		g->failed = true;
		return;
	}
	g->any = more;
	more[g->anys++] = value;
}

static void add_container(struct cgroups *g, const char *id, uint32_t value)
{
	bool prefix = selector_is_id_prefix(id);

	if (strcmp(id, "*") == 0) {
		add_any(g, value);
		return;
	}
	if (prefix)
		add_runtime_id(g, id, value);
	nodes_begin(&g->whole, WHEN_WHOLE);
	text(&g->whole, id);
	tail(&g->whole, prefix, "", value_id(value, FORM_WHOLE));
	nodes_begin(&g->whole, WHEN_ANY);
	text(&g->whole, "lxc.payload.");
	text(&g->whole, id);
	tail(&g->whole, prefix, "", value_id(value, FORM_LXC));
	nodes_begin(&g->whole, WHEN_MACHINE);
	text(&g->whole, "machine-");
	escaped(&g->whole, id);
	tail(&g->whole, prefix, ".scope", value_id(value, FORM_MACHINE));
	nodes_begin(&g->whole, WHEN_ANY);
	text(&g->whole, "systemd-nspawn@");
	escaped(&g->whole, id);
	tail(&g->whole, prefix, ".service", value_id(value, FORM_NSPAWN));
}

void cgroups_add(struct cgroups *g, enum selector_kind kind, const char *s, uint32_t id)
{
	if (kind == SELECT_CGROUP) {
		nodes_begin(&g->paths, WHEN_ANY);
		text(&g->paths, s);
		if (*s)
			nodes_add(&g->paths, NODE_PREFIX, 0, id);
		nodes_add(&g->paths, NODE_REST, 0, id);
		return;
	}
	g->walks = true;
	if (kind == SELECT_CONTAINER) {
		add_container(g, s, id);
		return;
	}
	nodes_begin(&g->name, WHEN_SLICES);
	nodes_glob(&g->name, s);
	end(&g->name, value_id(id, FORM_UNIT));
	nodes_begin(&g->whole, WHEN_SLICES);
	nodes_glob(&g->whole, s);
	end(&g->whole, value_id(id, FORM_UNIT_RAW));
}

bool cgroups_ready(struct cgroups *g)
{
	return !g->failed && !g->paths.failed && !g->whole.failed && !g->name.failed && !g->below.failed;
}

unsigned cgroups_classes(const struct cgroups *g, uint8_t class_of[static 256], unsigned classes)
{
	bool in[256] = {0};

	classes = nodes_classes(&g->paths, class_of, classes);
	if (!g->walks)
		return classes;
	for (const char *c = supervisor; *c; c++) {
		memset(in, 0, sizeof(in));
		in[(uint8_t)*c] = true;
		classes = classes_split(class_of, classes, in);
	}
	memset(in, 0, sizeof(in));
	in['_'] = true;
	classes = classes_split(class_of, classes, in);
	classes = nodes_classes(&g->whole, class_of, classes);
	classes = nodes_classes(&g->name, class_of, classes);
	return nodes_classes(&g->below, class_of, classes);
}

/* The parts of a walker's bytes. */
struct parts {
	struct walker walker;
	struct span component, name, results;
};

static struct parts take_apart(struct span s)
{
	struct parts p;
	const char *at = s.data + sizeof(p.walker);

	memcpy(&p.walker, s.data, sizeof(p.walker));
	p.component = (struct span){at, p.walker.component};
	at += p.walker.component;
	p.name = (struct span){at, p.walker.name};
	at += p.walker.name;
	p.results = (struct span){at, p.walker.results};
	return p;
}

static uint32_t when_of(const struct walker *w)
{
	bool all = w->parent & (BIT(FACT_IN_LXC) | BIT(FACT_IN_ANY));
	bool id = !all && !(w->parent & BIT(FACT_IN_POD));

	return WHEN_ANY | (w->parent & BIT(FACT_IN_SLICE) ? WHEN_MACHINE : 0) | (w->ecs ? WHEN_ECS : 0) |
	       (w->slices ? WHEN_SLICES : 0) | (w->root ? WHEN_ROOT : 0) | (id ? WHEN_ID : 0) |
	       (all || id || w->ecs ? WHEN_WHOLE : 0);
}

/* Appends a walker at the start of a component, or one whose walk is over. */
static void put_walker(struct cgroups *g, struct walker w, struct span results, struct buffer *out)
{
	size_t head = out->length, before;

	w.begun = 0;
	w.component = w.name = 0;
	w.results = (uint32_t)results.length;
	buffer_append(out, &w, sizeof(w));
	before = out->length;
	if (!w.over)
		nodes_enter(w.below ? &g->below : &g->whole, when_of(&w), out);
	w.component = (uint32_t)(out->length - before);
	before = out->length;
	if (!w.over && !w.below)
		nodes_enter(&g->name, when_of(&w), out);
	w.name = (uint32_t)(out->length - before);
	if (!out->failed)
		memcpy(out->data + head, &w, sizeof(w));
	buffer_span(out, results);
}

struct facts {
	uint32_t bits;
	struct buffer *out;
	unsigned form; /* which values count, now */
};

static void note_fact(void *data, uint32_t id)
{
	if (id < FACTS)
		((struct facts *)data)->bits |= BIT(id);
}

static void note_value(void *data, uint32_t id)
{
	struct facts *f = data;
	uint32_t value = (id - FACTS) / FORMS;

	if (id >= FACTS && (id - FACTS) % FORMS == f->form)
		buffer_append(f->out, &value, sizeof(value));
}

static void add_values(const struct nodes *n, struct span places, enum form form, struct buffer *results)
{
	struct facts f = {.out = results, .form = form};

	nodes_matched(n, places, note_value, &f);
}

static uint32_t facts_of(struct cgroups *g, const struct parts *p)
{
	struct facts f = {0};

	nodes_matched(p->walker.below ? &g->below : &g->whole, p->component, note_fact, &f);
	if (!p->walker.below)
		nodes_matched(&g->name, p->name, note_fact, &f);
	return f.bits;
}

/* Which form of container the component is, FORMS: none (container.c, match_container()). */
static enum form container_form(const struct walker *w, uint32_t facts, bool supervised)
{
	if (w->below)
		return facts & BIT(FACT_PAYLOAD) ? FORM_DASH : FORMS;
	if (facts & BIT(FACT_DASH))
		return FORM_DASH;
	if (facts & BIT(FACT_COLON))
		return FORM_COLON;
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
		return FORMS;
	return w->parent & BIT(FACT_IN_ANY) || facts & BIT(FACT_ID) ? FORM_WHOLE : FORMS;
}

static void find_container(struct cgroups *g, const struct parts *p, uint32_t facts, enum form form,
			   struct buffer *results)
{
	const struct nodes *n = p->walker.below ? &g->below : &g->whole;

	for (unsigned i = 0; i < g->anys; i++)
		buffer_append(results, &g->any[i], sizeof(g->any[i]));
	add_values(n, p->component, form, results);
	if (p->walker.slices && facts & BIT(FACT_SERVICE))
		add_values(n, p->component, FORM_UNIT_RAW, results);
}

/* container.c, descend(). */
static void descend(struct cgroups *g, const struct parts *p, uint32_t facts, struct walker *w, struct buffer *results)
{
	bool root = w->root, unit = facts & (BIT(FACT_UNIT_SERVICE) | BIT(FACT_UNIT_OTHER));

	w->root = 0;
	w->parent = facts & PARENTS;
	w->over = w->below || facts & BIT(FACT_UP);
	if (w->over)
		return;
	if (unit) {
		if (w->slices)
			add_values(&g->name, p->name, FORM_UNIT, results);
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

/* The component is complete. Appends the walker that goes on. True: it is a machine's, unless a supervisor follows. */
static bool end_component(struct cgroups *g, const struct parts *p, bool supervised, struct buffer *out)
{
	uint32_t facts = facts_of(g, p);
	enum form form = container_form(&p->walker, facts, supervised);
	struct walker w = p->walker;

	buffer_reset(&g->rest);
	buffer_span(&g->rest, p->results);
	if (form != FORMS) {
		find_container(g, p, facts, form, &g->rest);
		w.over = 1;
	} else {
		descend(g, p, facts, &w, &g->rest);
	}
	if (w.over) {
		uint32_t length = w.results;

		w = (struct walker){.over = 1, .results = length};
	}
	put_walker(g, w, in_order(&g->rest), out);
	return form == FORM_MACHINE || form == FORM_NSPAWN;
}

/* A byte that ends no component. */
static void step_inside(struct cgroups *g, const struct parts *p, uint8_t c, struct buffer *out)
{
	struct walker w = p->walker;
	size_t head = out->length, before;

	if (w.over || c == '/') { /* nothing counts any more, or "//" */
		buffer_append(out, &w, sizeof(w));
		buffer_span(out, p->component);
		buffer_span(out, p->name);
		buffer_span(out, p->results);
		return;
	}
	buffer_append(out, &w, sizeof(w));
	before = out->length;
	nodes_step(w.below ? &g->below : &g->whole, p->component, c, out);
	w.component = (uint32_t)(out->length - before);
	before = out->length;
	if (!w.begun && c == '_')
		buffer_span(out, p->name);
	else
		nodes_step(&g->name, p->name, c, out);
	w.name = (uint32_t)(out->length - before);
	buffer_span(out, p->results);
	w.begun = 1;
	if (!out->failed)
		memcpy(out->data + head, &w, sizeof(w));
}

/* A walker's next byte. True: whether what was appended counts is open (see end_component()). */
static bool step_walker(struct cgroups *g, struct span walker, uint8_t c, bool supervised, struct buffer *out)
{
	struct parts p = take_apart(walker);

	if (c == '/' && p.walker.begun && !p.walker.over)
		return end_component(g, &p, supervised, out);
	step_inside(g, &p, c, out);
	return false;
}

void cgroups_start(struct cgroups *g, struct buffer *out)
{
	struct state_head head = {0};
	struct walker w = {.slices = 1, .root = 1};
	size_t before;

	buffer_append(out, &head, sizeof(head));
	before = out->length;
	nodes_enter(&g->paths, NODES_ALWAYS, out);
	head.paths = (uint32_t)(out->length - before);
	before = out->length;
	w.over = !g->walks;
	put_walker(g, w, (struct span){"", 0}, out);
	head.first = (uint32_t)(out->length - before);
	if (!out->failed)
		memcpy(out->data, &head, sizeof(head));
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
		buffer_span(out, first);
		return;
	}
	head->waiting++;
	if (head->waiting == sizeof(supervisor) - 1) {
		head->waiting = 0;
		step_walker(g, second, c, false, out);
		head->first = (uint32_t)(out->length - before);
		return;
	}
	buffer_span(out, first);
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
	size_t start = out->length;
	struct span rest;

	memcpy(&head, state.data, sizeof(head));
	rest = behind(state, sizeof(head));
	buffer_append(out, &head, sizeof(head));
	nodes_step(&g->paths, (struct span){rest.data, head.paths}, c, out);
	rest = behind(rest, head.paths);
	head.paths = (uint32_t)(out->length - start - sizeof(head));
	if (head.waiting)
		step_both(g, (struct span){rest.data, head.first}, behind(rest, head.first), c, &head, out);
	else
		step_one(g, rest, c, &head, out);
	if (!out->failed)
		memcpy(out->data + start, &head, sizeof(head));
}

void cgroups_matched(struct cgroups *g, struct span state, void (*told)(void *data, uint32_t id), void *data)
{
	struct state_head head;
	struct span rest;
	struct parts p;

	memcpy(&head, state.data, sizeof(head));
	rest = behind(state, sizeof(head));
	nodes_matched(&g->paths, (struct span){rest.data, head.paths}, told, data);
	rest = (struct span){rest.data + head.paths, head.first};
	buffer_reset(&g->now);
	if (take_apart(rest).walker.begun) {
		step_walker(g, rest, '/', false, &g->now);
		rest = buffer_view(&g->now);
	}
	if (g->now.failed)
		return;
	p = take_apart(rest);
	for (size_t i = 0; i + sizeof(uint32_t) <= p.results.length; i += sizeof(uint32_t)) {
		uint32_t id;

		memcpy(&id, p.results.data + i, sizeof(id));
		told(data, id);
	}
}
