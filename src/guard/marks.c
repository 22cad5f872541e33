/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/marks.h"

#include <errno.h>

#include "call/service_rules.h"
#include "guard/pattern.h"

_Static_assert((int)RULE_NONE == (int)TABLE_RULE_NONE && (int)RULE_TOKEN == (int)TABLE_RULE_TOKEN &&
		       (int)RULE_GOOGLE == (int)TABLE_RULE_GOOGLE && (int)RULE_ORACLE == (int)TABLE_RULE_ORACLE,
	       "the table has the same rules");
_Static_assert(CLASS_OTHER < TABLE_CLASSES && VERSION_UNKNOWN < TABLE_VERSIONS, "the table has room for all of them");

#define PATTERNS_MAX 1024

enum what { WHAT_EC2, WHAT_SECURE, WHAT_SHAPE, WHAT_TOKEN, WHAT_CLASS };

struct judging {
	struct nodes nodes;
	struct {
		uint8_t what; /* enum what */
		uint8_t service;
		uint8_t class;   /* enum call_class */
	} pattern[PATTERNS_MAX]; /* of one service in the order of its rows */
	unsigned patterns;
	struct path_marks *mark;
	unsigned marks, room;
	/* While one state is looked at: */
	bool matched[PATTERNS_MAX];
};

static void add(struct judging *j, const char *pattern, bool fold, enum what what, unsigned service, unsigned class)
{
	if (j->patterns == PATTERNS_MAX) {
		j->nodes.failed = true;
		return;
	}
	j->pattern[j->patterns].what = (uint8_t)what;
	j->pattern[j->patterns].service = (uint8_t)service;
	j->pattern[j->patterns].class = (uint8_t) class;
	nodes_path(&j->nodes, pattern, fold, j->patterns++);
}

static void add_service(struct judging *j, const struct service *s, unsigned service)
{
	if (s->token_path)
		add(j, s->token_path, s->fold_case, WHAT_TOKEN, service, 0);
	for (const struct class_rule *rule = s->classes; rule->pattern; rule++)
		add(j, rule->pattern, s->fold_case, WHAT_CLASS, service, rule->class);
}

static void add_all(struct judging *j, uint32_t services)
{
	const struct service *s;

	for (const char *const *pattern = ec2_paths; *pattern; pattern++)
		add(j, *pattern, false, WHAT_EC2, 0, 0);
	add(j, SECURE_PATH, false, WHAT_SECURE, 0, 0);
	for (const struct shape_rule *shape = shape_rules; shape->pattern; shape++)
		add(j, shape->pattern, true, WHAT_SHAPE, 1 + service_row(service_find(shape->service)), 0);
	for (unsigned row = 0; (s = service_of_row(row)) && row + 1 < TABLE_SERVICES; row++)
		if (services >> (row + 1) & 1)
			add_service(j, s, row + 1);
}

static void start(void *data, struct buffer *out)
{
	nodes_enter(&((struct judging *)data)->nodes, out);
}

static void step(void *data, struct span state, uint8_t c, struct buffer *out)
{
	nodes_step(&((struct judging *)data)->nodes, state, c, out);
}

static void note(void *data, uint32_t id)
{
	((struct judging *)data)->matched[id] = true;
}

/* First match wins, in shapes and in classes. */
static void note_pattern(const struct judging *j, unsigned i, struct path_marks *m)
{
	unsigned service = j->pattern[i].service;

	switch (j->pattern[i].what) {
	case WHAT_EC2:
		m->flags |= MARK_EC2;
		break;
	case WHAT_SECURE:
		m->flags |= MARK_SECURE;
		break;
	case WHAT_SHAPE:
		m->shape = m->shape ? m->shape : (uint8_t)service;
		break;
	case WHAT_TOKEN:
		m->token_of |= 1U << service;
		break;
	default:
		if (m->class[service] == CLASS_OTHER)
			m->class[service] = j->pattern[i].class;
		break;
	}
}

static int mark(void *data, struct span state)
{
	struct judging *j = data;
	struct path_marks m = {0};

	memset(j->matched, 0, sizeof(j->matched));
	memset(m.class + 1, CLASS_OTHER, sizeof(m.class) - 1);
	nodes_matched(&j->nodes, state, note, j);
	for (unsigned i = 0; i < j->patterns; i++)
		if (j->matched[i])
			note_pattern(j, i, &m);
	for (unsigned i = 0; i < j->marks; i++)
		if (memcmp(&j->mark[i], &m, sizeof(m)) == 0)
			return (int)i;
	if (j->marks == j->room)
		return -E2BIG;
	j->mark[j->marks] = m;
	return (int)j->marks++;
}

int marks_build(uint32_t services, struct automaton_text *ret_text, struct path_marks *ret_mark, unsigned room)
{
	struct judging j = {.mark = ret_mark, .room = room};
	struct automaton_source source = {.data = &j, .start = start, .step = step, .mark = mark};
	int r;

	add_all(&j, services);
	source.classes = nodes_classes(&j.nodes, source.class_of, 1);
	r = j.nodes.failed ? -ENOMEM : automaton_build(&source, ret_text);
	nodes_done(&j.nodes);
	return r;
}

uint32_t marks_of_shapes(void)
{
	uint32_t services =
		1U << (1 + service_row(service_find("gcp"))) | 1U << (1 + service_row(service_find("azure-imds")));

	for (const struct shape_rule *shape = shape_rules; shape->pattern; shape++)
		services |= 1U << (1 + service_row(service_find(shape->service)));
	return services;
}

void marks_services(struct table *t)
{
	const struct service *s;

	for (unsigned row = 0; (s = service_of_row(row)) && row + 1 < TABLE_SERVICES; row++)
		t->service_facts[row + 1] = (struct service_facts){.token_header = s->token_header,
								   .version_rule = (uint8_t)s->rule,
								   .has_token_path = s->token_path != NULL};
	t->service_gcp = (uint8_t)(1 + service_row(service_find("gcp")));
	t->service_azure = (uint8_t)(1 + service_row(service_find("azure-imds")));
}
