/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets: the walk through the automata, byte by byte, ends where the path of call/path.h leads, and it is judged as
 * call/judge.c judges it. The first byte chooses provider and endpoint.
 */
#include "fuzz.h"

#include "bpf/walk.h"
#include "call/judge.h"
#include "guard/compile.h"

static const char rules_text[] = "endpoint 169.254.169.254=ec2\nendpoint 100.100.100.200=alibaba\n"
				 "endpoint 10.0.0.1=azure-imds\nendpoint 10.0.0.2=oracle\nendpoint 10.0.0.3=akamai\n"
				 "endpoint 10.0.0.4=huawei\nendpoint 10.0.0.5=vultr\n"
				 "deny path /latest/user-data\ndeny path /*/meta-data/iam\ndeny path /a/../b/*/*/c\n"
				 "deny path /%2e%2E/x,/,/latest\ndeny not path /latest/api/token\n";
static const char *const providers[] = {NULL, "aws", "azure", "oracle", "huawei", "gcp"};
#define PROVIDERS (sizeof(providers) / sizeof(*providers))

static struct rules *rules;
static struct table *tables[PROVIDERS];

static void no_mistake(void *context, const char *text)
{
	fuzz_fail(__FILE__, __LINE__, text);
}

static void set_up(void)
{
	struct problem problem;

	CHECK(rules_parse("walk", span_of(rules_text), NULL, no_mistake, NULL, &rules) == 0);
	for (unsigned i = 0; i < PROVIDERS; i++)
		CHECK(rules_compile(rules, providers[i], false, &tables[i], &problem) == 0);
}

/* How deep the path gets on its way, at most. */
static unsigned depth_of(struct span target)
{
	unsigned deepest = 0;

	for (size_t i = 0; i <= target.length; i++) {
		struct path p;
		unsigned depth = 0;

		path_init(&p, (struct span){target.data, i});
		for (size_t k = 0; k < p.length; k++)
			depth += p.text[k] == '/';
		depth += p.length > 0;
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest;
}

static uint32_t state_of(const struct table *t, const struct automaton *a, const struct path *p)
{
	uint32_t state = a->start;

	for (size_t i = 0; i < p->length; i++)
		state = automaton_next(t, a, state, (uint8_t)p->text[i]);
	return state;
}

static void compare(const struct table *t, const char *provider, unsigned address, const struct head *h,
		    const struct walk *w, const struct path *p)
{
	struct asked asked = {.known = 1, .path_known = 1};
	struct judgement j;

	asked_judge(t, 1 + address, h, w->now.judge, &asked);
	judge_request(rules->endpoints.list[address].service, provider, h, p, false, true, &j);
	CHECK(asked.service == 1 + service_row(j.service));
	CHECK(asked.version == j.version);
	CHECK(asked.class == j.class);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span target = {(const char *)data + 4, size - 4};
	struct head h = {0};
	struct walk w = {0};
	struct path p;
	unsigned i;

	if (!rules)
		set_up();
	if (size < 4 || size > 1500)
		return 0;
	i = data[0] % PROVIDERS;
	h.method_kind = data[1] & 1 ? METHOD_PUT : METHOD_GET;
	h.seen = data[2] & 1 ? HEADER_AWS_TOKEN : data[2] & 2 ? HEADER_AUTHORIZATION : 0;
	h.seen |= data[2] & 4 ? HEADER_ALIBABA_TOKEN | HEADER_HUAWEI_TOKEN : 0;
	h.flags = (data[2] & 8 ? HEAD_F_GOOGLE : 0) | (data[2] & 16 ? HEAD_F_METADATA_TRUE : 0);
	walk_init(tables[i], &w);
	for (size_t k = 0; k < target.length; k++)
		walk_step(tables[i], &w, (uint8_t)target.data[k]);
	walk_end(tables[i], &w);
	path_init(&p, target);
	CHECK(!p.cut);
	if (w.cut) {
		CHECK(depth_of(target) >= WALK_DEPTH);
		return 0;
	}
	CHECK(w.now.rules == state_of(tables[i], &tables[i]->path, &p));
	CHECK(w.now.judge == state_of(tables[i], &tables[i]->judge, &p));
	compare(tables[i], providers[i], data[3] % rules->endpoints.count, &h, &w, &p);
	return 0;
}
