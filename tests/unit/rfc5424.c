/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sample.h"
#include "sink/level.h"
#include "sink/rfc5424.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME 1795352271123456789ull

static struct rfc5424 syslog_of(const char *format)
{
	struct rfc5424 s = {.facility = 3, .process = 4711, .format = format};

	rfc5424_set_host(&s, "host.example");
	return s;
}

static void head_is(const struct rfc5424 *s, unsigned level, uint64_t time, struct span event, const char *expected)
{
	struct buffer b = {0};

	rfc5424_head(s, level, time, event, false, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

static void heads(void **state)
{
	struct rfc5424 s = syslog_of("text");

	head_is(&s, LEVEL_WARNING, TIME, SPAN_LITERAL("x\n"),
		"<28>1 2026-11-22T12:57:51.123456Z host.example imdsnitch 4711 - - ");
	s.facility = 23;
	s.process = 0;
	head_is(&s, LEVEL_INFO, 0, SPAN_LITERAL(""), "<190>1 - host.example imdsnitch - - - ");
	s.facility = 0;
	head_is(&s, LEVEL_ALERT, TIME, SPAN_LITERAL("x"),
		"<1>1 2026-11-22T12:57:51.123456Z host.example imdsnitch - - - ");
}

/* MSGID: what happened. */
static void the_action_is_the_message_id(void **state)
{
	struct rfc5424 s = syslog_of("json");
	struct buffer event = {0}, head = {0};
	struct sample sample;

	sample_full(&sample);
	sample.call.path = SPAN_LITERAL("\"event\":{\"action\":\"imds-stats\"}");
	format_json.call(&(struct sink_context){0}, &sample.call, 1, &event);
	rfc5424_head(&s, LEVEL_WARNING, TIME, buffer_view(&event), false, &head);
	assert_non_null(memmem(head.data, head.length, " 4711 imds-request - ", 21));
	buffer_reset(&event);
	buffer_reset(&head);
	sample.call.action = CALL_CONNECT;
	format_json.call(&(struct sink_context){0}, &sample.call, 1, &event);
	rfc5424_head(&s, LEVEL_WARNING, TIME, buffer_view(&event), false, &head);
	assert_non_null(memmem(head.data, head.length, " 4711 imds-connect - ", 21));
	buffer_reset(&event);
	buffer_reset(&head);
	format_json.stats(&(struct sink_context){0}, &(struct stats){0}, TIME, 1, &event);
	rfc5424_head(&s, LEVEL_INFO, TIME, buffer_view(&event), false, &head);
	assert_non_null(memmem(head.data, head.length, " 4711 imds-stats - ", 19));
	s = syslog_of("aws");
	buffer_reset(&head);
	rfc5424_head(&s, LEVEL_INFO, TIME, SPAN_LITERAL("[2026-11-22T12:57:51] ...\n"), false, &head);
	assert_non_null(memmem(head.data, head.length, " 4711 imds-request - ", 21));
	buffer_done(&event);
	buffer_done(&head);
}

/* RFC 6587: the length counts every byte behind the space after it. */
static void the_count_is_exact(void **state)
{
	const struct span event = SPAN_LITERAL("an event\n");
	struct rfc5424 s = syslog_of("text");
	struct buffer b = {0};
	char *rest;
	size_t length;

	rfc5424_head(&s, LEVEL_INFO, TIME, event, true, &b);
	buffer_span(&b, rfc5424_body(event));
	buffer_byte(&b, '\0');
	length = strtoul(b.data, &rest, 10);
	assert_int_equal(*rest, ' ');
	assert_int_equal(strlen(rest + 1), length);
	assert_string_equal(b.data + b.length - 9, "an event");
	buffer_done(&b);
}

static void a_host_is_visible_ascii(void **state)
{
	struct rfc5424 s = {0};
	char name[400];

	rfc5424_set_host(&s, "a b\n\x1b\xff.c");
	assert_string_equal(s.host, "ab.c");
	rfc5424_set_host(&s, "");
	assert_string_equal(s.host, "-");
	rfc5424_set_host(&s, " \n");
	assert_string_equal(s.host, "-");
	memset(name, 'h', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	rfc5424_set_host(&s, name);
	assert_int_equal(strlen(s.host), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),
		cmocka_unit_test(the_action_is_the_message_id),
		cmocka_unit_test(the_count_is_exact),
		cmocka_unit_test(a_host_is_visible_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
