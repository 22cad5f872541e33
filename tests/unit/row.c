/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "sample.h"
#include "sink/row.h"

static void expect(const struct row *row, enum row_field field, const char *text)
{
	struct span s = row->field[field];

	if (!text) {
		assert_null(s.data);
		return;
	}
	assert_int_equal(s.length, strlen(text));
	assert_memory_equal(s.data, text, s.length);
}

static void full(void **state)
{
	static const struct {
		enum row_field field;
		const char *text;
	} fields[] = {
		{ROW_ACTION, "imds-request"},
		{ROW_PROVIDER, "aws"},
		{ROW_SERVICE, "ec2"},
		{ROW_VERSION, "v1"},
		{ROW_CLASS, "credentials"},
		{ROW_METHOD, "GET"},
		{ROW_PATH, "/latest/meta-data/iam/security-credentials/web-role"},
		{ROW_EXECUTABLE, "/usr/bin/curl"},
		{ROW_PROGRAM, "curl"},
		{ROW_ARGUMENTS, "curl -s 'http://169.254.169.254/latest/meta-data/iam/security-credentials/web role'"},
		{ROW_USER_ID, "0"},
		{ROW_USER, "root"},
		{ROW_UNIT, "web-backend.service"},
		{ROW_CONTAINER, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		{ROW_RUNTIME, "docker"},
		{ROW_IMAGE, "registry.example.com/web:1.4"},
		{ROW_POD, "3b9cdd59-8f0c-4c0e-a8a0-3a2f3d3d8f0a"},
		{ROW_SDK, "curl"},
		{ROW_SDK_VERSION, "8.3.0"},
		{ROW_SDK_SUPPORTS_V2, "false"},
	};
	struct buffer b = {0};
	struct sample s;
	struct row row;

	sample_full(&s);
	row_write(&s.call, &b);
	assert_int_equal(row_read(buffer_view(&b), &row), 0);
	assert_int_equal(row.time, s.call.time);
	assert_int_equal(row.duration, s.call.duration);
	assert_int_equal(row.status, 200);
	assert_int_equal(row.flags & (ROW_HAS_DURATION | ROW_HAS_STATUS), ROW_HAS_DURATION | ROW_HAS_STATUS);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		expect(&row, fields[i].field, fields[i].text);
	s.call.version = VERSION_V2;
	s.call.sdk.supports_v2 = true;
	b.length = 0;
	row_write(&s.call, &b);
	assert_int_equal(row_read(buffer_view(&b), &row), 0);
	expect(&row, ROW_CAUSE, NULL);
	expect(&row, ROW_SDK_SUPPORTS_V2, "true");
	buffer_done(&b);
}

static void bare(void **state)
{
	static const enum row_field absent[] = {
		ROW_CAUSE, ROW_RULE, ROW_EXECUTABLE,      ROW_ARGUMENTS, ROW_USER_ID,
		ROW_USER,  ROW_UNIT, ROW_CONTAINER,       ROW_RUNTIME,   ROW_IMAGE,
		ROW_POD,   ROW_SDK,  ROW_SDK_SUPPORTS_V2,
	};
	struct buffer b = {0};
	struct sample s;
	struct row row;

	sample_bare(&s);
	row_write(&s.call, &b);
	assert_int_equal(row_read(buffer_view(&b), &row), 0);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		expect(&row, absent[i], NULL);
	assert_int_equal(row.flags & (ROW_HAS_DURATION | ROW_HAS_STATUS), 0);
	buffer_done(&b);
}

/* Whatever bytes a caller chooses, the other fields are what they were. */
static void hostile(void **state)
{
	static const char bytes[] = "\0\xff\xff\xff\xff a\nb\x1b[2J\0\0\0\1";
	struct sample_field fields[SAMPLE_FIELDS];
	struct buffer b = {0};
	struct sample s;
	size_t count;

	sample_full(&s);
	count = sample_fields(&s, fields);
	for (size_t i = 0; i < count; i++) {
		struct row row;

		sample_full(&s);
		sample_set(&fields[i], (struct span){bytes + 1, sizeof(bytes) - 2});
		b.length = 0;
		row_write(&s.call, &b);
		assert_int_equal(row_read(buffer_view(&b), &row), 0);
		expect(&row, ROW_ACTION, "imds-request");
		expect(&row, ROW_CLASS, "credentials");
		expect(&row, ROW_SDK_SUPPORTS_V2, "false");
		if (strcmp(fields[i].name, "path") == 0)
			assert_memory_equal(row.field[ROW_PATH].data, bytes + 1, sizeof(bytes) - 2);
	}
	buffer_done(&b);
}

static void long_arguments(void **state)
{
	static char args[100000];
	struct buffer b = {0};
	struct sample s;
	struct row row;

	memset(args, '\'', sizeof(args) - 1);
	sample_full(&s);
	s.caller.process.args = args;
	s.caller.process.args_length = sizeof(args);
	row_write(&s.call, &b);
	assert_int_equal(row_read(buffer_view(&b), &row), 0);
	assert_int_equal(row.field[ROW_ARGUMENTS].length, ROW_ARGUMENTS_MAX);
	expect(&row, ROW_USER_ID, "0");
	buffer_done(&b);
}

/* Every cut, every longer one, and every wrong length is refused. In memory of its own, so that a read beyond shows. */
static void no_row(void **state)
{
	struct row row, untouched;
	struct buffer b = {0};
	struct sample s;
	size_t length;

	sample_full(&s);
	row_write(&s.call, &b);
	length = b.length;
	memset(&row, 0x5a, sizeof(row));
	untouched = row;
	for (size_t n = 0; n < length; n++) {
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, b.data, n);
		copy = realloc(copy, n ? n : 1);
		assert_int_equal(row_read((struct span){copy, n}, &row), -EINVAL);
		free(copy);
	}
	buffer_byte(&b, 0);
	assert_int_equal(row_read(buffer_view(&b), &row), -EINVAL);
	memset(b.data + 24, 0xfe, 4);
	assert_int_equal(row_read(buffer_view(&b), &row), -EINVAL);
	assert_memory_equal(&row, &untouched, sizeof(row));
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full),           cmocka_unit_test(bare),   cmocka_unit_test(hostile),
		cmocka_unit_test(long_arguments), cmocka_unit_test(no_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
