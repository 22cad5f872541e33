/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guard/boot.h"
#include "guard/policy.h"
#include "guard/question.h"

static char path[] = "/tmp/imdsnitch-policy-XXXXXX";
static char told[4096];

static void on_mistake(void *context, const char *text)
{
	size_t length = strlen(told);

	snprintf(told + length, sizeof(told) - length, "%s\n", text);
}

static struct policy_source source = {.path = path, .provider = "aws", .mistake = on_mistake};

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	told[0] = '\0';
}

static void a_file_becomes_a_table(void **state)
{
	struct policy p = {0};

	put("mode enforce\nboot closed\nallow user root\ndeny\n");
	assert_int_equal(policy_read(&source, &p), 0);
	assert_int_equal(p.table->mode, TABLE_ENFORCE);
	assert_int_equal(p.table->rules, 2);
	assert_int_equal(p.table->line[1], 4);
	assert_int_equal(p.rules->boot, BOOT_CLOSED);
	assert_string_equal(told, "");
	policy_done(&p);
	assert_null(p.table);
}

static void mistakes_are_told(void **state)
{
	struct policy p = {0};

	put("allow\nnonsense\ndeny usr root\n");
	assert_int_equal(policy_read(&source, &p), -EINVAL);
	assert_non_null(strstr(told, ":2:1: "));
	assert_non_null(strstr(told, ":3:6: "));
	assert_null(p.rules);
	unlink(path);
	told[0] = '\0';
	assert_int_equal(policy_read(&source, &p), -ENOENT);
	assert_non_null(strstr(told, path));
}

static void closed_is_read_from_what_cannot_be(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {
		{"nonsense\nboot closed\n", 2},
		{"\t boot   closed # until all is well\n", 1},
		{"boot open\n", 0},
		{"# boot closed\n", 0},
		{"boot closed always\n", 0},
		{"boot closed", 1},
		{"", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		put(cases[i].text);
		assert_int_equal(policy_boot_closed(path), cases[i].line);
	}
	unlink(path);
	assert_int_equal(policy_boot_closed(path), 0);
}

static void closed_lets_nobody_pass(void **state)
{
	struct question q = {.uid = 0, .exe = SPAN_LITERAL("/bin/curl"), .cgroup = SPAN_LITERAL("/")};
	struct policy p = {0};
	struct answer answer;

	assert_int_equal(policy_closed(&source, 7, &p), 0);
	q.address = p.rules->endpoints.list[0].address;
	assert_int_equal(question_ask(p.table, &p.rules->endpoints, &q, &answer), 0);
	assert_int_equal(answer.decision.verdict, DECISION_DENY);
	assert_int_equal(p.table->mode, TABLE_ENFORCE);
	assert_int_equal(p.table->line[0], 7);
	assert_string_equal(p.table->file, path);
	policy_done(&p);
}

static void the_way_out(void **state)
{
	assert_true(boot_line_says_off(SPAN_LITERAL("BOOT_IMAGE=/vmlinuz root=/dev/vda1 imdsnitch.guard=off quiet")));
	assert_true(boot_line_says_off(SPAN_LITERAL("imdsnitch.guard=off")));
	assert_false(boot_line_says_off(SPAN_LITERAL("imdsnitch.guard=offline")));
	assert_false(boot_line_says_off(SPAN_LITERAL("ximdsnitch.guard=off")));
	assert_false(boot_line_says_off(SPAN_LITERAL("a=\"b imdsnitch.guard=off\"")));
	assert_false(boot_line_says_off(SPAN_LITERAL("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_becomes_a_table),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(closed_is_read_from_what_cannot_be),
		cmocka_unit_test(closed_lets_nobody_pass),
		cmocka_unit_test(the_way_out),
	};

	close(mkstemp(path));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
