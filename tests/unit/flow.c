/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "call/flow.h"

struct log {
	char text[256];
};

static void on_data(void *context, struct span data, bool at_start)
{
	struct log *l = context;
	size_t n = strlen(l->text);

	snprintf(l->text + n, sizeof(l->text) - n, "%s%.*s", at_start ? "|" : ".", (int)data.length, data.data);
}

static void on_gap(void *context, uint64_t length)
{
	struct log *l = context;
	size_t n = strlen(l->text);

	snprintf(l->text + n, sizeof(l->text) - n, "<%d>", (int)length);
}

static const struct flow_events events = {on_data, on_gap};
static struct budget budget;
static struct flow flow;
static struct log out;

static void begin(uint32_t next)
{
	budget = (struct budget){.max = 4 << 20};
	flow = (struct flow){.next = next};
	out.text[0] = '\0';
}

static void feed(uint32_t offset, const char *text, bool wait)
{
	flow_feed(&flow, &budget, offset, span_of(text), wait, &events, &out);
}

static void each_byte_once(void **state)
{
	begin(0);
	feed(0, "abc", false);
	feed(0, "abc", false);
	feed(1, "bcd", false);
	feed(4, "e", false);
	feed((uint32_t)-1, "xabcdef", false);
	assert_string_equal(out.text, "|abc.d|e.f");
	assert_int_equal(flow.next, 6);
}

static void loss_is_told_at_once(void **state)
{
	begin(0);
	feed(2, "cd", false);
	feed(0, "ab", false);
	feed(4, "e", false);
	assert_string_equal(out.text, "<2>|cd|e");
}

static void reordered_waits(void **state)
{
	begin(0);
	feed(4, "ef", true);
	feed(2, "cd", true);
	feed(5, "fg", true);
	assert_string_equal(out.text, "");
	assert_true(budget.used > 0);
	feed(0, "ab", true);
	assert_string_equal(out.text, "|ab|cd|ef.g");
	assert_int_equal(budget.used, 0);
}

static void lost_flushes(void **state)
{
	begin(0);
	feed(2, "cd", true);
	feed(6, "gh", true);
	feed(4, "e", false);
	assert_string_equal(out.text, "<2>|cd|e<1>|gh");
	begin(0);
	feed(2, "cd", true);
	flow_flush(&flow, &budget, &events, &out);
	assert_string_equal(out.text, "<2>|cd");
	assert_int_equal(budget.used, 0);
}

static void holding_is_bounded(void **state)
{
	begin(0);
	for (uint32_t i = 0; i < FLOW_HELD_SEGMENTS; i++)
		feed(2 + 2 * i, "x", true);
	assert_string_equal(out.text, "");
	feed(4 * FLOW_HELD_SEGMENTS, "y", true);
	assert_memory_equal(out.text, "<2>|x<1>|x", 10);
	assert_int_equal(flow.held_segments, 0);
	begin(0);
	budget.max = 10;
	feed(2, "cd", true);
	assert_string_equal(out.text, "<2>|cd");
}

static void count_data(void *context, struct span data, bool at_start)
{
	*(size_t *)context += data.length;
}

static void no_gap(void *context, uint64_t length)
{
	fail_msg("a hole of %d bytes", (int)length);
}

/* A packet of 64 KiB comes behind twelve that were sent after it. */
static void late_packet_is_no_hole(void **state)
{
	static const struct flow_events counting = {count_data, no_gap};
	static const char record[4096];
	const uint32_t packet = 16 * sizeof(record);
	size_t delivered = 0;

	begin(0);
	for (uint32_t i = 1; i <= 13; i++)
		for (uint32_t at = 0; at < packet; at += sizeof(record))
			flow_feed(&flow, &budget, i % 13 * packet + at, (struct span){record, sizeof(record)}, true,
				  &counting, &delivered);
	assert_int_equal(delivered, 13 * packet);
	assert_int_equal(budget.used, 0);
}

static void wraps(void **state)
{
	begin(0xfffffffe);
	feed(0xfffffffe, "abcd", true);
	feed(2, "e", true);
	feed(1, "de", true);
	assert_string_equal(out.text, "|abcd|e");
	assert_true(flow.next == 0x100000003);
	flow_expect(&flow, 3, &events, &out);
	flow_expect(&flow, 5, &events, &out);
	assert_string_equal(out.text, "|abcd|e<2>");
}

static void done_frees(void **state)
{
	begin(0);
	feed(9, "x", true);
	flow_done(&flow, &budget);
	assert_int_equal(budget.used, 0);
	assert_int_equal(flow.held_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_once),
		cmocka_unit_test(loss_is_told_at_once),
		cmocka_unit_test(reordered_waits),
		cmocka_unit_test(lost_flushes),
		cmocka_unit_test(holding_is_bounded),
		cmocka_unit_test(late_packet_is_no_hole),
		cmocka_unit_test(wraps),
		cmocka_unit_test(done_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
