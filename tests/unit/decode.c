/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "capture/decode.h"

static union {
	struct record_header header;
	struct connect_record connect;
	struct stream_record stream;
	struct open_record open;
	struct close_record close;
	struct loss_record loss;
	struct verdict_record verdict;
	char bytes[sizeof(struct connect_record) + ARGS_SIZE + STREAM_CHUNK];
} raw;

static struct record record;

static int decode(uint16_t kind, size_t length)
{
	raw.header.kind = kind;
	raw.header.length = (uint32_t)length;
	return record_decode(&raw, sizeof(raw), &record);
}

static void plain_records_have_one_size(void **state)
{
	static const struct {
		uint16_t kind;
		size_t size;
	} plain[] = {
		{RECORD_OPEN, sizeof(struct open_record)},
		{RECORD_CLOSE, sizeof(struct close_record)},
		{RECORD_LOSS, sizeof(struct loss_record)},
	};

	for (int i = 0; i < 3; i++) {
		assert_int_equal(decode(plain[i].kind, plain[i].size), plain[i].size);
		assert_int_equal(record.tail.length, 0);
		assert_int_equal(decode(plain[i].kind, plain[i].size - 1), -EINVAL);
		assert_int_equal(decode(plain[i].kind, plain[i].size + 1), -EINVAL);
	}
}

static void unknown_kinds_are_refused(void **state)
{
	assert_int_equal(decode(RECORD_INVALID, 24), -EINVAL);
	assert_int_equal(decode(RECORD_KIND_MAX, 24), -EINVAL);
	assert_int_equal(decode(0xffff, 24), -EINVAL);
}

static void length_must_fit_the_bytes(void **state)
{
	raw.header.kind = RECORD_CLOSE;
	raw.header.length = sizeof(struct close_record);
	assert_int_equal(record_decode(&raw, sizeof(struct close_record), &record), sizeof(struct close_record));
	assert_int_equal(record_decode(&raw, sizeof(struct close_record) - 1, &record), -EINVAL);
	assert_int_equal(record_decode(&raw, 23, &record), -EINVAL);
	assert_int_equal(record_decode(&raw, 0, &record), -EINVAL);
}

static void stream_payload(void **state)
{
	memset(&raw, 0, sizeof(raw));
	raw.stream.data = 5;
	memcpy(raw.bytes + sizeof(struct stream_record), "hello", 5);
	assert_int_equal(decode(RECORD_STREAM, sizeof(struct stream_record) + 5), sizeof(struct stream_record) + 5);
	assert_int_equal(record.tail.length, 5);
	assert_memory_equal(record.tail.data, "hello", 5);
	assert_int_equal(decode(RECORD_STREAM, sizeof(struct stream_record) + 4), -EINVAL);
	raw.stream.data = STREAM_CHUNK + 1;
	assert_int_equal(decode(RECORD_STREAM, sizeof(struct stream_record) + STREAM_CHUNK + 1), -EINVAL);
}

static void connect_lists(void **state)
{
	size_t size = sizeof(struct connect_record);

	memset(&raw, 0, sizeof(raw));
	assert_int_equal(decode(RECORD_CONNECT, size), size);
	raw.connect.args = 4;
	assert_int_equal(decode(RECORD_CONNECT, size), -EINVAL);
	assert_int_equal(decode(RECORD_CONNECT, size + 4), size + 4);
	assert_int_equal(record.tail.length, 4);
	raw.connect.ancestors = ANCESTORS_MAX + 1;
	assert_int_equal(decode(RECORD_CONNECT, size + 4), -EINVAL);
	raw.connect.ancestors = ANCESTORS_MAX;
	raw.connect.exe = 4;
	memcpy(raw.connect.exe_names, "abcd", 4);
	assert_int_equal(decode(RECORD_CONNECT, size + 4), -EINVAL);
	memcpy(raw.connect.exe_names, "abc", 4);
	assert_int_equal(decode(RECORD_CONNECT, size + 4), size + 4);
	raw.connect.exe = EXE_SIZE + 1;
	assert_int_equal(decode(RECORD_CONNECT, size + 4), -EINVAL);
	raw.connect.exe = 0;
	raw.connect.cgroup_path = CGROUP_SIZE + 1;
	assert_int_equal(decode(RECORD_CONNECT, size + 4), -EINVAL);
	raw.connect.cgroup_path = 0;
	raw.connect.args = ARGS_SIZE + 1;
	assert_int_equal(decode(RECORD_CONNECT, size + ARGS_SIZE + 1), -EINVAL);
}

static void verdicts_are_checked(void **state)
{
	size_t size = sizeof(struct verdict_record);

	memset(&raw, 0, sizeof(raw));
	assert_int_equal(decode(RECORD_VERDICT, size), -EINVAL);
	raw.verdict.verdict = RECORD_DENIED;
	assert_int_equal(decode(RECORD_VERDICT, size), -EINVAL);
	raw.verdict.stage = RECORD_AT_REQUEST;
	assert_int_equal(decode(RECORD_VERDICT, size), size);
	assert_int_equal(decode(RECORD_VERDICT, size + 1), -EINVAL);
	raw.verdict.data = 5;
	memcpy(raw.bytes + size, "GET /", 5);
	assert_int_equal(decode(RECORD_VERDICT, size + 5), size + 5);
	assert_int_equal(record.tail.length, 5);
	assert_memory_equal(record.tail.data, "GET /", 5);
	raw.verdict.data = STREAM_CHUNK + 1;
	assert_int_equal(decode(RECORD_VERDICT, size + STREAM_CHUNK + 1), -EINVAL);
	raw.verdict.data = 0;
	raw.verdict.verdict = RECORD_DENIED + 1;
	assert_int_equal(decode(RECORD_VERDICT, size), -EINVAL);
	raw.verdict.verdict = RECORD_ALLOWED;
	raw.verdict.stage = RECORD_AT_REQUEST + 1;
	assert_int_equal(decode(RECORD_VERDICT, size), -EINVAL);
	raw.verdict.stage = RECORD_AT_CONNECT;
	memset(raw.verdict.file, 'x', sizeof(raw.verdict.file));
	assert_int_equal(decode(RECORD_VERDICT, size), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_records_have_one_size),
		cmocka_unit_test(unknown_kinds_are_refused),
		cmocka_unit_test(length_must_fit_the_bytes),
		cmocka_unit_test(stream_payload),
		cmocka_unit_test(connect_lists),
		cmocka_unit_test(verdicts_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
