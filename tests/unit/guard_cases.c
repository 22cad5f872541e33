/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tests/guard/cases, by the table and by rules read one by one. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../guard/cases.h"
#include "guard/compile.h"
#include "guard/explain.h"

struct checker {
	struct rules *rules;
	struct table *table[2]; /* by `legacy` */
	unsigned questions, wrong;
};

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

static void forget(struct checker *c)
{
	c->rules = rules_free(c->rules);
	for (unsigned i = 0; i < 2; i++) {
		free(c->table[i]);
		c->table[i] = NULL;
	}
}

static void on_rules(void *context, const char *name, struct span text)
{
	struct checker *c = context;
	struct problem problem = {0};

	forget(c);
	assert_int_equal(rules_parse(name, text, NULL, no_mistake, NULL, &c->rules), 0);
	for (unsigned i = 0; i < 2; i++)
		if (rules_compile(c->rules, NULL, i, &c->table[i], &problem) < 0)
			fail_msg("%s", problem.text);
}

static const char *verdict_of(const struct answer *a)
{
	if (a->decision.verdict == DECISION_LATER)
		return "later";
	if (a->decision.verdict == DECISION_ALLOW)
		return "allow";
	return a->at_connect ? "eperm" : "eacces";
}

static void on_question(void *context, const struct cases_question *q)
{
	struct checker *c = context;
	const struct table *t = c->table[q->legacy];
	enum reading reading;
	struct answer a;
	struct facts f;
	unsigned line;

	c->questions++;
	assert_int_equal(question_ask(t, &c->rules->endpoints, &q->question, &a), 0);
	line = a.decision.rule == TABLE_NONE ? 0 : t->line[a.decision.rule];
	if (strcmp(verdict_of(&a), q->verdict) != 0 || line != q->rule_line) {
		print_error("cases:%u: %s: it is %s %u\n", q->line, q->text, verdict_of(&a), line);
		c->wrong++;
	}
	assert_int_equal(facts_init(&f, c->rules, NULL, q->legacy, &q->question, &a), 0);
	if (facts_first(&f, c->rules, &reading) != a.decision.rule) {
		print_error("cases:%u: %s: read one by one, it is another rule\n", q->line, q->text);
		c->wrong++;
	}
}

static void cases(void **state)
{
	struct checker c = {0};
	const struct cases_reader reader = {.rules = on_rules, .question = on_question, .context = &c};

	cases_read(CASES, &reader);
	forget(&c);
	assert_true(c.questions > 100);
	assert_int_equal(c.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
