/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "guard/compile.h"
#include "guard/question.h"

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

static int compile(struct span text, struct table **ret_table, struct problem *problem)
{
	struct rules *r = NULL;
	int e;

	assert_int_equal(rules_parse("guard.rules", text, NULL, no_mistake, NULL, &r), 0);
	e = rules_compile(r, "aws", false, ret_table, problem);
	rules_free(r);
	return e;
}

static const char *const kinds[] = {"user 1%03u",
				    "group 2%03u",
				    "exe /opt/program-%1$u/bin/agent-%1$u",
				    "unit service-of-tenant-%u.service",
				    "cgroup /tenant.slice/tenant-%u.slice",
				    "path /latest/meta-data/tags/instance/tenant-%u",
				    "not user 3%03u",
				    "not exe /usr/lib/tool-%u",
				    "not unit other-%u.service",
				    "service ec2",
				    "address 169.254.169.254",
				    "version v1,v2",
				    "class metadata",
				    "method GET",
				    "not path /latest/user-data/%u",
				    "not container abcdef%06u"};

/* What the issue asks for at least. */
static void sixty_four_rules_of_sixteen_selectors(void **state)
{
	struct problem problem = {0};
	struct table *t = NULL;
	struct buffer text = {0};

	for (unsigned i = 0; i < 64; i++) {
		buffer_string(&text, i % 2 ? "deny" : "allow");
		for (unsigned k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			char word[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(word, sizeof(word), kinds[k], i);
#pragma GCC diagnostic pop
			buffer_byte(&text, ' ');
			buffer_string(&text, word);
		}
		buffer_byte(&text, '\n');
	}
	if (compile(buffer_view(&text), &t, &problem) < 0)
		fail_msg("%s", problem.text);
	assert_int_equal(t->rules, 64);
	print_message("states: exe %u, cgroup %u, unit %u, container %u, name %u, tail %u, path %u, judge %u\n",
		      t->exe.count, t->cgroup.count, t->unit.count, t->container.count, t->name.count, t->tail.count,
		      t->path.count, t->judge.count);
	free(t);
	buffer_done(&text);
}

static void too_much_is_told(void **state)
{
	struct problem problem = {0};
	struct table *t = NULL;
	struct buffer text = {0};

	for (unsigned i = 0; i < 65; i++)
		buffer_printf(&text, "deny group %u\n", i);
	assert_int_equal(compile(buffer_view(&text), &t, &problem), -E2BIG);
	assert_non_null(strstr(problem.text, "guard.rules: "));
	assert_non_null(strstr(problem.text, "group"));
	buffer_reset(&text);
	for (unsigned i = 0; i < 256; i++)
		buffer_printf(&text, "deny user %u,%u,%u\n", i * 10, i * 10 + 3, i * 10 + 6);
	assert_int_equal(compile(buffer_view(&text), &t, &problem), -E2BIG);
	assert_non_null(strstr(problem.text, "user ids"));
	buffer_reset(&text);
	for (unsigned i = 0; i < 24; i++)
		buffer_printf(&text, "deny exe /**/a%c*/b%c**/c*\n", 'a' + i, 'a' + i);
	assert_int_equal(compile(buffer_view(&text), &t, &problem), -E2BIG);
	assert_non_null(strstr(problem.text, "executables"));
	assert_null(t);
	buffer_done(&text);
}

static void the_file_is_cut_at_the_front(void **state)
{
	char name[300];
	struct problem problem = {0};
	struct table *t = NULL;
	struct rules *r = NULL;

	memset(name, 'x', sizeof(name));
	name[0] = '/';
	memcpy(name + 280, "/guard.rules", 13);
	assert_int_equal(rules_parse(name, SPAN_LITERAL("\n\ndeny\n"), NULL, no_mistake, NULL, &r), 0);
	assert_int_equal(rules_compile(r, NULL, true, &t, &problem), 0);
	assert_int_equal(strlen(t->file), TABLE_FILE - 1);
	assert_string_equal(t->file + TABLE_FILE - 13, "/guard.rules");
	assert_int_equal(t->line[0], 3);
	assert_int_equal(t->abi, TABLE_ABI);
	assert_int_equal(t->legacy, 1);
	assert_int_equal(t->mode, TABLE_AUDIT);
	rules_free(r);
	free(t);
}

static void intervals(void **state)
{
	struct problem problem = {0};
	struct table *t = NULL;

	assert_int_equal(compile(SPAN_LITERAL("deny user 10-20,30\nallow not user 15-35\n"), &t, &problem), 0);
	assert_int_equal(t->user[0].from, 0);
	for (uint32_t uid = 0; uid < 50; uid++) {
		const struct rule_set *set = decide_user(t, uid);

		assert_int_equal(rule_set_has(set, 0), (uid >= 10 && uid <= 20) || uid == 30);
		assert_int_equal(rule_set_has(set, 1), uid < 15 || uid > 35);
	}
	assert_int_equal(rule_set_has(decide_user(t, UINT32_MAX), 1), 1);
	free(t);
}

/* All of a table's states lead to states: the kernel's bounds are never needed. */
static void cells_are_within(void **state)
{
	struct problem problem = {0};
	struct table *t = NULL;
	const struct automaton *all[8];

	assert_int_equal(
		compile(SPAN_LITERAL("deny exe /a/**\ndeny unit x*\ndeny container *,abcdefabcdef\ndeny path /a/*/b\n"),
			&t, &problem),
		0);
	all[0] = &t->exe;
	all[1] = &t->cgroup;
	all[2] = &t->path;
	all[3] = &t->judge;
	all[4] = &t->unit;
	all[5] = &t->container;
	all[6] = &t->name;
	all[7] = &t->tail;
	for (unsigned i = 0; i < 8; i++) {
		assert_true(all[i]->start < all[i]->count);
		for (uint32_t n = 0; n < all[i]->count * all[i]->classes; n++)
			assert_true(t->cell[all[i]->cells + n] < all[i]->count);
		for (unsigned c = 0; c < 256; c++)
			assert_true(all[i]->class_of[c] < all[i]->classes);
	}
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_rules_of_sixteen_selectors),
		cmocka_unit_test(too_much_is_told),
		cmocka_unit_test(the_file_is_cut_at_the_front),
		cmocka_unit_test(intervals),
		cmocka_unit_test(cells_are_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
