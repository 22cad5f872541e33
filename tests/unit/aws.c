/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CALLERS                                                                                                        \
	"(pid:6028:curl argv:curl http://169.254.169.254/latest/meta-data/) called by -> (pid:6027:makeCalls.sh "      \
	"argv:/bin/bash ./makeCalls.sh) -> (pid:4081:zsh argv:-zsh) -> (pid:4070:sshd argv:sshd: user@pts/0)"
#define HEAD "GET /latest/meta-data/ HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: curl/8.3.0\r\nAccept: */*\r\n"
#define SHOWN                                                                                                          \
	" Req details: GET /latest/meta-data/ HTTP/1.1, Host: 169.254.169.254, User-Agent: curl/8.3.0, Accept: */*, "  \
	"\n"

static void prepare(struct sample *s)
{
	sample_full(s);
	s->caller.process.args = (char *)"curl\0http://169.254.169.254/latest/meta-data/";
	s->caller.process.args_length = sizeof("curl\0http://169.254.169.254/latest/meta-data/");
	s->call.head = SPAN_LITERAL(HEAD);
	s->call.verdict = VERDICT_OBSERVED;
	s->caller.ancestor[3] = (struct process){.pid = 1, .name = "never shown"};
	s->caller.ancestor_count = 4;
}

static void line_is(const struct sample *s, const char *expected)
{
	struct buffer b = {0};

	format_aws.call(&(struct sink_context){0}, &s->call, 9, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

static void v1_is_a_warning(void **state)
{
	struct sample s;

	prepare(&s);
	line_is(&s, "[2026-11-22T12:57:51] [WARNING] IMDSv1(!) " CALLERS SHOWN);
}

static void v2_is_information(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.version = VERSION_V2;
	line_is(&s, "[2026-11-22T12:57:51] [INFO] IMDSv2 " CALLERS SHOWN);
}

static void verdicts_are_one_more_header(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.verdict = VERDICT_DENIED;
	s.call.head = SPAN_LITERAL("GET / HTTP/1.1\r\n");
	line_is(&s, "[2026-11-22T12:57:51] [WARNING] IMDSv1(!) " CALLERS
		    " Req details: GET / HTTP/1.1, Verdict: denied by rules.conf:3, \n");
	s.call.verdict = VERDICT_WOULD_DENY;
	s.call.rule = (struct span){0};
	line_is(&s, "[2026-11-22T12:57:51] [WARNING] IMDSv1(!) " CALLERS
		    " Req details: GET / HTTP/1.1, Verdict: would-deny, \n");
}

/* It must not be counted as v1 by `grep IMDSv1`, and the words stay in their places. */
static void unknown_is_an_error(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.version = VERSION_UNKNOWN;
	s.call.head = (struct span){0};
	line_is(&s, "[2026-11-22T12:57:51] [ERROR] {MISSING PAYLOAD} IMDS(?) " CALLERS " Req details: \n");
}

static void a_service_without_versions(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.version = VERSION_NONE;
	line_is(&s, "[2026-11-22T12:57:51] [INFO] IMDS " CALLERS SHOWN);
}

static void connect_and_stats_have_no_line(void **state)
{
	struct sample s;

	prepare(&s);
	s.call.action = CALL_CONNECT;
	line_is(&s, "");
	assert_null(format_aws.stats);
}

static void unknown_arguments(void **state)
{
	struct sample s;

	prepare(&s);
	s.caller.process = (struct process){.pid = 7};
	s.caller.ancestor[0] = (struct process){.pid = 6, .name = "gone"};
	s.caller.ancestor_count = 1;
	line_is(&s, "[2026-11-22T12:57:51] [WARNING] IMDSv1(!) (pid:7 Unable to get argv information) called by -> "
		    "(pid:6:gone argv:)" SHOWN);
	s.caller.ancestor_count = 0;
	line_is(&s, "[2026-11-22T12:57:51] [WARNING] IMDSv1(!) (pid:7 Unable to get argv information)" SHOWN);
}

static void head_lines(void **state)
{
	static const struct {
		struct span head;
		const char *shown;
	} rows[] = {
		{SPAN_LITERAL("GET / HTTP/1.0\n"), "GET / HTTP/1.0, \n"},
		{SPAN_LITERAL("GET / HTTP/1.0\nhOsT: X"), "GET / HTTP/1.0, hOsT: X, \n"},
		{SPAN_LITERAL("A\rB\r\n"), "A\\rB, \n"},
		{SPAN_LITERAL("x-aws-ec2-metadata-token: **token redacted**\r\n"),
		 "x-aws-ec2-metadata-token: **token redacted**, \n"},
		{SPAN_LITERAL("A: \\n\x1b\xff\r\n"), "A: \\n\\x1b\\xff, \n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[512];
		struct sample s;

		prepare(&s);
		s.call.head = rows[i].head;
		snprintf(expected, sizeof(expected),
			 "[2026-11-22T12:57:51] [WARNING] IMDSv1(!) " CALLERS " Req details: %s", rows[i].shown);
		line_is(&s, expected);
	}
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
		cmocka_unit_test(v1_is_a_warning),
		cmocka_unit_test(v2_is_information),
		cmocka_unit_test(verdicts_are_one_more_header),
		cmocka_unit_test(unknown_is_an_error),
		cmocka_unit_test(a_service_without_versions),
		cmocka_unit_test(connect_and_stats_have_no_line),
		cmocka_unit_test(unknown_arguments),
		cmocka_unit_test(head_lines),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}
