/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

static char path[] = "/tmp/imdsnitch-config.XXXXXX";
static char said[16][512];
static unsigned mistakes;

static void note(void *context, const char *text)
{
	assert_true(mistakes < 16);
	snprintf(said[mistakes++], sizeof(said[0]), "%s", text);
}

static int read_bytes(const char *text, size_t length, struct config **ret_config)
{
	FILE *file = fopen(path, "w");

	fwrite(text, 1, length, file);
	fclose(file);
	mistakes = 0;
	return config_read(path, false, note, NULL, ret_config);
}

static struct config *read_text(const char *text)
{
	struct config *c;

	if (read_bytes(text, strlen(text), &c) != 0)
		fail_msg("%s", said[0]);
	assert_int_equal(mistakes, 0);
	return c;
}

static const struct section *section(const struct config *c, enum settings_kind kind, const char *name)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->section[i].settings.kind == kind && strcmp(c->section[i].settings.name, name) == 0)
			return &c->section[i];
	return NULL;
}

static void test_empty(void **state)
{
	struct config *c = read_text("");

	assert_int_equal(c->count, 3);
	assert_non_null(section(c, SETTINGS_LOG, ""));
	assert_non_null(section(c, SETTINGS_INVENTORY, ""));
	assert_string_equal(config_service(c)->user, "imdsnitch");
	config_free(c);
	unlink(path);
	assert_int_equal(config_read(path, true, note, NULL, &c), 0);
	assert_int_equal(c->count, 3);
	config_free(c);
	assert_int_equal(config_read(path, false, note, NULL, &c), -ENOENT);
	assert_int_equal(mistakes, 1);
	config_free(c);
}

static void test_shape(void **state)
{
	struct config *c = read_text("\xef\xbb\xbf# comment\n"
				     "[log]\n"
				     "path = /var/log/imdsnitch/calls.jsonl\n"
				     "format = json            ; json | aws | text\r\n"
				     "max_size=2M\n"
				     "keep: 7\n"
				     "\n"
				     "  ; indented comment\n"
				     "[log siem-2]\n"
				     "format = aws\n"
				     "[journal]\n"
				     "[service]\n"
				     "endpoint = 192.0.2.1\n"
				     "endpoint = 192.0.2.2:8080=ecs");

	assert_int_equal(c->count, 5);
	assert_int_equal(section(c, SETTINGS_LOG, "")->settings.log.max_size, 2 << 20);
	assert_int_equal(section(c, SETTINGS_LOG, "")->settings.log.keep, 7);
	assert_int_equal(section(c, SETTINGS_LOG, "")->line, 2);
	assert_string_equal(section(c, SETTINGS_LOG, "siem-2")->settings.log.format, "aws");
	assert_non_null(section(c, SETTINGS_JOURNAL, ""));
	assert_int_equal(config_service(c)->endpoints, 2);
	assert_string_equal(config_service(c)->endpoint[1], "192.0.2.2:8080=ecs");
	config_free(c);
}

static void expect_mistake(const char *text, unsigned line, const char *word)
{
	struct config *c;
	char where[64];

	assert_int_equal(read_bytes(text, strlen(text), &c), -EINVAL);
	config_free(c);
	snprintf(where, sizeof(where), "%s:%u: ", path, line);
	if (mistakes != 1 || strncmp(said[0], where, strlen(where)) != 0 || !strstr(said[0], word))
		fail_msg("%u mistakes, the first: %s", mistakes, said[0]);
}

static void test_mistakes(void **state)
{
	expect_mistake("[log]\nfrmat = json\n", 2, "no key frmat");
	expect_mistake("[logs]\nformat = json\n", 1, "unknown section [logs]");
	expect_mistake("[log]\nformat = xml\n", 2, "expected json, aws or text");
	expect_mistake("[log]\nkeep = 1\nkeep = 2\n", 3, "given twice");
	expect_mistake("[log]\n[inventory]\n[log]\n", 3, "already at line 1");
	expect_mistake("[inventory second]\n", 1, "takes no name");
	expect_mistake("[log a/b]\n", 1, "the name");
	expect_mistake("[log ]\n", 1, "the name");
	expect_mistake("keep = 1\n", 1, "before any section");
	expect_mistake("[log]\nkeep\n", 2, "key = value");
	expect_mistake("[log\n", 1, "closing bracket");
	expect_mistake("[log]\nkeep = 5\n  path = /tmp/x\n", 3, "beginning of its line");
	expect_mistake("[metrics]\n", 1, "neither textfile nor listen");
	expect_mistake("[log]\nkeep =\n", 2, "expected how many");
	expect_mistake("[log] format = aws\n", 1, "alone on its line");
	expect_mistake("[log]\npath = none\n", 2, "absolute path");
	expect_mistake("[inventory]\npath = none\n", 2, "absolute path");
	expect_mistake("[journal]\nsocket = none\n", 2, "absolute path");
}

static void test_one_file_twice(void **state)
{
	expect_mistake("[log]\n[log second]\nkeep = 1\n", 2, "as [log] does");
	expect_mistake("[metrics]\ntextfile = /x/a\n[log]\npath = /x/a\n", 3, "[log] writes /x/a, as [metrics] does");
	expect_mistake("[metrics]\ntextfile = /var/log/imdsnitch/calls.jsonl\n", 1, "as [log] does");
	config_free(read_text("[log]\nenabled = no\n[log second]\n"));
	config_free(read_text("[log]; here\n[log second] # there\nformat = aws\n"));
}

static void test_all_mistakes(void **state)
{
	static const char nul[] = "[log]\nkeep = 1\0\n\nformat = xml\n";
	struct config *c;
	char text[1024];

	assert_int_equal(read_bytes("[log]\nkeep = x\n\nwhat\n[nolog]\nkeep = y\n[syslog]\nto = z\n", 54, &c), -EINVAL);
	assert_int_equal(mistakes, 4);
	config_free(c);
	assert_int_equal(read_bytes(nul, sizeof(nul) - 1, &c), -EINVAL);
	assert_int_equal(mistakes, 2);
	assert_non_null(strstr(said[0], ":2: the line holds a NUL byte"));
	config_free(c);
	snprintf(text, sizeof(text), "[log]\npath = /%0300d\nkeep = x\n", 0);
	assert_int_equal(read_bytes(text, strlen(text), &c), -EINVAL);
	assert_int_equal(mistakes, 2);
	assert_non_null(strstr(said[0], ":2: the line is longer than"));
	config_free(c);
}

static void test_many_sections(void **state)
{
	struct buffer b = {0};
	struct config *c;

	for (unsigned i = 0; i < 32; i++)
		buffer_printf(&b, "[log n%u]\npath = /x/%u\n", i, i);
	assert_int_equal(read_bytes(b.data, b.length, &c), 0);
	assert_int_equal(c->count, 34);
	config_free(c);
	buffer_string(&b, "[log more]\npath = /x/more\n");
	assert_int_equal(read_bytes(b.data, b.length, &c), -EINVAL);
	assert_int_equal(mistakes, 1);
	config_free(c);
	buffer_done(&b);
}

static void test_guard(void **state)
{
	struct config *c = read_text("[guard]\n");

	assert_string_equal(config_rules(c), "/etc/imdsnitch/guard.rules");
	config_free(c);
	c = read_text("[guard]\nrules = /a/b\n");
	assert_string_equal(config_rules(c), "/a/b");
	config_free(c);
	c = read_text("[guard]\nrules = none\n");
	assert_null(config_rules(c));
	config_free(c);
	c = read_text("");
	assert_null(config_rules(c));
	config_free(c);
}

static int set_up(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),          cmocka_unit_test(test_shape),
		cmocka_unit_test(test_mistakes),       cmocka_unit_test(test_all_mistakes),
		cmocka_unit_test(test_one_file_twice), cmocka_unit_test(test_many_sections),
		cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
