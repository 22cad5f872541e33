/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/buffer.h"

static void appends_grow(void **state)
{
	struct buffer b = {0};

	for (int i = 0; i < 1000; i++)
		buffer_string(&b, "abc");
	assert_int_equal(b.length, 3000);
	assert_memory_equal(b.data + 2997, "abc", 3);
	assert_false(b.failed);
	buffer_done(&b);
}

static void printf_is_not_cut(void **state)
{
	struct buffer b = {0};

	buffer_printf(&b, "%0999d", 7);
	assert_int_equal(b.length, 999);
	assert_int_equal(b.data[998], '7');
	buffer_done(&b);
}

static void numbers(void **state)
{
	struct buffer b = {0};

	buffer_number(&b, 0);
	buffer_number(&b, UINT64_MAX);
	buffer_number(&b, 100);
	assert_int_equal(b.length, 24);
	assert_memory_equal(b.data, "018446744073709551615100", 24);
	buffer_done(&b);
}

static void impossible_size_fails_and_sticks(void **state)
{
	struct buffer b = {0};

	assert_false(buffer_reserve(&b, SIZE_MAX));
	b.failed = true;
	buffer_string(&b, "x");
	assert_int_equal(b.length, 0);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_grow),
		cmocka_unit_test(printf_is_not_cut),
		cmocka_unit_test(numbers),
		cmocka_unit_test(impossible_size_fails_and_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
