/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard/compile.h"
#include "guard/question.h"

static const char rules_text[] = "allow user 0\n"
				 "allow unit amazon-ssm-agent.service\n"
				 "allow exe /usr/bin/cloud-init\n"
				 "deny v1\n"
				 "deny class credentials from user 33\n"
				 "deny path /latest/user-data from container *\n"
				 "allow\n";

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

struct fixture {
	struct rules *rules;
	struct table *table;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct problem problem;

	if (rules_parse("guard.rules", span_of(rules_text), NULL, no_mistake, NULL, &f.rules) < 0)
		return -1;
	if (rules_compile(f.rules, NULL, false, &f.table, &problem) < 0)
		return -1;
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	rules_free(f->rules);
	free(f->table);
	return 0;
}

static const struct question web = {
	.uid = 33,
	.exe = {"/usr/sbin/nginx", 15},
	.cgroup = {"/system.slice/nginx.service", 27},
	.address = {.ip = {[10] = 0xff, 0xff, 169, 254, 169, 254}, .port = 80},
};

/* "VERDICT LINE", or "later LINE". */
static const char *ask(const struct fixture *f, struct question q, const char *head)
{
	static const char *const verdicts[] = {"?", "allow", "deny", "later"};
	static char text[64];
	struct answer a;

	q.head = span_of(head);
	assert_int_equal(question_ask(f->table, &f->rules->endpoints, &q, &a), 0);
	snprintf(text, sizeof(text), "%s %u", verdicts[a.decision.verdict],
		 a.decision.rule == TABLE_NONE ? 0 : f->table->line[a.decision.rule]);
	return text;
}

#define TOKEN "X-aws-ec2-metadata-token: x\r\n"

static void who_decides_at_connect(void **state)
{
	struct question q = web;

	assert_string_equal(ask(*state, q, NULL), "later 4");
	q.uid = 0;
	assert_string_equal(ask(*state, q, NULL), "allow 1");
	q = web;
	q.exe = SPAN_LITERAL("/usr/bin/cloud-init");
	assert_string_equal(ask(*state, q, NULL), "allow 3");
	q = web;
	q.cgroup = SPAN_LITERAL("/system.slice/amazon-ssm-agent.service");
	assert_string_equal(ask(*state, q, NULL), "allow 2");
	q.cgroup = SPAN_LITERAL("/system.slice/x.service/amazon-ssm-agent.service");
	assert_string_equal(ask(*state, q, NULL), "later 4");
}

static void what_decides_at_the_request(void **state)
{
	struct question q = web;

	assert_string_equal(ask(*state, q, "GET /latest/meta-data/ HTTP/1.1\r\n\r\n"), "deny 4");
	assert_string_equal(ask(*state, q, "GET /latest/meta-data/ HTTP/1.1\r\n" TOKEN "\r\n"), "allow 7");
	assert_string_equal(
		ask(*state, q, "GET /latest/meta-data/iam/security-credentials/r HTTP/1.1\r\n" TOKEN "\r\n"), "deny 5");
	assert_string_equal(ask(*state, q,
				"GET //x/%2e%2e/latest/./meta%2ddata/iam/security-credentials/r HTTP/1.1\r\n" TOKEN
				"\r\n"),
			    "deny 5");
	assert_string_equal(ask(*state, q, "no http"), "deny 4");
	assert_string_equal(ask(*state, q, "GET /latest/user-data HTTP/1.1\r\n" TOKEN "\r\n"), "allow 7");
	q.cgroup = SPAN_LITERAL(
		"/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope");
	assert_string_equal(ask(*state, q, "GET /Latest/User-Data/x HTTP/1.1\r\n" TOKEN "\r\n"), "deny 6");
	q.cgroup = (struct span){0};
	assert_string_equal(ask(*state, q, "GET /latest/user-data HTTP/1.1\r\n" TOKEN "\r\n"), "deny 6");
}

static void other_addresses_are_none(void **state)
{
	const struct fixture *f = *state;
	struct question q = web;
	struct answer a;

	q.address.port = 81;
	assert_int_equal(question_ask(f->table, &f->rules->endpoints, &q, &a), -ENOENT);
	q.datagram = true;
	assert_int_equal(question_ask(f->table, &f->rules->endpoints, &q, &a), 0);
	assert_int_equal(a.decision.rule, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_decides_at_connect),
		cmocka_unit_test(what_decides_at_the_request),
		cmocka_unit_test(other_addresses_are_none),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
