/* SPDX-License-Identifier: Apache-2.0 */
/* The walk through the automata ends where call/path.c and call/judge.c lead; tests/fuzz/walk.c asks further. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "bpf/walk.h"
#include "call/judge.h"
#include "guard/compile.h"

static const char rules_text[] = "endpoint 10.0.0.1=oracle\nendpoint 10.0.0.2=huawei\n"
				 "deny path /latest/user-data\ndeny path /*/meta-data/iam\ndeny path /a\n";

static const char *const targets[] = {
	"/latest/user-data",
	"/latest/meta-data/iam/",
	"//latest///user-data//",
	"/latest/./user-data/.",
	"/x/../latest/user-data",
	"/../../latest/user-data/y/..",
	"/latest/user%2Ddata?x/../y",
	"/latest%2Fuser-data#f",
	"http://169.254.169.254/latest/user-data",
	"HTTP://h:80//latest/user-data?",
	"a#b://c/latest/user-data",
	"a:b/c",
	"a:/b",
	"a:",
	"latest/user-data",
	"/%2e/latest/%2e%2e/latest/user-data",
	"/",
	"",
	"*",
	"/..",
	"/..a/.b/c..",
	"/...",
	"/a%zz%4",
	"/a%252e",
	"/%%41",
	"http://h",
	"http://h?x",
	"/latest/api/token",
	"/Metadata/identity/oauth2/token",
	"/computeMetadata/v1/instance/service-accounts/default/token",
	"/opc/v2/instance",
	"/openstack/latest/user_data",
	"/metadata/v1.json",
	"/metadata/../latest/meta-data/iam/security-credentials/r",
	"/identity/v1/token",
};

struct fixture {
	struct rules *rules;
	struct table *table;
	const char *provider;
};

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

static void open_fixture(struct fixture *f, const char *provider)
{
	struct problem problem;

	*f = (struct fixture){.provider = provider};
	assert_int_equal(rules_parse("f", span_of(rules_text), NULL, no_mistake, NULL, &f->rules), 0);
	assert_int_equal(rules_compile(f->rules, provider, false, &f->table, &problem), 0);
}

static void close_fixture(struct fixture *f)
{
	rules_free(f->rules);
	free(f->table);
}

static void walk_to_end(const struct table *t, const char *target, struct walk *w)
{
	walk_init(t, w);
	for (const char *c = target; *c; c++)
		walk_step(t, w, (uint8_t)*c);
	walk_end(t, w);
}

static void same_path(void **state)
{
	struct fixture f;

	open_fixture(&f, "aws");
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		uint32_t at = f.table->path.start;
		struct path p;
		struct walk w;

		path_init(&p, span_of(targets[i]));
		for (size_t k = 0; k < p.length; k++)
			at = automaton_next(f.table, &f.table->path, at, (uint8_t)p.text[k]);
		walk_to_end(f.table, targets[i], &w);
		if (w.now.rules != at || w.cut)
			fail_msg("%s leads elsewhere", targets[i]);
	}
	close_fixture(&f);
}

static void compare(const struct fixture *f, const char *target, struct head *h)
{
	for (unsigned e = 0; e < f->rules->endpoints.count; e++) {
		struct asked asked = {.known = 1, .path_known = 1};
		struct judgement j;
		struct path p;
		struct walk w;

		walk_to_end(f->table, target, &w);
		asked_judge(f->table, 1 + e, h, w.now.judge, &asked);
		path_init(&p, span_of(target));
		judge_request(f->rules->endpoints.list[e].service, f->provider, h, &p, false, true, &j);
		if (asked.service != 1 + service_row(j.service) || asked.version != j.version || asked.class != j.class)
			fail_msg("%s at endpoint %u is judged otherwise", target, e);
	}
}

static void same_judgement(void **state)
{
	static const char *const providers[] = {NULL, "aws", "azure", "huawei"};
	static const uint32_t seen[] = {0, HEADER_AWS_TOKEN, HEADER_AUTHORIZATION, HEADER_HUAWEI_TOKEN};
	static const uint32_t flags[] = {0, HEAD_F_GOOGLE, HEAD_F_METADATA_TRUE};

	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
		struct fixture f;

		open_fixture(&f, providers[i]);
		for (size_t k = 0; k < sizeof(targets) / sizeof(*targets); k++)
			for (unsigned n = 0; n < 24; n++) {
				struct head h = {.method_kind = n & 1 ? METHOD_PUT : METHOD_GET,
						 .seen = seen[n / 2 % 4],
						 .flags = flags[n / 8]};

				compare(&f, targets[k], &h);
			}
		close_fixture(&f);
	}
}

static void deep_paths_are_not_known(void **state)
{
	char target[2 * WALK_DEPTH + 8] = "";
	struct fixture f;
	struct walk w;

	open_fixture(&f, "aws");
	for (unsigned i = 0; i < WALK_DEPTH - 1; i++)
		strcat(target, "/x");
	walk_to_end(f.table, target, &w);
	assert_false(w.cut);
	strcat(target, "/x");
	walk_to_end(f.table, target, &w);
	assert_true(w.cut);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_path),
		cmocka_unit_test(same_judgement),
		cmocka_unit_test(deep_paths_are_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
