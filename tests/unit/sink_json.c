/* SPDX-License-Identifier: Apache-2.0 */
/* The event as JSON (src/sink/json.c), read back by jansson. */
#include "unit.h"

#include "sample.h"

#include <jansson.h>
#include <stdio.h>

static const struct sink_context context = {.host_name = "ip-10-0-0-5", .host_id = "9f1b"};

static json_t *parse(struct buffer *b)
{
	json_error_t error;
	json_t *event = json_loadb(b->data, b->length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	assert_non_null(event);
	buffer_done(b);
	return event;
}

static json_t *render(const struct sample *s)
{
	struct buffer b = {0};

	format_json.call(&context, &s->call, 41, &b);
	assert_false(b.failed);
	return parse(&b);
}

/* The value at "a.b.c", an index being "[0]"; NULL when there is none. */
static json_t *at(json_t *value, const char *path)
{
	char copy[128], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while (value && (name = strsep(&rest, ".")))
		value = name[0] == '[' ? json_array_get(value, (size_t)(name[1] - '0')) : json_object_get(value, name);
	return value;
}

static void text_is(json_t *event, const char *path, const char *expected)
{
	json_t *value = at(event, path);

	if (!json_is_string(value))
		fail_msg("%s is not a string", path);
	assert_string_equal(json_string_value(value), expected);
}

static void number_is(json_t *event, const char *path, json_int_t expected)
{
	json_t *value = at(event, path);

	if (!json_is_integer(value))
		fail_msg("%s is not an integer", path);
	assert_int_equal(json_integer_value(value), expected);
}

static const struct {
	const char *path, *text;
} texts[] = {
	{"@timestamp", "2026-11-22T12:57:51.123456Z"},
	{"ecs.version", "8.17.0"},
	{"message", "curl(6028) called ec2 over v1: GET /latest/meta-data/iam/security-credentials/web-role?x=1, "
		    "status 200 (would be denied by rules.conf:3)"},
	{"event.action", "imds-request"},
	{"event.kind", "alert"},
	{"event.category.[0]", "network"},
	{"event.type.[0]", "access"},
	{"event.outcome", "success"},
	{"event.reason", "a reason"},
	{"imds.provider", "aws"},
	{"imds.service", "ec2"},
	{"imds.version", "v1"},
	{"imds.class", "credentials"},
	{"imds.verdict", "would-deny"},
	{"imds.rule", "rules.conf:3"},
	{"imds.cause", "no-token-support"},
	{"imds.credentials.role", "web-role"},
	{"imds.credentials.access_key_id", "ASIAIOSFODNN7EXAMPLE"},
	{"imds.credentials.expiration", "2026-11-22T19:00:00Z"},
	{"http.version", "1.1"},
	{"http.request.method", "GET"},
	{"url.original", "/latest/meta-data/iam/security-credentials/web-role?x=1"},
	{"url.path", "/latest/meta-data/iam/security-credentials/web-role"},
	{"url.query", "x=1"},
	{"user_agent.original", "curl/8.3.0"},
	{"source.ip", "10.0.0.5"},
	{"destination.ip", "169.254.169.254"},
	{"network.type", "ipv4"},
	{"network.transport", "tcp"},
	{"process.start", "2026-11-22T12:57:51.000000Z"},
	{"process.name", "curl"},
	{"process.executable", "/usr/bin/curl"},
	{"process.args.[1]", "-s"},
	{"process.command_line", "curl -s 'http://169.254.169.254/latest/meta-data/iam/security-credentials/web role'"},
	{"process.working_directory", "/root"},
	{"process.entity_id", "2f3c1a55e4d04d6a-6028-5000006028"},
	{"process.user.id", "0"},
	{"process.user.name", "root"},
	{"process.group.id", "100"},
	{"process.group.name", "users"},
	{"process.parent.start", "2026-11-22T12:57:50.999000Z"},
	{"process.parent.name", "makeCalls.sh"},
	{"process.parent.executable", "/usr/bin/bash"},
	{"process.parent.args.[1]", "./makeCalls.sh"},
	{"process.parent.command_line", "/bin/bash ./makeCalls.sh"},
	{"process.ancestors.[0].name", "makeCalls.sh"},
	{"process.ancestors.[0].args.[0]", "/bin/bash"},
	{"process.ancestors.[1].start", "2026-11-22T12:57:49.053000Z"},
	{"process.ancestors.[1].executable", "/usr/bin/zsh"},
	{"process.ancestors.[2].name", "sshd"},
	{"user.audit.id", "1000"},
	{"container.id", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
	{"container.runtime", "docker"},
	{"container.image.name", "registry.example.com/web:1.4"},
	{"kubernetes.pod.uid", "3b9cdd59-8f0c-4c0e-a8a0-3a2f3d3d8f0a"},
	{"systemd.unit", "web-backend.service"},
	{"cgroup.path", "/system.slice/docker-0123456789ab.scope"},
	{"host.name", "ip-10-0-0-5"},
	{"host.id", "9f1b"},
	{"sdk.name", "curl"},
	{"sdk.version", "8.3.0"},
};

static const struct {
	const char *path;
	json_int_t number;
} numbers[] = {
	{"event.duration", 1237000},
	{"event.sequence", 41},
	{"imds.token.ttl", 21600},
	{"imds.hop_limit", 1},
	{"http.request.bytes", 131},
	{"http.response.status_code", 200},
	{"http.response.bytes", 1582},
	{"source.port", 41234},
	{"destination.port", 80},
	{"network.namespace", 4026531840},
	{"process.pid", 6028},
	{"process.parent.pid", 6027},
	{"process.ancestors.[2].pid", 4070},
};

/* Counts the strings, numbers and booleans in a value. */
static size_t count_leaves(json_t *value)
{
	size_t n = 0, i;
	const char *key;
	json_t *member;

	if (json_is_object(value)) {
		json_object_foreach(value, key, member) n += count_leaves(member);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, member) n += count_leaves(member);
	} else {
		n = 1;
	}
	return n;
}

static void every_field_of_the_contract(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	event = render(&s);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		text_is(event, texts[i].path, texts[i].text);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		number_is(event, numbers[i].path, numbers[i].number);
	assert_true(json_is_true(at(event, "imds.forwarded")));
	assert_true(json_is_true(at(event, "imds.complete")));
	assert_true(json_is_false(at(event, "sdk.supports_v2")));
	assert_null(at(event, "process.args_truncated"));
	assert_null(at(event, "imds.caller_late"));
	assert_int_equal(json_array_size(at(event, "process.ancestors")), 3);
	json_decref(event);
}

/* What is not known is absent: of a bare call exactly these are left. */
static void unknown_is_absent(void **state)
{
	static const char *const left[] = {
		"@timestamp",         "ecs.version",   "message",        "event.action",
		"event.kind",         "event.outcome", "event.sequence", "event.category.[0]",
		"event.type.[0]",     "imds.verdict",  "imds.complete",  "network.transport",
		"http.request.bytes",
	};
	const struct sink_context unknown = {0};
	struct buffer b = {0};
	struct sample s;
	json_t *event;

	sample_bare(&s);
	format_json.call(&unknown, &s.call, 0, &b);
	event = parse(&b);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		assert_non_null(at(event, left[i]));
	assert_int_equal(count_leaves(event), sizeof(left) / sizeof(left[0]));
	json_decref(event);
}

/* Without the caller's start in both clocks, that of an ancestor is not known as a date. */
static void no_clock_no_start(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	s.caller.process.start = 0;
	event = render(&s);
	assert_null(at(event, "process.start"));
	assert_null(at(event, "process.parent.start"));
	json_decref(event);
}

static void only_v1_has_a_cause(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	s.call.version = VERSION_V2;
	event = render(&s);
	assert_null(at(event, "imds.cause"));
	json_decref(event);
}

static void no_answer_is_no_response(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	s.call.has_response = false;
	s.call.has_duration = false;
	s.call.outcome = OUTCOME_UNKNOWN;
	event = render(&s);
	assert_null(at(event, "http.response"));
	assert_null(at(event, "event.duration"));
	text_is(event, "event.outcome", "unknown");
	json_decref(event);
}

static void denied_is_said(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	s.call.verdict = VERDICT_DENIED;
	event = render(&s);
	text_is(event, "event.kind", "alert");
	text_is(event, "event.type.[0]", "denied");
	assert_int_equal(json_array_size(at(event, "event.type")), 1);
	text_is(event, "imds.verdict", "denied");
	json_decref(event);
}

static void connect_has_no_request(void **state)
{
	struct sample s;
	json_t *event;

	sample_bare(&s);
	s.call.action = CALL_CONNECT;
	s.call.outcome = OUTCOME_FAILURE;
	s.call.reason = SPAN_LITERAL("ECONNREFUSED");
	event = render(&s);
	text_is(event, "event.action", "imds-connect");
	text_is(event, "event.type.[0]", "connection");
	text_is(event, "event.reason", "ECONNREFUSED");
	text_is(event, "event.outcome", "failure");
	assert_int_equal(json_array_size(at(event, "event.type")), 1);
	assert_null(at(event, "http"));
	assert_null(at(event, "url"));
	json_decref(event);

	s.call.verdict = VERDICT_DENIED;
	event = render(&s);
	text_is(event, "event.type.[1]", "denied");
	text_is(event, "event.kind", "alert");
	text_is(event, "network.transport", "tcp");
	json_decref(event);

	s.call.protocol = 17;
	event = render(&s);
	text_is(event, "network.transport", "udp");
	json_decref(event);

	s.call.protocol = 200;
	event = render(&s);
	assert_null(at(event, "network.transport"));
	json_decref(event);
}

static void ipv6_is_ipv6(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	s.call.destination = (struct call_address){.ip = {0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x54}, .port = 80};
	event = render(&s);
	text_is(event, "network.type", "ipv6");
	text_is(event, "destination.ip", "fd00:ec2::254");
	json_decref(event);
}

static void cut_arguments_are_said(void **state)
{
	struct sample s;
	json_t *event;

	sample_full(&s);
	s.caller.process.args_truncated = true;
	s.caller.ancestor[0].args_truncated = true;
	s.caller.late = true;
	event = render(&s);
	assert_true(json_is_true(at(event, "process.args_truncated")));
	assert_true(json_is_true(at(event, "process.parent.args_truncated")));
	assert_true(json_is_true(at(event, "process.ancestors.[0].args_truncated")));
	assert_null(at(event, "process.ancestors.[1].args_truncated"));
	assert_true(json_is_true(at(event, "imds.caller_late")));
	json_decref(event);
}

static void stats_print_zeros(void **state)
{
	static const char *const names[] = {
		"calls",   "calls_v1", "calls_v2",      "calls_unknown",    "connects",  "lost",      "truncated",
		"evicted", "denied",   "open_at_start", "attached_seconds", "unwritten", "would_deny"};
	struct stats stats = {0};
	struct buffer b = {0};
	json_t *event;

	format_json.stats(&context, &stats, 1795352271123456789ull, 5, &b);
	event = parse(&b);
	text_is(event, "event.action", "imds-stats");
	text_is(event, "@timestamp", "2026-11-22T12:57:51.123456Z");
	text_is(event, "host.id", "9f1b");
	number_is(event, "event.sequence", 5);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(json_integer_value(json_object_get(at(event, "imds.stats"), names[i])), 0);
	assert_int_equal(json_object_size(at(event, "imds.stats")), sizeof(names) / sizeof(names[0]));
	json_decref(event);
}

static void stats_print_each_counter(void **state)
{
	const struct stats stats = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
	static const char *const order[] = {"calls",  "calls_v1",  "calls_v2",  "calls_unknown", "connects",
					    "lost",   "truncated", "evicted",   "open_at_start", "attached_seconds",
					    "denied", "unwritten", "would_deny"};
	struct buffer b = {0};
	json_t *event;

	format_json.stats(&context, &stats, 1, 5, &b);
	event = parse(&b);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_int_equal(json_integer_value(json_object_get(at(event, "imds.stats"), order[i])), i + 1);
	json_decref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_the_contract), cmocka_unit_test(unknown_is_absent),
		cmocka_unit_test(no_clock_no_start),           cmocka_unit_test(only_v1_has_a_cause),
		cmocka_unit_test(no_answer_is_no_response),    cmocka_unit_test(denied_is_said),
		cmocka_unit_test(connect_has_no_request),      cmocka_unit_test(ipv6_is_ipv6),
		cmocka_unit_test(cut_arguments_are_said),      cmocka_unit_test(stats_print_zeros),
		cmocka_unit_test(stats_print_each_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
