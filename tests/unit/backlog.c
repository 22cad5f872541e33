/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sink/backlog.h"

#include <stdio.h>
#include <stdlib.h>

static bool put(struct backlog *b, const char *text)
{
	return backlog_put(b, SPAN_LITERAL("head "), span_of(text));
}

static void next_is(const struct backlog *b, const char *text)
{
	struct span s = backlog_next(b);

	assert_non_null(s.data);
	assert_int_equal(s.length, strlen(text));
	assert_memory_equal(s.data, text, s.length);
}

static void goes_through_in_order(void **state)
{
	struct backlog b = {0};

	assert_null(backlog_next(&b).data);
	assert_true(put(&b, "a"));
	assert_true(put(&b, "b"));
	next_is(&b, "head a");
	backlog_underway(&b, 6);
	next_is(&b, "head b");
	backlog_underway(&b, 12);
	assert_null(backlog_next(&b).data);
	assert_int_equal(b.messages, 2);
	assert_int_equal(backlog_release(&b, 5), 0);
	assert_int_equal(backlog_release(&b, 11), 1);
	assert_int_equal(backlog_release(&b, 12), 1);
	assert_int_equal(b.messages, 0);
	backlog_done(&b);
}

static void what_was_underway_waits_again(void **state)
{
	struct backlog b = {0};

	put(&b, "a");
	put(&b, "b");
	put(&b, "c");
	backlog_underway(&b, 6);
	backlog_underway(&b, 12);
	assert_int_equal(backlog_release(&b, 6), 1);
	backlog_rewind(&b);
	assert_int_equal(b.waiting, 2);
	next_is(&b, "head b");
	backlog_underway(&b, 6);
	next_is(&b, "head c");
	/* What waits is not released, whatever was marked before. */
	assert_int_equal(backlog_release(&b, UINT64_MAX), 1);
	next_is(&b, "head c");
	backlog_done(&b);
}

static void an_empty_message_is_one(void **state)
{
	struct backlog b = {0};

	assert_true(backlog_put(&b, (struct span){"", 0}, (struct span){"", 0}));
	assert_non_null(backlog_next(&b).data);
	assert_int_equal(backlog_next(&b).length, 0);
	backlog_underway(&b, 0);
	assert_int_equal(backlog_release(&b, 0), 1);
	backlog_done(&b);
}

/* Of an outage in which `count` messages come, the first are kept; afterwards there is one gap. */
static void an_outage_leaves_one_gap(void **state)
{
	char *text = calloc(1, 1001);
	unsigned expected = 0, gaps = 0, kept = 0;
	struct backlog b = {0};

	memset(text, 'x', 1000);
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, 10, "%08u", i);
		text[8] = 'x';
		put(&b, text);
		assert_true(b.bytes.length <= BACKLOG_MAX);
		/* The server begins to take one message for each that comes. */
		if (i > 2000 && backlog_next(&b).data) {
			unsigned number = (unsigned)strtoul(backlog_next(&b).data + 5, NULL, 10);

			gaps += number != expected;
			expected = number + 1;
			kept++;
			backlog_underway(&b, 1);
			assert_int_equal(backlog_release(&b, 1), 1);
		}
	}
	assert_int_equal(gaps, 1);
	assert_int_equal(kept + b.messages + b.dropped, 5000);
	backlog_done(&b);
	free(text);
}

static void a_message_larger_than_all_goes_alone(void **state)
{
	size_t size = BACKLOG_MAX + 1000;
	char *large = calloc(1, size);
	struct backlog b = {0};

	assert_true(backlog_put(&b, SPAN_LITERAL("h"), (struct span){large, size}));
	assert_false(put(&b, "small"));
	assert_int_equal(b.dropped, 1);
	backlog_underway(&b, 1);
	backlog_release(&b, 1);
	assert_true(put(&b, "small"));
	assert_true(b.bytes.capacity < BACKLOG_MAX); /* its memory is given back */
	backlog_done(&b);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_through_in_order),
		cmocka_unit_test(what_was_underway_waits_again),
		cmocka_unit_test(an_empty_message_is_one),
		cmocka_unit_test(an_outage_leaves_one_gap),
		cmocka_unit_test(a_message_larger_than_all_goes_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
