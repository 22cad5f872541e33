/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an inventory against rules: what is known decides, and what is not is in doubt. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/json.h"
#include "call/judge.h"
#include "caller/container.h"
#include "guard/compile.h"
#include "guard/hindsight.h"
#include "guard/question.h"
#include "guard/selector.h"

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

static int no_name(void *data, const char *name, uint32_t *ret_id)
{
	return -2;
}

static const struct rules_names no_names = {.user = no_name, .group = no_name};

static void judge(struct hindsight *h, const char *text, const char *provider, const char *rows)
{
	struct folded_reader r = {.row = hindsight_take, .context = h, .before = UINT64_MAX};
	struct problem problem = {0};
	struct rules *rules;
	struct table *table;

	*h = (struct hindsight){0};
	assert_int_equal(rules_parse("g.rules", span_of(text), &no_names, no_mistake, NULL, &rules), 0);
	if (rules_compile(rules, provider, false, &table, &problem) < 0)
		fail_msg("%s", problem.text);
	h->by = (struct hindsight_rules){rules, table, provider};
	assert_int_equal(folded_feed(&r, span_of(rows)), 0);
	assert_int_equal(folded_end(&r), 0);
	assert_int_equal(r.unusable, 0);
	folded_done(&r);
	tally_sort_by_count(&h->tally);
}

static void end(struct hindsight *h)
{
	hindsight_done(h);
	free((struct table *)h->by.table);
	rules_free((struct rules *)h->by.rules);
}

#define ROW(columns, number) "{" columns ",\"count\":" #number ",\"first_seen\":1000,\"last_seen\":2000}\n"
#define WEB                                                                                                            \
	"\"executable\":\"/usr/sbin/nginx\",\"user_id\":\"33\",\"place_kind\":\"unit\",\"place\":\"web.service\","     \
	"\"service\":\"ec2\""
#define NGINX                                                                                                          \
	"\"executable\":\"/usr/sbin/nginx\",\"user_id\":\"0\",\"place_kind\":\"image\",\"place\":\"nginx:1\","         \
	"\"container\":\"4c01db0b339c1b5e7a9f0d2e6c8b4a1f3d5e7092b4c6d8e0fa1b2c3d4e5f6071\",\"service\":\"ec2\""
#define V1      ",\"version\":\"v1\",\"class\":\"metadata\""
#define KEYS    ",\"version\":\"v2\",\"class\":\"credentials\""
#define TOKEN   ",\"version\":\"v2\",\"class\":\"token\""
#define DATA    ",\"version\":\"v2\",\"class\":\"user-data\""
#define CONNECT ",\"class\":\"connect\""
#define ASKED   ",\"request\":\"GET /latest/meta-data/mac\""

struct one {
	const char *rules, *row;
	char verdict;     /* 'a'llowed, 'r'efused, '?' in doubt */
	uint32_t unknown; /* by what, in doubt */
	unsigned line;    /* of the rule, but for the allowed */
};

#define BIT(kind) SELECTOR_BIT(SELECT_##kind)

static void check(const struct one *c)
{
	struct hindsight_finding f = {0};
	struct hindsight h;
	char verdict;

	judge(&h, c->rules, "aws", c->row);
	assert_int_equal(h.all.rows, 1);
	verdict = h.allowed.rows ? 'a' : (h.refused.rows ? 'r' : (h.doubtful.rows ? '?' : '-'));
	if (h.tally.count)
		hindsight_read(&h.tally.row[0], &f);
	if (verdict != c->verdict || (verdict == '?' && f.answer.unknown != c->unknown) ||
	    (verdict != 'a' && h.by.rules->rule[f.answer.rule].line != c->line))
		fail_msg("%s of %s: %c by rule %u, unknown %x", c->rules, c->row, verdict, f.answer.rule,
			 f.answer.unknown);
	end(&h);
}

static void what_is_known(void **state)
{
	static const struct one cases[] = {
		{"deny v1\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"deny v1\n", ROW(WEB KEYS, 9), 'a', 0, 0},
		{"deny not v2\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"allow\ndeny\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"deny user 0-99\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"deny user 34\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"deny exe /usr/sbin/*\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"deny not exe /usr/sbin/nginx\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"allow unit web.service\ndeny\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"allow not unit web.*\ndeny\n", ROW(WEB V1, 9), 'r', 0, 2},
		{"deny container *\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"deny container *\n", ROW(NGINX V1, 9), 'r', 0, 1},
		{"deny unit *\n", ROW(NGINX V1, 9), 'a', 0, 0},
		{"deny container 4c01db0b339c\n", ROW(NGINX V1, 1), 'r', 0, 1},
		{"deny class credentials,token\n", ROW(WEB KEYS, 9), 'r', 0, 1},
		{"deny service ecs\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"deny service ec2\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"deny address 169.254.0.0/16,fd00:ec2::/32\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"deny address 10.0.0.0/8\n", ROW(WEB V1, 9), 'a', 0, 0},
		/* of a single call all is known */
		{"deny path /latest/meta-data\n", ROW(WEB V1 ASKED, 1), 'r', 0, 1},
		{"deny path /latest/meta-data/iam\n", ROW(WEB V1 ASKED, 1), 'a', 0, 0},
		{"allow method GET\ndeny\n", ROW(WEB V1 ASKED, 1), 'a', 0, 0},
		{"allow method PUT\ndeny\n", ROW(WEB V1 ASKED, 1), 'r', 0, 2},
		/* no path of this class begins like that */
		{"deny path /latest/user-data\n", ROW(WEB V1 ASKED, 9), 'a', 0, 0},
		{"allow not path /latest/user-data\ndeny\n", ROW(WEB KEYS, 9), 'a', 0, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

static void what_is_not(void **state)
{
	static const struct one cases[] = {
		{"deny path /latest/meta-data/iam\n", ROW(WEB V1 ASKED, 9), '?', BIT(PATH), 1},
		{"deny path /latest/user-data\n", ROW(WEB DATA, 9), '?', BIT(PATH), 1},
		{"allow method GET\ndeny\n", ROW(WEB V1 ASKED, 9), '?', BIT(METHOD), 2},
		{"deny group 33\n", ROW(WEB V1, 9), '?', BIT(GROUP), 1},
		{"deny group 33\n", ROW(WEB V1 ASKED, 1), '?', BIT(GROUP), 1},
		{"allow cgroup /system.slice\ndeny\n", ROW(WEB V1, 9), '?', BIT(CGROUP), 2},
		{"deny container 4c01db0b339c\n", ROW(NGINX V1, 9), '?', BIT(CONTAINER), 1},
		{"deny exe /bin/a\n", ROW("\"executable\":\"a\",\"user_id\":\"1\"" V1, 9), '?', BIT(EXE), 1},
		{"deny unit a.service\n", ROW("\"user_id\":\"1\",\"service\":\"ec2\"" V1, 9), '?', BIT(UNIT), 1},
		{"deny address 169.254.169.254\n", ROW(WEB V1, 9), '?', BIT(ADDRESS), 1},
		{"deny v1\n", ROW(WEB ",\"version\":\"unknown\",\"class\":\"metadata\"", 9), '?', BIT(VERSION), 1},
		{"deny class token\n", ROW(WEB ",\"version\":\"unknown\",\"class\":\"metadata\"", 9), '?', BIT(CLASS),
		 1},
		{"deny service ecs\n", ROW("\"user_id\":\"1\"" V1, 9), '?', BIT(SERVICE), 1},
		/* what does not decide is no doubt */
		{"deny user 34 group 33\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"allow group 33\nallow\n", ROW(WEB V1, 9), 'a', 0, 0},
		{"deny group 33\ndeny v1\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"deny v1\nallow group 33\ndeny\n", ROW(WEB V1, 9), 'r', 0, 1},
		{"allow group 33\nallow path /latest\ndeny\n", ROW(WEB V1, 9), '?', BIT(GROUP) | BIT(PATH), 3},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

/* What a request decides waits for it, and none came. */
static void connections(void **state)
{
	static const struct one cases[] = {
		{"deny v1\n", ROW(WEB CONNECT, 9), 'a', 0, 0},
		{"deny v1 user 33\ndeny\n", ROW(WEB CONNECT, 9), 'a', 0, 0},
		{"deny v1 user 34\ndeny\n", ROW(WEB CONNECT, 9), 'r', 0, 2},
		{"deny unit web.service\n", ROW(WEB CONNECT, 9), 'r', 0, 1},
		{"deny service ec2\n", ROW(WEB CONNECT, 9), 'r', 0, 1},
		/* it may have been a datagram, and then nothing waits */
		{"allow v2\ndeny\n", ROW(WEB CONNECT ",\"verdict\":\"denied\"", 9), '?', BIT(ADDRESS), 2},
		{"deny\n", ROW(WEB CONNECT ",\"verdict\":\"would-deny\"", 9), 'r', 0, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

static void who_cannot_be_judged(void **state)
{
	struct hindsight h;

	judge(&h, "deny\n", "aws", ROW("\"service\":\"ec2\"" V1, 3) ROW(WEB V1, 4));
	assert_int_equal(h.nobody.rows, 1);
	assert_int_equal(h.nobody.calls, 3);
	assert_int_equal(h.refused.calls, 4);
	end(&h);
	/* rules for another cloud do not have this service */
	judge(&h, "provider azure\ndeny\n", "aws", ROW(WEB V1, 4));
	assert_int_equal(h.outside.rows, 1);
	end(&h);
	/* whose service is told by the request, where none says the provider */
	judge(&h, "deny service ec2\n", NULL, ROW(WEB CONNECT, 4));
	assert_int_equal(h.allowed.rows, 1);
	end(&h);
}

/* Rows that differ in nothing that is shown are one. */
static void what_is_shown(void **state)
{
	struct hindsight_finding f;
	struct hindsight h;

	judge(&h, "deny v1\n", "aws",
	      ROW(WEB V1 ASKED ",\"sdk\":\"a\"", 4) ROW(WEB V1 ASKED ",\"verdict\":\"denied\"", 5) ROW(WEB V1, 20));
	assert_int_equal(h.refused.rows, 3);
	assert_int_equal(h.refused.calls, 29);
	assert_int_equal(h.tally.count, 2);
	assert_int_equal(h.tally.row[0].count, 20);
	assert_int_equal(h.tally.row[1].count, 9);
	assert_int_equal(h.tally.row[1].first, 1000000000);
	assert_int_equal(h.tally.row[1].last, 2000000000);
	hindsight_read(&h.tally.row[1], &f);
	assert_int_equal(f.uid, 33);
	assert_true(span_equal(f.executable, SPAN_LITERAL("/usr/sbin/nginx")));
	assert_true(span_equal(f.place, SPAN_LITERAL("web.service")));
	assert_true(span_equal(f.request, SPAN_LITERAL("GET /latest/meta-data/mac")));
	assert_false(f.answer.may_pass);
	end(&h);
	judge(&h, "deny group 33\ndeny v1\n", "aws", ROW(WEB V1, 4));
	hindsight_read(&h.tally.row[0], &f);
	assert_true(f.answer.later);
	end(&h);
}

/* What there is of each thing, to make rules and calls of. */
static const char *const selectors[] = {
	"v1",
	"v2",
	"class credentials",
	"class metadata,token",
	"not class user-data",
	"user 33",
	"not user 0-9",
	"group 5",
	"not group 5",
	"exe /usr/sbin/nginx",
	"exe /usr/**",
	"not exe /bin/*",
	"unit web.service",
	"not unit *.service",
	"container *",
	"container 4c01db0b339c",
	"not container *",
	"cgroup /system.slice",
	"service ec2",
	"not service ecs",
	"address 169.254.169.254",
	"not address fd00:ec2::/32",
	"method GET",
	"not method GET,PUT",
	"path /latest/meta-data",
	"path /latest/user-data",
	"path /*/meta-data/iam",
	"not path /latest/api",
};
static const char *const programs[] = {"/usr/sbin/nginx", "/bin/curl", "/usr/local/bin/a\x1b"};
static const char *const cgroups[] = {
	"/system.slice/web.service",
	"/system.slice/docker-4c01db0b339c1b5e7a9f0d2e6c8b4a1f3d5e7092b4c6d8e0fa1b2c3d4e5f6071.scope",
	"/user.slice/user-33.slice/session-3.scope",
	"/",
};
static const char *const requests[] = {
	NULL,
	"GET /latest/meta-data/mac",
	"GET /latest/meta-data/iam/security-credentials/role",
	"GET /2009-04-04/user-data",
	"GET /latest/user-data/api/token",
	"GET /latest/META-DATA/iam",
	"PUT /latest/api/token",
	"HEAD /",
	"GET /v2/credentials/x",
};
static const char *const addresses[] = {"169.254.169.254", "[fd00:ec2::254]", "169.254.170.2"};

#define PICK(list) (list)[below(sizeof(list) / sizeof(*(list)))]

static unsigned below(size_t n)
{
	static uint64_t seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

struct call_made {
	uint32_t uid, groups[2];
	const char *exe, *cgroup, *request;
	struct endpoints to;
	struct buffer head;
};

static void make_call(struct call_made *c)
{
	const char *error;

	*c = (struct call_made){.uid = below(2) ? 33 : 0,
				.groups = {33, below(2) ? 5 : 33},
				.exe = PICK(programs),
				.cgroup = PICK(cgroups),
				.request = PICK(requests)};
	assert_int_equal(endpoints_add(&c->to, PICK(addresses), &error), 0);
	if (c->request)
		buffer_printf(&c->head, "%s HTTP/1.1\r\n%s\r\n", c->request,
			      below(2) ? "X-aws-ec2-metadata-token: x\r\n" : "");
}

static char guard_says(const struct hindsight_rules *by, const struct call_made *c)
{
	struct question q = {.uid = c->uid,
			     .groups = c->groups,
			     .group_count = 2,
			     .exe = span_of(c->exe),
			     .cgroup = span_of(c->cgroup),
			     .address = c->to.list[0].address};
	struct answer answer;

	if (c->request)
		q.head = buffer_view(&c->head);
	assert_int_equal(question_ask(by->table, &by->rules->endpoints, &q, &answer), 0);
	return answer.decision.verdict == DECISION_DENY ? 'r' : 'a';
}

static void put(struct json *j, const char *key, const char *text)
{
	if (text && text[0])
		json_put_text(j, key, text);
}

/* As the inventory folds it (inventory/fold.c). */
static void put_place(struct json *j, const struct call_made *c)
{
	struct container in;

	container_parse(span_of(c->cgroup), &in);
	if (in.id[0] && below(2)) {
		put(j, "place_kind", "image");
		put(j, "place", "nginx:1");
	} else if (in.unit[0] || in.id[0]) {
		put(j, "place_kind", in.unit[0] ? "unit" : "container");
		put(j, "place", in.unit[0] ? in.unit : in.id);
	}
	put(j, "unit", in.unit);
	put(j, "container", in.id);
}

static void put_request(struct json *j, const struct hindsight_rules *by, const struct call_made *c)
{
	const struct service *service = endpoints_find(&by->rules->endpoints, &c->to.list[0].address)->service;
	struct span head = buffer_view(&c->head);
	struct judgement judgement;
	struct path path;
	struct head h;

	if (!c->request) {
		put(j, "class", "connect");
		put(j, "service", service_name(service));
		return;
	}
	head_init(&h, HEAD_REQUEST);
	for (size_t i = 0; i < head.length && head_step(&h, (uint8_t)head.data[i]) == HEAD_MORE; i++)
		;
	path_init(&path, (struct span){head.data + h.target.offset, h.target.length});
	judge_request(service, by->provider, &h, &path, false, true, &judgement);
	put(j, "service", service_name(judgement.service));
	put(j, "version", call_version_name(judgement.version));
	put(j, "class", call_class_name(judgement.class));
	put(j, "request", c->request);
}

static char hindsight_says(const struct hindsight_rules *by, const struct call_made *c, unsigned count)
{
	struct hindsight h = {.by = *by};
	struct folded_reader r = {.row = hindsight_take, .context = &h, .before = UINT64_MAX};
	struct buffer line = {0}, exe = {0};
	struct json j = json_into(&line);

	escape_text(&exe, span_of(c->exe), ESCAPE_EXACT);
	json_open_object(&j, NULL);
	json_put_span(&j, "executable", buffer_view(&exe));
	json_put_number_text(&j, "user_id", c->uid);
	put_place(&j, c);
	put_request(&j, by, c);
	json_put_number(&j, "count", count);
	json_put_number(&j, "first_seen", 1);
	json_put_number(&j, "last_seen", 1);
	json_close_object(&j);
	buffer_byte(&line, '\n');
	assert_int_equal(folded_feed(&r, buffer_view(&line)), 0);
	assert_int_equal(r.unusable, 0);
	folded_done(&r);
	buffer_done(&line);
	buffer_done(&exe);
	hindsight_done(&h);
	return h.allowed.rows ? 'a' : (h.refused.rows ? 'r' : '?');
}

static void make_rules(struct buffer *text)
{
	buffer_reset(text);
	for (unsigned i = 0, n = 1 + below(4); i < n; i++) {
		buffer_string(text, below(2) ? "deny" : "allow");
		for (unsigned k = 0, m = below(4); k < m; k++)
			buffer_printf(text, " %s", PICK(selectors));
		buffer_byte(text, '\n');
	}
	buffer_byte(text, '\0');
}

/* Whatever a row says for certain of a call, the guard does. */
static void never_against_the_guard(void **state)
{
	static const char *const providers[] = {"aws", NULL};
	unsigned certain = 0, doubtful = 0;
	struct buffer text = {0};

	for (unsigned i = 0; i < 40; i++) {
		struct hindsight h;

		make_rules(&text);
		judge(&h, text.data, PICK(providers), "");
		for (unsigned k = 0; k < 200; k++) {
			struct call_made c;
			char guard, hindsight;

			make_call(&c);
			guard = guard_says(&h.by, &c);
			hindsight = hindsight_says(&h.by, &c, 1 + below(2));
			if (hindsight != '?' && hindsight != guard)
				fail_msg("%s: %s by %s in %s, at %s: %c, and the guard: %c", text.data,
					 c.request ? c.head.data : "connect", c.exe, c.cgroup,
					 c.to.list[0].address.ip[10] ? "IPv4" : "IPv6", hindsight, guard);
			*(hindsight == '?' ? &doubtful : &certain) += 1;
			buffer_done(&c.head);
		}
		end(&h);
	}
	assert_true(certain > 2 * doubtful && doubtful > 500);
	buffer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known),        cmocka_unit_test(what_is_not),
		cmocka_unit_test(connections),          cmocka_unit_test(what_is_shown),
		cmocka_unit_test(who_cannot_be_judged), cmocka_unit_test(never_against_the_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
