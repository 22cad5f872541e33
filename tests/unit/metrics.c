/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "metrics/metrics.h"
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>

/* By way of a row's bytes, as in the program. */
static void take(struct metrics *m, const struct sample *s)
{
	struct buffer b = {0};
	struct row row;

	row_write(&s->call, &b);
	assert_int_equal(row_read(buffer_view(&b), &row), 0);
	assert_true(metrics_take(m, &row));
	buffer_done(&b);
}

static char *text_of(const struct metrics *m)
{
	struct buffer b = {0};

	metrics_write(m, &b);
	buffer_byte(&b, '\0');
	assert_false(b.failed);
	return b.data;
}

static void has(const struct metrics *m, const char *line)
{
	char *text = text_of(m);
	const char *at = strstr(text, line);

	while (at && ((at > text && at[-1] != '\n') || at[strlen(line)] != '\n'))
		at = strstr(at + 1, line);
	if (!at)
		print_error("not there: %s\nin:\n%s", line, text);
	assert_non_null(at);
	free(text);
}

static void lacks(const struct metrics *m, const char *part)
{
	char *text = text_of(m);

	assert_null(strstr(text, part));
	free(text);
}

static const struct feed_counts counts = {
	.time = 1795352280500000000,
	.attached_since = 1795352200000000000,
	.calls = 7,
	.calls_v1 = 3,
	.calls_v2 = 2,
	.calls_unknown = 1,
	.connects = 1,
	.lost = 11,
	.truncated = 12,
	.evicted = 13,
	.open_at_start = 14,
	.attached_seconds = 80,
	.denied = 15,
	.would_deny = 16,
	.unwritten = 21,
	.dropped = 4,
};

static void nothing_has_happened_yet(void **state)
{
	struct metrics m;

	metrics_init(&m);
	has(&m, "imds_attached 0");
	has(&m, "imds_attached_seconds_total 0");
	has(&m, "imds_build_info{version=\"" IMDSNITCH_VERSION "\"} 1");
	has(&m, "imds_calls_total{version=\"v1\"} 0");
	has(&m, "imds_events_lost_total{reason=\"ring\"} 0");
	has(&m, "# TYPE imds_requests_total counter");
	lacks(&m, "\nimds_last_event_timestamp_seconds "); /* a zero would be 1970 */
	lacks(&m, "\nimds_requests_total{");
	metrics_done(&m);
}

static void a_request_is_counted_everywhere(void **state)
{
	struct metrics m;
	struct sample s;

	sample_full(&s);
	metrics_init(&m);
	take(&m, &s);
	take(&m, &s);
	has(&m, "imds_requests_total{provider=\"aws\",service=\"ec2\",version=\"v1\",class=\"credentials\","
		"verdict=\"would-deny\",program=\"curl\"} 2");
	has(&m, "imds_responses_total{service=\"ec2\",code=\"200\"} 2");
	has(&m, "imds_v1_calls_total{service=\"ec2\",cause=\"no-token-support\"} 2");
	has(&m, "imds_forwarded_requests_total{service=\"ec2\"} 2");
	has(&m, "imds_request_duration_seconds_bucket{service=\"ec2\",version=\"v1\",le=\"0.001\"} 0");
	has(&m, "imds_request_duration_seconds_bucket{service=\"ec2\",version=\"v1\",le=\"0.0025\"} 2");
	has(&m, "imds_request_duration_seconds_sum{service=\"ec2\",version=\"v1\"} 0.002474");
	has(&m, "imds_last_event_timestamp_seconds 1795352271.123456789");
	metrics_done(&m);
}

static void absent_fields_have_their_word(void **state)
{
	struct metrics m;
	struct sample s;

	sample_bare(&s);
	metrics_init(&m);
	take(&m, &s);
	has(&m, "imds_requests_total{provider=\"unknown\",service=\"unknown\",version=\"none\",class=\"none\","
		"verdict=\"observed\",program=\"unknown\"} 1");
	has(&m, "imds_unanswered_requests_total{service=\"unknown\"} 1");
	lacks(&m, "\nimds_request_duration_seconds_count");
	lacks(&m, "\nimds_responses_total{");
	lacks(&m, "\nimds_v1_calls_total{");
	lacks(&m, "\nimds_forwarded_requests_total{");
	metrics_done(&m);
}

static void a_connection_without_a_request(void **state)
{
	struct metrics m;
	struct sample s;

	sample_full(&s);
	metrics_init(&m);
	s.call.action = CALL_CONNECT;
	s.call.outcome = OUTCOME_FAILURE;
	s.call.reason = SPAN_LITERAL("ECONNREFUSED");
	take(&m, &s);
	s.call.reason = SPAN_LITERAL("something nobody has heard of");
	take(&m, &s);
	s.call.reason = (struct span){0};
	take(&m, &s);
	has(&m, "imds_connects_total{service=\"ec2\",outcome=\"failure\",reason=\"ECONNREFUSED\"} 1");
	has(&m, "imds_connects_total{service=\"ec2\",outcome=\"failure\",reason=\"other\"} 1");
	has(&m, "imds_connects_total{service=\"ec2\",outcome=\"failure\",reason=\"none\"} 1");
	lacks(&m, "\nimds_requests_total{");
	lacks(&m, "\nimds_v1_calls_total{");
	metrics_done(&m);
}

static void denials_are_counted_by_rule(void **state)
{
	char rule[32];
	struct metrics m;
	struct sample s;

	sample_full(&s);
	metrics_init(&m);
	s.call.rule = SPAN_LITERAL("/etc/imdsnitch/guard.rules:12");
	s.call.verdict = VERDICT_DENIED;
	s.call.has_response = s.call.has_duration = false;
	take(&m, &s);
	s.call.action = CALL_CONNECT;
	s.call.reason = SPAN_LITERAL("denied by /etc/imdsnitch/guard.rules:12");
	take(&m, &s);
	s.call.verdict = VERDICT_ALLOWED;
	s.call.rule = (struct span){0};
	take(&m, &s);
	s.call.verdict = VERDICT_WOULD_DENY;
	s.call.rule = SPAN_LITERAL("a:b\"c");
	take(&m, &s);
	s.call.verdict = VERDICT_OBSERVED;
	take(&m, &s);
	has(&m, "imds_rule_verdicts_total{verdict=\"denied\",line=\"12\"} 2");
	has(&m, "imds_rule_verdicts_total{verdict=\"allowed\",line=\"none\"} 1");
	has(&m, "imds_rule_verdicts_total{verdict=\"would-deny\",line=\"other\"} 1");
	has(&m, "imds_connects_total{service=\"ec2\",outcome=\"success\",reason=\"denied\"} 1");
	lacks(&m, "\nimds_unanswered_requests_total{");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(rule, sizeof(rule), "x:%u", i);
		s.call.rule = span_of(rule);
		s.call.verdict = VERDICT_DENIED;
		take(&m, &s);
	}
	assert_true(m.family[FAMILY_RULES].count <= 3 + WORDS_NAMED + 1);
	assert_int_equal(family_sum(&m.family[FAMILY_RULES]), 1004);
	metrics_done(&m);
}

static void codes_are_bounded(void **state)
{
	struct metrics m;
	struct sample s;

	sample_full(&s);
	metrics_init(&m);
	for (s.call.status = 0; s.call.status < 1000; s.call.status++)
		take(&m, &s);
	has(&m, "imds_responses_total{service=\"ec2\",code=\"401\"} 1");
	has(&m, "imds_responses_total{service=\"ec2\",code=\"1xx\"} 100");
	has(&m, "imds_responses_total{service=\"ec2\",code=\"2xx\"} 99");
	has(&m, "imds_responses_total{service=\"ec2\",code=\"other\"} 500");
	assert_int_equal(m.family[FAMILY_RESPONSES].count, 14 + 5 + 1);
	assert_int_equal(family_sum(&m.family[FAMILY_RESPONSES]), 1000);
	metrics_done(&m);
}

static void what_the_service_counts(void **state)
{
	struct feed_counts last = counts;
	struct metrics m;

	metrics_init(&m);
	metrics_counts(&m, &counts);
	has(&m, "imds_attached 1");
	has(&m, "imds_attached_seconds_total 80");
	has(&m, "imds_attached_since_timestamp_seconds 1795352200");
	has(&m, "imds_updated_timestamp_seconds 1795352280.5");
	has(&m, "imds_calls_total{version=\"none\"} 1");
	has(&m, "imds_calls_total{version=\"unknown\"} 1");
	has(&m, "imds_calls_total{version=\"v1\"} 3");
	has(&m, "imds_calls_total{version=\"v2\"} 2");
	has(&m, "imds_denied_total 15");
	has(&m, "imds_would_deny_total 16");
	has(&m, "imds_open_at_start 14");
	has(&m, "imds_events_lost_total{reason=\"ring\"} 11");
	has(&m, "imds_events_lost_total{reason=\"truncated\"} 12");
	has(&m, "imds_events_lost_total{reason=\"evicted\"} 13");
	has(&m, "imds_events_lost_total{reason=\"queue\"} 4");
	has(&m, "imds_events_lost_total{reason=\"unwritten\"} 17"); /* of the other sinks */
	last.last = 1;
	metrics_counts(&m, &last);
	has(&m, "imds_attached 0");
	has(&m, "imds_calls_total{version=\"v1\"} 3");
	metrics_done(&m);
}

static void the_end_of_the_feed_is_no_attachment(void **state)
{
	struct metrics m;

	metrics_init(&m);
	metrics_counts(&m, &counts);
	metrics_end(&m);
	has(&m, "imds_attached 0");
	metrics_done(&m);
}

/* Whatever callers do, the series are bounded and every request is in one of them. */
static void hostile_callers(void **state)
{
	static const char *const services[] = {"ec2", "ecs", "gcp", "oracle", "ibm", "nonsense", NULL};
	struct metrics m;
	struct sample s;
	char *text;
	unsigned n = 0;

	metrics_init(&m);
	sample_full(&s);
	for (unsigned i = 0; i < 20000; i++) {
		s.call.service = services[i % 7];
		s.call.class = (enum call_class)(i % 5);
		s.call.version = (enum call_version)(i / 5 % 4);
		s.call.verdict = (enum call_verdict)(i / 3 % 4);
		snprintf(s.caller.process.name, sizeof(s.caller.process.name), "%u\"\\\n\xff", i * 7919 % 997);
		take(&m, &s);
		n += s.call.version == VERSION_V1;
	}
	assert_true(m.family[FAMILY_REQUESTS].count <= 2048 + 5);
	assert_true(m.words[LABEL_PROGRAM].count == WORDS_FIRST + WORDS_NAMED);
	assert_int_equal(family_sum(&m.family[FAMILY_REQUESTS]), 20000);
	assert_int_equal(family_sum(&m.family[FAMILY_RESPONSES]), 20000);
	assert_int_equal(family_sum(&m.family[FAMILY_DURATION]), 20000);
	assert_int_equal(family_sum(&m.family[FAMILY_V1]), n);
	lacks(&m, "nonsense");
	text = text_of(&m);
	assert_true(strlen(text) < 512 * 1024);
	free(text);
	metrics_done(&m);
}

/* Nothing that tells a process, a path, arguments or a user from others gets out. */
static void no_label_tells_too_much(void **state)
{
	static const char marker[] = "MARKER";
	struct sample_field fields[SAMPLE_FIELDS];
	struct metrics m;
	struct sample s;
	size_t count;

	sample_full(&s);
	count = sample_fields(&s, fields);
	for (size_t i = 0; i < count; i++)
		if (fields[i].array != s.caller.process.name)
			sample_set(&fields[i], SPAN_LITERAL(marker));
	s.caller.process.pid = 424242;
	s.caller.uid = 434343;
	metrics_init(&m);
	take(&m, &s);
	s.call.action = CALL_CONNECT;
	take(&m, &s);
	lacks(&m, marker);
	lacks(&m, "424242");
	lacks(&m, "434343");
	has(&m, "imds_v1_calls_total{service=\"ec2\",cause=\"no-token-support\"} 1");
	metrics_done(&m);
}

/* Families in the order of their names, each with HELP and TYPE once, no series twice. */
static void the_order_is_stable(void **state)
{
	char previous[512] = "", *line, *rest, *text;
	struct metrics m;
	struct sample s;
	unsigned families = 0;

	sample_full(&s);
	metrics_init(&m);
	metrics_counts(&m, &counts);
	take(&m, &s);
	text = rest = text_of(&m);
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, "# HELP ", 7) != 0)
			continue;
		assert_true(strcmp(previous, line) < 0);
		snprintf(previous, sizeof(previous), "%.*s", (int)(sizeof(previous) - 1), line);
		families++;
	}
	assert_int_equal(families, 19);
	free(text);
	metrics_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_has_happened_yet),
		cmocka_unit_test(a_request_is_counted_everywhere),
		cmocka_unit_test(absent_fields_have_their_word),
		cmocka_unit_test(a_connection_without_a_request),
		cmocka_unit_test(denials_are_counted_by_rule),
		cmocka_unit_test(codes_are_bounded),
		cmocka_unit_test(what_the_service_counts),
		cmocka_unit_test(the_end_of_the_feed_is_no_attachment),
		cmocka_unit_test(hostile_callers),
		cmocka_unit_test(no_label_tells_too_much),
		cmocka_unit_test(the_order_is_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
