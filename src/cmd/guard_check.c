/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard check: mistakes in a rule file, rules that do nothing, rules that have never matched. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "capture/cgroup.h"
#include "cmd/guard.h"
#include "guard/check.h"
#include "guard/gate.h"
#include "guard/policy.h"

static int set_hits(void *target, const char *value, const char **ret_error)
{
	((struct guard_options *)target)->hits = true;
	return 0;
}

const struct option_spec guard_check_options[] = {
	{"hits", NULL, "check: also tell rules that have never matched;\nthe guard must be in force with these rules",
	 set_hits},
	{NULL, NULL, NULL, NULL},
};

static void tell(void *context, const char *text)
{
	log_line("%s", text);
}

int guard_read_rules(const char *path, struct policy *ret_policy)
{
	struct policy_source source = {.path = path, .legacy = cgroup_is_legacy(), .mistake = tell};

	return policy_read(&source, ret_policy);
}

static unsigned tell_idle(const struct rules *r)
{
	unsigned found = 0;

	for (unsigned i = 0; i < r->count; i++) {
		const struct rule *rule = &r->rule[i];
		unsigned hidden = check_hidden(r, i);

		if (check_impossible(rule))
			printf("%s:%u: no call can be all of this: %.*s\n", r->file, rule->line, (int)rule->text.length,
			       rule->text.data);
		else if (hidden != TABLE_NONE)
			printf("%s:%u: line %u takes every call that this rule would: %.*s\n", r->file, rule->line,
			       r->rule[hidden].line, (int)rule->text.length, rule->text.data);
		else
			continue;
		found++;
	}
	return found;
}

/* The file's name apart. */
static bool is_same(const struct table *a, const struct table *b)
{
	return memcmp(a, b, offsetof(struct table, file)) == 0;
}

/* With `wanted`, what stands in the way is said. *ret_found: rules that never matched. 0, or -errno after a message. */
static int tell_hits(const struct policy *p, bool wanted, unsigned *ret_found)
{
	struct gate_status s = {0};
	struct problem problem = {0};
	int r = gate_status_read(&s, &problem);

	*ret_found = 0;
	if (r < 0) {
		if (wanted)
			log_line("guard: %s", problem.text);
		return r;
	}
	if (!s.loaded || !s.table || !is_same(s.table, p->table)) {
		if (wanted)
			log_line("%s: the guard is not in force with these rules, so there are no hits of them; to put "
				 "them in force: imdsnitch guard apply %s",
				 p->rules->file, p->rules->file);
		r = -ENOENT;
	}
	for (unsigned i = 0; r == 0 && i < p->rules->count; i++) {
		const struct rule *rule = &p->rules->rule[i];

		if (s.rule[i].hits)
			continue;
		printf("%s:%u: has not matched since the rules were applied: %.*s\n", p->rules->file, rule->line,
		       (int)rule->text.length, rule->text.data);
		(*ret_found)++;
	}
	gate_status_done(&s);
	return r;
}

int guard_check(const struct guard_options *o, char **words)
{
	struct policy p = {0};
	unsigned idle, cold = 0;
	int r;

	if (guard_read_rules(words[0], &p) < 0)
		return EXIT_USAGE;
	idle = tell_idle(p.rules);
	r = tell_hits(&p, o->hits, &cold);
	if (!idle && !cold)
		printf("%s is fine: %u rules, mode %s\n", words[0], p.rules->count,
		       p.rules->mode == TABLE_ENFORCE ? "enforce" : "audit");
	policy_done(&p);
	if (o->hits && r < 0)
		return EXIT_RIGHTS;
	return idle || cold ? EXIT_FINDINGS : EXIT_FINE;
}
