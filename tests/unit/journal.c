/* SPDX-License-Identifier: Apache-2.0 */
/* The fields, read back as journald does: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */
#include "unit.h"

#include "base/escape.h"
#include "sample.h"

#include <ctype.h>
#include <endian.h>
#include <stdio.h>

/* Takes the next field; false at the end. Anything journald would not take fails the test. */
static bool take(struct span *rest, struct span *ret_name, struct span *ret_value)
{
	const char *end = rest->length ? memchr(rest->data, '\n', rest->length) : NULL, *equals;
	uint64_t length;
	size_t used;

	if (rest->length == 0)
		return false;
	assert_non_null(end);
	equals = memchr(rest->data, '=', (size_t)(end - rest->data));
	if (equals) {
		*ret_name = (struct span){rest->data, (size_t)(equals - rest->data)};
		*ret_value = (struct span){equals + 1, (size_t)(end - equals - 1)};
		used = (size_t)(end + 1 - rest->data);
	} else {
		*ret_name = (struct span){rest->data, (size_t)(end - rest->data)};
		used = (size_t)(end + 1 - rest->data) + sizeof(length);
		assert_true(used <= rest->length);
		memcpy(&length, end + 1, sizeof(length));
		length = le64toh(length);
		assert_true(length < rest->length - used);
		*ret_value = (struct span){rest->data + used, (size_t)length};
		assert_int_equal(rest->data[used + length], '\n');
		used += length + 1;
	}
	*rest = (struct span){rest->data + used, rest->length - used};
	return true;
}

/* journal_field_valid() in systemd: what is not so is dropped without a word. */
static void check_name(struct span name)
{
	assert_in_range(name.length, 1, 64);
	assert_true(isupper((unsigned char)name.data[0]));
	for (size_t i = 0; i < name.length; i++)
		assert_true(isupper((unsigned char)name.data[i]) || isdigit((unsigned char)name.data[i]) ||
			    name.data[i] == '_');
}

static struct span value_of(const struct buffer *b, const char *name)
{
	struct span rest = buffer_view(b), n, value;

	while (take(&rest, &n, &value))
		if (span_equal(n, span_of(name)))
			return value;
	return (struct span){0};
}

static void is(const struct buffer *b, const char *name, const char *expected)
{
	struct span value = value_of(b, name);

	if (!value.data || !span_equal(value, span_of(expected)))
		fail_msg("%s is %.*s, not %s", name, (int)value.length, value.data ? value.data : "absent", expected);
}

static void write_call(struct buffer *b, const struct sample *s)
{
	buffer_reset(b);
	format_journal.call(&(struct sink_context){0}, &s->call, 9, b);
	assert_false(b->failed);
}

/* All of them, with one line end each: what a golden file would hold. */
static void all_fields(void **state)
{
	static const char *const expected =
		"MESSAGE=curl(6028) called ec2 over v1: GET "
		"/latest/meta-data/iam/security-credentials/web-role?x=1, status 200 (would be denied by "
		"rules.conf:3)\n"
		"MESSAGE_ID=7c91126c7b484c5d812a41aac09c1e81\nPRIORITY=4\nSYSLOG_IDENTIFIER=imdsnitch\n"
		"IMDS_ACTION=imds-request\nIMDS_KIND=alert\nIMDS_TIME=2026-11-22T12:57:51.123456Z\nIMDS_SEQUENCE=9\n"
		"IMDS_OUTCOME=success\nIMDS_DURATION_NS=1237000\nIMDS_REASON=a reason\nIMDS_PROVIDER=aws\n"
		"IMDS_SERVICE=ec2\nIMDS_VERSION=v1\nIMDS_CLASS=credentials\nIMDS_VERDICT=would-deny\n"
		"IMDS_RULE=rules.conf:3\nIMDS_CAUSE=no-token-support\nIMDS_COMPLETE=true\nIMDS_FORWARDED=true\n"
		"IMDS_METHOD=GET\nIMDS_URL=/latest/meta-data/iam/security-credentials/web-role?x=1\n"
		"IMDS_PATH=/latest/meta-data/iam/security-credentials/web-role\nIMDS_STATUS=200\n"
		"IMDS_USER_AGENT=curl/8.3.0\nIMDS_SDK=curl\nIMDS_SDK_VERSION=8.3.0\nIMDS_TOKEN_TTL=21600\n"
		"IMDS_HOP_LIMIT=1\nIMDS_ROLE=web-role\nIMDS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE\n"
		"IMDS_EXPIRATION=2026-11-22T19:00:00Z\nIMDS_SOURCE_IP=10.0.0.5\nIMDS_SOURCE_PORT=41234\n"
		"IMDS_DESTINATION_IP=169.254.169.254\nIMDS_DESTINATION_PORT=80\nIMDS_PID=6028\nIMDS_PROGRAM=curl\n"
		"IMDS_EXECUTABLE=/usr/bin/curl\n"
		"IMDS_ARGUMENTS=curl -s 'http://169.254.169.254/latest/meta-data/iam/security-credentials/web role'\n"
		"IMDS_ENTITY_ID=2f3c1a55e4d04d6a-6028-5000006028\nIMDS_PARENT_PID=6027\n"
		"IMDS_PARENT_PROGRAM=makeCalls.sh\nIMDS_PARENT_EXECUTABLE=/usr/bin/bash\nIMDS_USER_ID=0\n"
		"IMDS_USER=root\nIMDS_LOGIN_USER_ID=1000\nIMDS_UNIT=web-backend.service\n"
		"IMDS_CONTAINER=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
		"IMDS_RUNTIME=docker\nIMDS_IMAGE=registry.example.com/"
		"web:1.4\nIMDS_POD=3b9cdd59-8f0c-4c0e-a8a0-3a2f3d3d8f0a\n"
		"IMDS_CGROUP=/system.slice/docker-0123456789ab.scope\n";
	struct buffer b = {0}, text = {0};
	struct span rest, name, value;
	struct sample s;

	sample_full(&s);
	write_call(&b, &s);
	rest = buffer_view(&b);
	while (take(&rest, &name, &value)) {
		check_name(name);
		buffer_span(&text, name);
		buffer_byte(&text, '=');
		buffer_span(&text, value);
		buffer_byte(&text, '\n');
	}
	buffer_byte(&text, '\0');
	assert_string_equal(text.data, expected);
	buffer_done(&b);
	buffer_done(&text);
}

static void priorities(void **state)
{
	struct buffer b = {0};
	struct sample s;

	sample_full(&s);
	s.call.verdict = VERDICT_OBSERVED;
	write_call(&b, &s);
	is(&b, "PRIORITY", "4");
	s.call.version = VERSION_V2;
	write_call(&b, &s);
	is(&b, "PRIORITY", "6");
	s.call.version = VERSION_UNKNOWN;
	write_call(&b, &s);
	is(&b, "PRIORITY", "3");
	buffer_done(&b);
}

static void what_is_not_known_is_absent(void **state)
{
	struct buffer b = {0};
	struct sample s;

	sample_bare(&s);
	write_call(&b, &s);
	is(&b, "MESSAGE", "unknown process called the metadata service: request of an unknown path, no answer");
	assert_null(value_of(&b, "IMDS_VERSION").data);
	assert_null(value_of(&b, "IMDS_STATUS").data);
	assert_null(value_of(&b, "IMDS_PID").data);
	assert_null(value_of(&b, "IMDS_DURATION_NS").data);
	assert_null(value_of(&b, "IMDS_SOURCE_IP").data);
	s.call.action = CALL_CONNECT;
	write_call(&b, &s);
	is(&b, "MESSAGE_ID", "6268ee7238774876be2f0eb4e7dd96b0");
	buffer_done(&b);
}

static void counts(void **state)
{
	const struct stats counts = {.calls = 5, .calls_v1 = 2, .lost = 7, .unwritten = 1};
	struct buffer b = {0};

	format_journal.stats(&(struct sink_context){0}, &counts, 1795352271123456789ull, 12, &b);
	is(&b, "MESSAGE_ID", "75b7a42b1349473f9576b7206375ecec");
	is(&b, "PRIORITY", "6");
	is(&b, "IMDS_SEQUENCE", "12");
	is(&b, "IMDS_CALLS", "5");
	is(&b, "IMDS_CALLS_V1", "2");
	is(&b, "IMDS_LOST", "7");
	is(&b, "IMDS_DENIED", "0"); /* a zero is said */
	is(&b, "IMDS_WOULD_DENY", "0");
	buffer_done(&b);
}

/* No value can make a field of its own, and journalctl shows the message as it is. */
static void hostile_values(void **state)
{
	static const struct span hostile[] = {
		SPAN_LITERAL(""),
		SPAN_LITERAL("x\nPRIORITY=0\nMESSAGE=owned\n"),
		SPAN_LITERAL("\n"),
		SPAN_LITERAL("a\0b"),
		SPAN_LITERAL("\x1b]0;owned\x07\xff"),
		SPAN_LITERAL("a=b"),
		SPAN_LITERAL("\n\5\0\0\0\0\0\0\0hello\n"),
	};
	struct sample_field fields[SAMPLE_FIELDS];
	struct span rest, name, value;
	struct buffer b = {0};
	struct sample s;
	size_t n;

	sample_full(&s);
	n = sample_fields(&s, fields);
	for (size_t f = 0; f < n * sizeof(hostile) / sizeof(hostile[0]); f++) {
		unsigned fields_seen = 0, messages = 0, priorities_seen = 0;

		sample_full(&s);
		sample_set(&fields[f % n], hostile[f / n]);
		write_call(&b, &s);
		for (rest = buffer_view(&b); take(&rest, &name, &value); fields_seen++) {
			check_name(name);
			messages += span_equal(name, SPAN_LITERAL("MESSAGE"));
			priorities_seen += span_equal(name, SPAN_LITERAL("PRIORITY"));
		}
		assert_int_equal(messages, 1);
		assert_int_equal(priorities_seen, 1);
		assert_in_range(fields_seen, 40, 56);
		value = value_of(&b, "MESSAGE");
		assert_null(memchr(value.data, '\n', value.length));
		assert_null(memchr(value.data, 0x1b, value.length));
	}
	buffer_done(&b);
}

static void raw_bytes_stay(void **state)
{
	struct buffer b = {0};
	struct sample s;

	sample_full(&s);
	s.call.path = SPAN_LITERAL("/a\n\0\xff");
	write_call(&b, &s);
	assert_true(span_equal(value_of(&b, "IMDS_PATH"), SPAN_LITERAL("/a\n\0\xff")));
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fields),
		cmocka_unit_test(priorities),
		cmocka_unit_test(what_is_not_known_is_absent),
		cmocka_unit_test(counts),
		cmocka_unit_test(hostile_values),
		cmocka_unit_test(raw_bytes_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
