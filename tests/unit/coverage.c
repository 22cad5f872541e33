/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of days, before they are in the database; what is proven from them: inventory_proof.c. */
#include "inventory_fixture.h"

#include "inventory/coverage.h"

static struct coverage coverage;
static struct feed_counts counts;

static int set_up(void **state)
{
	coverage = (struct coverage){0};
	counts = counts_at(FIRST_DAY, FIRST_DAY);
	return 0;
}

static int tear_down(void **state)
{
	coverage_done(&coverage);
	return 0;
}

static void tell(uint64_t time)
{
	counts.time = time;
	if (!coverage.known)
		coverage_begin(&coverage, &counts, NULL, 0);
	assert_int_equal(coverage_update(&coverage, &counts), 0);
}

static void expect_piece(size_t n, uint64_t from, uint64_t to)
{
	assert_in_range(n, 0, coverage.pieces - 1);
	assert_int_equal(coverage.piece[n].attached_from, from);
	assert_int_equal(coverage.piece[n].attached_to, to);
	assert_int_equal(coverage.piece[n].day, from / DAY);
}

static void one_piece_a_day(void **state)
{
	for (unsigned h = 0; h <= 60; h++)
		tell(FIRST_DAY + h * 3600 * SECOND);
	assert_int_equal(coverage.pieces, 3);
	expect_piece(0, FIRST_DAY, FIRST_DAY + DAY);
	expect_piece(1, FIRST_DAY + DAY, FIRST_DAY + 2 * DAY);
	expect_piece(2, FIRST_DAY + 2 * DAY, FIRST_DAY + 60 * 3600 * SECOND);
	coverage_clean(&coverage);
	tell(FIRST_DAY + 61 * 3600 * SECOND);
	assert_int_equal(coverage.pieces, 1);
	expect_piece(0, FIRST_DAY + 60 * 3600 * SECOND, FIRST_DAY + 61 * 3600 * SECOND);
}

static void only_what_is_new(void **state)
{
	counts.lost = 5;
	tell(FIRST_DAY + SECOND);
	assert_true(coverage.news);
	assert_int_equal(coverage.piece[0].count[COVERAGE_LOST], 5);
	coverage_clean(&coverage);
	tell(FIRST_DAY + 2 * SECOND);
	assert_false(coverage.news);
	assert_int_equal(coverage.piece[0].count[COVERAGE_LOST], 0);
	counts.lost = 7;
	tell(FIRST_DAY + 3 * SECOND);
	assert_true(coverage.news);
	assert_int_equal(coverage.piece[0].count[COVERAGE_LOST], 2);
	assert_int_equal(coverage.run.count[COVERAGE_LOST], 7);
}

/* The service has begun to count anew what it drops of this sink. */
static void drops_from_zero(void **state)
{
	counts.dropped = 5;
	tell(FIRST_DAY + SECOND);
	coverage_clean(&coverage);
	counts.dropped = 0;
	tell(FIRST_DAY + 2 * SECOND);
	assert_int_equal(coverage.piece[0].count[COVERAGE_DROPPED], 0);
	counts.dropped = 2;
	tell(FIRST_DAY + 3 * SECOND);
	assert_int_equal(coverage.piece[0].count[COVERAGE_DROPPED], 2);
}

static void late_event_is_not_missing(void **state)
{
	tell(FIRST_DAY + SECOND);
	counts.calls = 3;
	coverage.run.folded = 1;
	tell(FIRST_DAY + 2 * SECOND);
	assert_int_equal(coverage.piece[0].count[COVERAGE_MISSING], 2);
	coverage.run.folded = 3;
	tell(FIRST_DAY + 3 * SECOND);
	assert_int_equal(coverage.piece[0].count[COVERAGE_MISSING], 0);
	/* events that come before the counts that hold them */
	coverage.run.folded = 4;
	tell(FIRST_DAY + 4 * SECOND);
	assert_int_equal(coverage.piece[0].count[COVERAGE_MISSING], 0);
}

static void known_run_goes_on(void **state)
{
	const struct coverage_run stored = {.run_id = "run-1",
					    .attached_from = FIRST_DAY,
					    .attached_to = FIRST_DAY + 10 * SECOND,
					    .folded = 8,
					    .count = {[COVERAGE_CALLS] = 10, [COVERAGE_MISSING] = 2}};

	counts.calls = 15;
	counts.time = FIRST_DAY + 20 * SECOND;
	coverage_begin(&coverage, &counts, &stored, 4);
	tell(counts.time);
	expect_piece(0, FIRST_DAY + 10 * SECOND, FIRST_DAY + 20 * SECOND);
	assert_int_equal(coverage.run.folded, 12);
	assert_int_equal(coverage.piece[0].count[COVERAGE_CALLS], 5);
	assert_int_equal(coverage.piece[0].count[COVERAGE_MISSING], 1);
}

/* A clock that is years off, both ways. */
static void clocks(void **state)
{
	tell(FIRST_DAY + SECOND);
	tell(SECOND);
	expect_piece(0, FIRST_DAY, FIRST_DAY + SECOND);
	tell(FIRST_DAY + 400 * DAY);
	assert_int_equal(coverage.pieces, 401);
	counts.attached_since = 0;
	coverage.known = false;
	tell(FIRST_DAY);
	assert_int_equal(coverage.run.attached_to, FIRST_DAY);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_piece_a_day),           TEST(only_what_is_new),  TEST(drops_from_zero),
		TEST(late_event_is_not_missing), TEST(known_run_goes_on), TEST(clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
