/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>

#include "unit.h"

static void init(struct settings *s, enum settings_kind kind)
{
	settings_init(s, kind, "");
}

/* A default that its own key refuses would be a default nobody can write. */
static void test_defaults(void **state)
{
	struct settings s;
	const char *error;

	for (const struct setting *t = settings_table; t->key; t++) {
		init(&s, t->kind);
		if (t->fallback)
			assert_int_equal(settings_set(&s, t->key, t->fallback, &error), 0);
		assert_non_null(t->argument);
	}
	init(&s, SETTINGS_LOG);
	assert_int_equal(settings_check(&s, &error), 0);
	assert_string_equal(s.log.path, "/var/log/imdsnitch/calls.jsonl");
	assert_int_equal(s.log.max_size, 1 << 20);
	assert_int_equal(s.log.keep, 5);
	assert_int_equal(s.log.max_age, 0);
	assert_true(s.log.fsync == UINT64_MAX);
	init(&s, SETTINGS_SYSLOG);
	assert_int_equal(s.syslog.facility, 3);
}

static void test_every_key_refuses(void **state)
{
	struct settings s;
	const char *error;

	for (const struct setting *t = settings_table; t->key; t++) {
		static const char *const wrong[] = {"", "\033[2J", "?", "-1", "relative/path"};

		for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			int r;

			init(&s, t->kind);
			error = NULL;
			r = settings_set(&s, t->key, wrong[i], &error);
			/* Names of hosts are not looked at. */
			if (r == 0)
				assert_string_equal(t->key, "server_name");
			else
				assert_non_null(error);
		}
	}
}

static void test_values(void **state)
{
	static const struct {
		enum settings_kind kind;
		int r;
		const char *key, *value;
	} cases[] = {
		{SETTINGS_LOG, 0, "format", "json"},
		{SETTINGS_LOG, -EINVAL, "format", "row"},
		{SETTINGS_LOG, -EINVAL, "format", "null"},
		{SETTINGS_LOG, -ENOENT, "frmat", "json"},
		{SETTINGS_LOG, -ENOENT, "listen", "none"},
		{SETTINGS_LOG, -EINVAL, "keep", "0"},
		{SETTINGS_LOG, 0, "keep", "10000"},
		{SETTINGS_LOG, -EINVAL, "keep", "10001"},
		{SETTINGS_LOG, -EINVAL, "max_size", "4095"},
		{SETTINGS_LOG, 0, "max_size", "4K"},
		{SETTINGS_LOG, 0, "fsync", "always"},
		{SETTINGS_LOG, -EINVAL, "fsync", "0s"},
		{SETTINGS_LOG, 0, "max_age", "1s"},
		{SETTINGS_LOG, -EINVAL, "max_age", "999ms"},
		{SETTINGS_LOG, -EINVAL, "enabled", "true"},
		{SETTINGS_SYSLOG, 0, "to", "udp:192.0.2.1:514"},
		{SETTINGS_SYSLOG, 0, "to", "udp:[2001:db8::1]:514"},
		{SETTINGS_SYSLOG, 0, "to", "tls:log.example.net:6514"},
		{SETTINGS_SYSLOG, -EINVAL, "to", "tls:log.example.net"},
		{SETTINGS_SYSLOG, -EINVAL, "to", "tls:log.example.net:0"},
		{SETTINGS_SYSLOG, -EINVAL, "to", "tls:log.example.net:65536"},
		{SETTINGS_SYSLOG, -EINVAL, "to", "tls:a b:514"},
		{SETTINGS_SYSLOG, -EINVAL, "to", "http:a:80"},
		{SETTINGS_SYSLOG, 0, "facility", "local7"},
		{SETTINGS_SYSLOG, -EINVAL, "facility", "local8"},
		{SETTINGS_METRICS, 0, "listen", "127.0.0.1:9090"},
		{SETTINGS_METRICS, 0, "listen", "[::1]:9090"},
		{SETTINGS_METRICS, 0, "listen", "unix:/run/m.sock"},
		{SETTINGS_METRICS, -EINVAL, "listen", "0.0.0.0:9090"},
		{SETTINGS_METRICS, -EINVAL, "listen", "127.0.0.1:port"},
		{SETTINGS_SERVICE, -EINVAL, "ring_size", "3M"},
		{SETTINGS_SERVICE, 0, "endpoint", "192.0.2.1:8080=ecs"},
		{SETTINGS_SERVICE, -EINVAL, "endpoint", "192.0.2.1=nothing"},
		{SETTINGS_SERVICE, -EINVAL, "user", "a/b"},
		{SETTINGS_SERVICE, 0, "status_socket", "none"},
		{SETTINGS_GUARD, 0, "rules", "none"},
		{SETTINGS_GUARD, -EINVAL, "rules", "guard.rules"},
		{SETTINGS_SERVICE, 0, "provider", "azure"},
		{SETTINGS_SERVICE, -EINVAL, "provider", "nobody"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings s;
		const char *error;

		init(&s, cases[i].kind);
		if (settings_set(&s, cases[i].key, cases[i].value, &error) != cases[i].r)
			fail_msg("%s = %s", cases[i].key, cases[i].value);
	}
}

static void test_check(void **state)
{
	struct settings s;
	const char *error = NULL;

	init(&s, SETTINGS_LOG);
	settings_set(&s, "format", "aws", &error);
	assert_int_equal(settings_check(&s, &error), 0);
	assert_string_equal(s.log.path, "/var/log/imdsnitch/imds-trace.log");
	init(&s, SETTINGS_METRICS);
	assert_int_equal(settings_check(&s, &error), -EINVAL);
	settings_set(&s, "textfile", "/tmp/x.prom", &error);
	assert_int_equal(settings_check(&s, &error), 0);
	init(&s, SETTINGS_SYSLOG);
	settings_set(&s, "certificate", "/tmp/x.pem", &error);
	assert_int_equal(settings_check(&s, &error), -EINVAL);
	settings_set(&s, "key", "/tmp/x.key", &error);
	assert_int_equal(settings_check(&s, &error), 0);
}

static void test_endpoints_are_many(void **state)
{
	struct settings s;
	const char *error;
	char text[32];

	init(&s, SETTINGS_SERVICE);
	for (unsigned i = 0; i < SETTINGS_ENDPOINTS; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		assert_int_equal(settings_set(&s, "endpoint", text, &error), 0);
	}
	assert_int_equal(settings_set(&s, "endpoint", "192.0.2.200", &error), -EINVAL);
	assert_string_equal(s.service.endpoint[63], "192.0.2.64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key_refuses),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_endpoints_are_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
