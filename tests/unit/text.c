/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sample.h"

#include <stdlib.h>
#include <time.h>

static void line_is(const struct sample *s, const struct sink_context *context, const char *expected)
{
	struct buffer b = {0};

	format_text.call(context, &s->call, 9, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

/* A v1 call of an old program, nothing else to be said about it. */
static void prepare(struct sample *s)
{
	sample_full(s);
	s->call.reason = (struct span){0};
	s->call.forwarded = false;
	s->call.verdict = VERDICT_OBSERVED;
	s->call.class = CLASS_METADATA;
	s->call.target = SPAN_LITERAL("/latest/meta-data/instance-id");
}

static const struct sink_context narrow = {.width = 80}, wide = {.width = 120}, endless = {0};

static void columns_by_width(void **state)
{
	struct sample s;

	prepare(&s);
	line_is(&s, &narrow, "12:57:51 v1  200  1.24ms curl(6028)       0123456789 …data/instance-id  no-token\n");
	line_is(&s, &wide,
		"12:57:51.123 v1  200  1.24ms curl(6028)             root     0123456789ab     "
		"GET /la…data/instance-id  no-token-support\n");
	line_is(&s, &endless,
		"12:57:51.123 v1  200  1.24ms curl(6028)                 root         0123456789ab             "
		"GET /latest/meta-data/instance-id  no-token-support\n");
}

static void headings_stand_over_their_columns(void **state)
{
	static const struct sink_context *const contexts[] = {&narrow, &wide, &endless};
	struct sample s;

	prepare(&s);
	s.caller.process.name[0] = 'P';
	s.caller.container_id = NULL;
	s.caller.systemd_unit = (char *)"cron.service";
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		struct buffer heading = {0}, line = {0};
		const char *program, *request;

		format_text.begin(contexts[i], &heading);
		format_text.call(contexts[i], &s.call, 1, &line);
		program = memmem(heading.data, heading.length, "PROGRAM", 7);
		request = memmem(heading.data, heading.length, "REQUEST", 7);
		assert_memory_equal(line.data + (program - heading.data), "Purl", 4);
		assert_int_equal(line.data[request - heading.data - 1], ' ');
		assert_int_not_equal(line.data[request - heading.data], ' ');
		assert_int_equal(heading.data[heading.length - 1], '\n');
		buffer_done(&heading);
		buffer_done(&line);
	}
}

static void results(void **state)
{
	struct sample s;

	prepare(&s);
	s.caller.container_id = NULL;
	s.call.version = VERSION_V2;
	s.call.status = 404;
	s.call.duration = 45678;
	line_is(&s, &wide,
		"12:57:51.123 v2  404    46us curl(6028)             root     web-backend      "
		"GET /latest/meta-data/instance-id\n");
	s.call.method = SPAN_LITERAL("PUT");
	s.call.target = SPAN_LITERAL("/latest/api/token");
	s.call.status = 200;
	s.call.duration = 12345678901;
	s.caller.user_name = NULL;
	s.caller.systemd_unit = NULL;
	line_is(&s, &wide,
		"12:57:51.123 v2  200   12.3s curl(6028)             0        -                PUT "
		"/latest/api/token\n");
	s.call.has_response = s.call.has_duration = false;
	s.call.version = VERSION_UNKNOWN;
	s.call.complete = false;
	s.call.reason = SPAN_LITERAL("lost");
	line_is(&s, &wide,
		"12:57:51.123 v?  -         - curl(6028)             0        -                "
		"PUT /latest/api/token  lost, incomplete\n");
	line_is(&s, &narrow, "12:57:51 v?  -         - curl(6028)       0          PUT /latest/api/token  lost\n");
}

static void denied_and_would_deny(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.target = SPAN_LITERAL("/");
	s.call.verdict = VERDICT_WOULD_DENY;
	line_is(&s, &wide,
		"12:57:51.123 v1  200  1.24ms curl(6028)             root     0123456789ab     "
		"GET /  would deny rules.conf:3, no-token-…\n");
	s.call.verdict = VERDICT_DENIED;
	s.call.cause = CAUSE_NONE;
	s.call.has_response = s.call.has_duration = false;
	line_is(&s, &wide,
		"12:57:51.123 v1  DENY      - curl(6028)             root     0123456789ab     "
		"GET /  denied rules.conf:3\n");
	line_is(&s, &narrow, "12:57:51 v1  DENY      - curl(6028)       0123456789 /  rules.conf:3\n");
}

static void connects(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.action = CALL_CONNECT;
	s.call.version = VERSION_NONE;
	s.call.has_response = s.call.has_duration = false;
	s.call.reason = SPAN_LITERAL("ECONNREFUSED");
	line_is(&s, &narrow, "12:57:51 -   -         - curl(6028)       0123456789 connect  ECONNREFUSED\n");
	s.call.destination.port = 8080;
	line_is(&s, &wide,
		"12:57:51.123 -   -         - curl(6028)             root     0123456789ab     "
		"connect 1….169.254 port 8080  ECONNREFUSED\n");
}

/* In 80 columns, who is a session's user rather than its number. */
static void sessions(void **state)
{
	struct sample s;

	prepare(&s);
	s.caller.container_id = NULL;
	s.call.version = VERSION_V2;
	s.call.target = SPAN_LITERAL("/");
	s.caller.systemd_unit = (char *)"session-3.scope";
	line_is(&s, &narrow, "12:57:51 v2  200  1.24ms curl(6028)       root       /\n");
	s.caller.systemd_unit = (char *)"user@1000.service";
	line_is(&s, &narrow, "12:57:51 v2  200  1.24ms curl(6028)       root       /\n");
	s.caller.systemd_unit = (char *)"cron.service";
	line_is(&s, &narrow, "12:57:51 v2  200  1.24ms curl(6028)       cron       /\n");
}

/* A long name is cut, its pid is not. */
static void the_pid_stays(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.version = VERSION_V2;
	s.call.target = SPAN_LITERAL("/");
	strcpy(s.caller.process.name, "amazon-ssm-agen");
	s.caller.process.pid = 1234567;
	line_is(&s, &narrow, "12:57:51 v2  200  1.24ms amazon…(1234567) 0123456789 /\n");
}

/* Without a width nothing is cut, and what is too long for its column stays apart from the next. */
static void long_values_stay_apart(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.version = VERSION_V2;
	s.call.target = SPAN_LITERAL("/");
	s.caller.user_name = (char *)"a-very-long-user-name";
	line_is(&s, &endless,
		"12:57:51.123 v2  200  1.24ms curl(6028)                 a-very-long-user-name 0123456789ab            "
		" "
		"GET /\n");
}

static bool has(const struct sample *s, const char *color)
{
	const struct sink_context context = {.color = true, .width = 120};
	struct buffer b = {0};
	bool found;

	format_text.call(&context, &s->call, 1, &b);
	found = memmem(b.data, b.length, color, strlen(color)) != NULL;
	buffer_done(&b);
	return found;
}

static void colours(void **state)
{
	struct sample s;

	prepare(&s);
	assert_true(has(&s, "\033[33mv1\033[0m"));
	s.call.class = CLASS_CREDENTIALS;
	assert_true(has(&s, "\033[31mv1\033[0m"));
	s.call.version = VERSION_V2;
	assert_false(has(&s, "\033[31m"));
	s.call.status = 500;
	assert_true(has(&s, "\033[31m500\033[0m"));
	s.call.verdict = VERDICT_DENIED;
	assert_true(has(&s, "\033[1;31mDENY\033[0m"));
}

/* The same columns with colour and without. */
static void colours_take_no_room(void **state)
{
	const struct sink_context context = {.color = true, .width = 80};
	struct buffer b = {0};
	struct sample s;
	size_t n = 0;

	prepare(&s);
	format_text.call(&context, &s.call, 1, &b);
	for (size_t i = 0; i < b.length; i++) {
		if (b.data[i] == '\033') {
			while (b.data[i] != 'm')
				i++;
			continue;
		}
		b.data[n++] = b.data[i];
	}
	b.data[n] = '\0';
	assert_string_equal(b.data,
			    "12:57:51 v1  200  1.24ms curl(6028)       0123456789 …data/instance-id  no-token\n");
	buffer_done(&b);
}

static void stats_in_one_line(void **state)
{
	const struct stats s = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
	struct buffer b = {0};

	format_text.stats(&narrow, &s, 1795352271123456789ull, 1, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(
		b.data,
		"12:57:51 --- 1 calls: v1 2, v2 3, v? 4; connects 5, denied 11, would deny 13; lost 6, truncated 7, "
		"evicted 8, open at start 9, unwritten 12; 10 s\n");
	buffer_done(&b);
}

static int set_zone(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_by_width),  cmocka_unit_test(headings_stand_over_their_columns),
		cmocka_unit_test(results),           cmocka_unit_test(denied_and_would_deny),
		cmocka_unit_test(connects),          cmocka_unit_test(sessions),
		cmocka_unit_test(the_pid_stays),     cmocka_unit_test(long_values_stay_apart),
		cmocka_unit_test(colours),           cmocka_unit_test(colours_take_no_room),
		cmocka_unit_test(stats_in_one_line),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}
