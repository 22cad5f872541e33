/* SPDX-License-Identifier: Apache-2.0 */
/* Histories replayed against rules, and rules suggested from them. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "guard/compile.h"
#include "guard/rehearsal.h"
#include "guard/suggest.h"

/* One call as the log has it. NULL: not there. */
struct line {
	const char *action, *service, *version, *class, *method, *target, *exe, *uid, *cgroup;
	const char *ip;
	unsigned port;
};

static void add_member(struct buffer *b, const char *name, const char *value)
{
	if (value)
		buffer_printf(b, "\"%s\":\"%s\",", name, value);
}

static void add_line(struct buffer *b, const struct line *l, unsigned second)
{
	buffer_printf(b, "{\"@timestamp\":\"2026-11-22T07:00:%02uZ\",\"event\":{\"action\":\"%s\"},\"imds\":{",
		      second % 60, l->action ? l->action : "imds-request");
	add_member(b, "service", l->service);
	add_member(b, "version", l->version);
	add_member(b, "class", l->class);
	buffer_string(b, "\"verdict\":\"observed\"},\"http\":{\"request\":{");
	add_member(b, "method", l->method);
	buffer_string(b, "\"bytes\":1}},\"url\":{");
	add_member(b, "original", l->target);
	buffer_string(b, "\"a\":1},\"process\":{");
	add_member(b, "executable", l->exe);
	if (l->uid)
		buffer_printf(b, "\"user\":{\"id\":\"%s\"},", l->uid);
	buffer_string(b, "\"group\":{\"id\":\"33\"}},\"cgroup\":{");
	add_member(b, "path", l->cgroup);
	buffer_printf(b, "\"a\":1},\"destination\":{\"ip\":\"%s\",\"port\":%u}}\n", l->ip ? l->ip : "169.254.169.254",
		      l->port ? l->port : 80);
}

static void no_mistake(void *context, const char *text)
{
	fail_msg("%s", text);
}

static int no_name(void *data, const char *name, uint32_t *ret_id)
{
	return -2;
}

static const struct rules_names no_names = {.user = no_name, .group = no_name};

static void compile(struct span text, struct rules **ret_rules, struct table **ret_table)
{
	struct problem problem = {0};

	assert_int_equal(rules_parse("g.rules", text, &no_names, no_mistake, NULL, ret_rules), 0);
	if (rules_compile(*ret_rules, "aws", false, ret_table, &problem) < 0)
		fail_msg("%s", problem.text);
}

static void read_log(struct history *h, struct span log)
{
	assert_int_equal(history_feed(h, log), 0);
	assert_int_equal(history_end(h), 0);
	assert_int_equal(h->counts.unusable, 0);
	history_done(h);
}

static void rehearse(struct rehearsal *r, struct span rules, struct span log)
{
	struct history h = {.call = rehearsal_take, .context = r};
	struct rules *parsed;

	*r = (struct rehearsal){0};
	compile(rules, &parsed, &r->table);
	r->rules = parsed;
	read_log(&h, log);
	tally_sort_by_count(&r->tally);
}

static void end(struct rehearsal *r)
{
	rehearsal_done(r);
	free(r->table);
	rules_free((struct rules *)r->rules);
}

#define WEB .exe = "/usr/sbin/nginx", .uid = "33", .cgroup = "/system.slice/nginx.service"
#define V1  .service = "ec2", .version = "v1", .class = "metadata", .method = "GET", .target = "/latest/meta-data/mac"
#define V2  .service = "ec2", .version = "v2", .class = "metadata", .method = "GET", .target = "/latest/meta-data/mac"
#define KEYS                                                                                                           \
	.service = "ec2", .version = "v2", .class = "credentials", .method = "GET",                                    \
	.target = "/latest/meta-data/iam/security-credentials/role"
#define ASK .service = "ec2", .version = "v2", .class = "token", .method = "PUT", .target = "/latest/api/token"

static void refuses(void **state)
{
	static const struct line lines[] = {
		{WEB, V1},
		{WEB, V1},
		{WEB, V2},
		{WEB, KEYS},
		{WEB, ASK},
		{.action = "imds-connect", WEB},
		{.action = "imds-connect", WEB, .port = 81},
		{.action = "imds-connect", WEB, .ip = "192.0.2.1"},
		{.action = "imds-connect"},
	};
	struct buffer log = {0};
	struct rehearsal r;
	struct refusal f;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		add_line(&log, &lines[i], (unsigned)i);
	rehearse(&r, span_of("deny v1\ndeny class credentials from user 33\nallow\n"), buffer_view(&log));
	assert_int_equal(r.allowed, 4);
	assert_int_equal(r.refused, 3);
	assert_int_equal(r.outside, 1);
	assert_int_equal(r.nobody, 1);
	assert_int_equal(r.groups + r.request, 0);
	assert_int_equal(r.tally.count, 2);
	refusal_read(&r.tally.row[0], &f);
	assert_int_equal(r.tally.row[0].count, 2);
	assert_int_equal(r.tally.row[0].last - r.tally.row[0].first, 1000000000);
	assert_int_equal(f.rule, 0);
	assert_int_equal(f.uid, 33);
	assert_memory_equal(f.exe.data, "/usr/sbin/nginx", 15);
	assert_null(f.unit.data);
	refusal_read(&r.tally.row[1], &f);
	assert_int_equal(f.rule, 1);
	end(&r);
	/* Another port is none where requests are: who alone decides. */
	rehearse(&r, span_of("allow class metadata unit nginx.service\ndeny\n"), buffer_view(&log));
	assert_int_equal(r.allowed, 4);
	assert_int_equal(r.refused, 3);
	end(&r);
	buffer_done(&log);
}

/* An allow needs proof, a deny only doubt, and the doubt is told. */
static void doubts(void **state)
{
	static const struct {
		const char *rules;
		unsigned refused, groups;
	} cases[] = {
		{"deny group 33\n", 1, 0},
		{"deny group 34\n", 1, 1},
		{"deny not group 33\n", 0, 0},
		{"deny not group 34\n", 1, 1},
		{"allow group 33\ndeny\n", 0, 0},
		{"allow group 34\ndeny\n", 1, 1},
		{"allow not group 34\ndeny\n", 1, 1},
		{"allow group 34 not group 35\ndeny\n", 1, 1},
		{"allow group 34 user 34\ndeny\n", 1, 0},
		{"allow group 34 v2\ndeny\n", 1, 0},
		{"deny v1\ndeny group 34\n", 1, 0},
		{"allow\ndeny group 34\n", 0, 0},
	};
	struct buffer log = {0};
	struct rehearsal r;

	add_line(&log, &(struct line){WEB, V1}, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rehearse(&r, span_of(cases[i].rules), buffer_view(&log));
		if (r.refused != cases[i].refused || r.groups != cases[i].groups)
			fail_msg("%s: %d refused, %d by groups", cases[i].rules, (int)r.refused, (int)r.groups);
		end(&r);
	}
	buffer_reset(&log);
	add_line(&log, &(struct line){WEB, .service = "ec2", .version = "unknown", .method = "GET", .target = "/a"}, 0);
	rehearse(&r, span_of("deny class credentials\n"), buffer_view(&log));
	assert_int_equal(r.refused, 1);
	assert_int_equal(r.request, 1);
	end(&r);
	buffer_done(&log);
}

static void too_many(void **state)
{
	struct buffer log = {0};
	struct rehearsal r;
	char uid[16];

	for (unsigned i = 0; i < TALLY_MAX + 10; i++) {
		snprintf(uid, sizeof(uid), "%u", i);
		add_line(&log, &(struct line){V1, .uid = uid}, i);
	}
	rehearse(&r, span_of("deny\n"), buffer_view(&log));
	assert_int_equal(r.refused, TALLY_MAX + 10);
	assert_int_equal(r.tally.count, TALLY_MAX);
	assert_int_equal(r.tally.others, 10);
	end(&r);
	buffer_done(&log);
}

static uint64_t suggest(struct span log, struct buffer *out)
{
	struct suggestion s = {0};
	struct history h = {.call = suggest_take, .context = &s};
	struct rules *rules;
	struct table *table;
	uint64_t left;

	compile(span_of(suggest_rules), &rules, &table);
	s.table = table;
	s.endpoints = &rules->endpoints;
	read_log(&h, log);
	left = suggest_write(&s, out);
	suggest_done(&s);
	free(table);
	rules_free(rules);
	return left;
}

/* What is suggested is a rule file, and refuses nothing of what it was made from. */
static void holds(struct span log, const struct buffer *rules)
{
	struct rehearsal r;

	rehearse(&r, buffer_view(rules), log);
	if (r.refused)
		fail_msg("%d are refused by:\n%.*s", (int)r.refused, (int)rules->length, rules->data);
	end(&r);
}

static void suggests(void **state)
{
	static const struct line lines[] = {
		{WEB, V2},
		{WEB, ASK},
		{WEB, V1},
		{.action = "imds-connect", WEB},
		{V2, .uid = "1000", .exe = "/usr/bin/curl", .cgroup = "/user.slice/user-1000.slice/session-3.scope"},
		{V2, .uid = "1000", .exe = "/usr/bin/curl", .cgroup = "/user.slice/user-1000.slice/session-4.scope"},
		{KEYS, .uid = "0", .exe = "/bin/a",
		 .cgroup = "/system.slice/"
			   "docker-4c01db0b339c1b5e7a9f0d2e6c8b4a1f3d5e7092b4c6d8e0fa1b2c3d4e5f6071.scope"},
		{.service = "ecs",
		 .class = "credentials",
		 .method = "GET",
		 .target = "/v2/credentials/x",
		 .uid = "7",
		 .ip = "169.254.170.2"},
		{.action = "imds-connect", .uid = "8"},
		{.service = "ec2", .version = "unknown", .uid = "9"},
		{V1, .uid = "9"},
	};
	struct buffer log = {0}, out = {0};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		add_line(&log, &lines[i], (unsigned)i);
	assert_int_equal(suggest(buffer_view(&log), &out), 0);
	buffer_byte(&out, '\0');
	assert_string_equal(out.data, "# 1 call, last 2026-11-22T07:00:06Z\n"
				      "allow v2 class credentials container "
				      "4c01db0b339c1b5e7a9f0d2e6c8b4a1f3d5e7092b4c6d8e0fa1b2c3d4e5f6071\n"
				      "# 2 calls, last 2026-11-22T07:00:05Z\n"
				      "allow v2 class metadata exe /usr/bin/curl user 1000\n"
				      "# 2 calls, last 2026-11-22T07:00:01Z\n"
				      "allow v2 class token,metadata unit nginx.service\n"
				      "# 1 call, last 2026-11-22T07:00:02Z\n"
				      "allow v1 class metadata unit nginx.service  # still v1\n"
				      "# 1 call, last 2026-11-22T07:00:07Z\n"
				      "allow class credentials service ecs user 7\n"
				      "# 1 call, last 2026-11-22T07:00:08Z; it connects, and asks nothing\n"
				      "allow class metadata user 8\n"
				      "# 2 calls, last 2026-11-22T07:00:10Z; not all of it could be read, or was to an "
				      "endpoint's port: it may "
				      "ask everything\n"
				      "allow user 9  # still v1\n"
				      "deny\n");
	out.length--;
	holds(buffer_view(&log), &out);
	buffer_done(&log);
	buffer_done(&out);
}

/* Names that no rule can have as they are. */
static void evil_names(void **state)
{
	static const char *const exes[] = {
		"/opt/my app/x", "/a,b",     "/a#b",       "/a #b",   "/a\\nallow", "/a*",
		"/a?",           "/a/../b",  "/a//b",      "/a/",     "/",          "relative",
		"/caf\\u00e9",   "/\\u20ac", "/a\\u007fb", "/a\\\\b", "/a\\u0000b",
	};
	static const char *const cgroups[] = {
		"/system.slice/a b.service",
		"/system.slice/a,b.service",
		"/system.slice/a\\\\x2db.service",
		"/system.slice/#.service",
		"/system.slice/*.service",
		"/system.slice/a\\nallow.service",
		"/lxc.payload.a b",
		"/lxc.payload.a*",
		"/lxc.payload.abcdef1",
		"/lxc.payload.web",
		"/",
		"",
	};
	struct buffer log = {0}, one = {0}, out = {0};
	char uid[16];

	for (size_t i = 0; i < sizeof(exes) / sizeof(*exes); i++)
		for (size_t k = 0; k < sizeof(cgroups) / sizeof(*cgroups); k++) {
			snprintf(uid, sizeof(uid), "%zu", 1000 + i);
			buffer_reset(&one);
			buffer_reset(&out);
			add_line(&one, &(struct line){V2, .uid = uid, .exe = exes[i], .cgroup = cgroups[k]}, 0);
			buffer_span(&log, buffer_view(&one));
			suggest(buffer_view(&one), &out);
			holds(buffer_view(&one), &out);
		}
	buffer_reset(&out);
	suggest(buffer_view(&log), &out);
	holds(buffer_view(&log), &out);
	buffer_done(&log);
	buffer_done(&one);
	buffer_done(&out);
}

/* As many rules as there can be, and what is over is not refused. */
static void many_callers(void **state)
{
	struct buffer log = {0}, out = {0};
	char uid[16], cgroup[64];

	for (unsigned i = 0; i < 400; i++) {
		snprintf(uid, sizeof(uid), "%u", i);
		snprintf(cgroup, sizeof(cgroup), "/system.slice/s%u.service", i / 2);
		add_line(&log, &(struct line){V1, .uid = uid, .cgroup = i % 2 ? cgroup : NULL, .exe = "/bin/a"}, i);
	}
	assert_true(suggest(buffer_view(&log), &out) > 100);
	holds(buffer_view(&log), &out);
	buffer_done(&log);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),  cmocka_unit_test(doubts),     cmocka_unit_test(too_many),
		cmocka_unit_test(suggests), cmocka_unit_test(evil_names), cmocka_unit_test(many_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
