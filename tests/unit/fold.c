/* SPDX-License-Identifier: Apache-2.0 */
/* The table in memory; what becomes of it in the database: inventory.c. */
#include "inventory_fixture.h"

#include <errno.h>

#include "inventory/fold.h"

static struct row row_of(unsigned number, char name[static 32])
{
	struct row row = row_at(FIRST_DAY + number * SECOND);

	snprintf(name, 32, "/bin/%u", number);
	row.field[ROW_EXECUTABLE] = span_of(name);
	return row;
}

static int add(struct fold *f, unsigned number)
{
	char name[32];
	struct row row = row_of(number, name);

	return fold_add(f, &row);
}

static void same_key(void **state)
{
	struct fold f;

	assert_int_equal(fold_init(&f, 100, 1 << 20), 0);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(add(&f, i % 5), 0);
	assert_int_equal(f.rows, 5);
	assert_int_equal(f.dirty_rows, 5);
	assert_int_equal(f.events, 50);
	for (const struct fold_row *row = f.dirty; row; row = row->dirty_next)
		assert_int_equal(row->now.count, 10);
	fold_done(&f);
}

/* Fields do not run into each other: "a" and "bc" is another key than "ab" and "c". */
static void boundaries_of_keys(void **state)
{
	struct row row = row_at(FIRST_DAY);
	struct fold f;

	assert_int_equal(fold_init(&f, 100, 1 << 20), 0);
	row.field[ROW_EXECUTABLE] = SPAN_LITERAL("a");
	row.field[ROW_USER_ID] = SPAN_LITERAL("bc");
	fold_add(&f, &row);
	row.field[ROW_EXECUTABLE] = SPAN_LITERAL("ab");
	row.field[ROW_USER_ID] = SPAN_LITERAL("c");
	fold_add(&f, &row);
	row.field[ROW_EXECUTABLE] = SPAN_LITERAL("a\0bc");
	row.field[ROW_USER_ID] = SPAN_LITERAL("");
	fold_add(&f, &row);
	assert_int_equal(f.rows, 3);
	fold_done(&f);
}

static void bound_of_rows(void **state)
{
	struct fold f;

	assert_int_equal(fold_init(&f, 64, 1 << 20), 0);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(fold_is_pressed(&f), i > 32);
		assert_int_equal(add(&f, i), 0);
	}
	assert_int_equal(add(&f, 64), -ENOBUFS);
	assert_int_equal(add(&f, 63), 0);
	assert_int_equal(f.events, 65);
	/* what the database has makes room */
	fold_clean(&f);
	assert_int_equal(f.events, 0);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(add(&f, 100 + i), 0);
	assert_int_equal(add(&f, 200), -ENOBUFS);
	fold_done(&f);
}

static void bound_of_bytes(void **state)
{
	static char text[4000];
	unsigned added = 0;
	struct fold f;
	int r = 0;

	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(fold_init(&f, 1000, 256 << 10), 0);
	for (unsigned i = 0; r == 0; i++) {
		char name[32];
		struct row row = row_of(i, name);

		row.field[ROW_ARGUMENTS] = span_of(text);
		r = fold_add(&f, &row);
		added += r == 0;
		assert_in_range(f.bytes, 0, 256 << 10);
	}
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(added, 40, 64);
	assert_true(fold_is_pressed(&f));
	fold_clean(&f);
	assert_int_equal(f.rows, 0);
	assert_int_equal(f.bytes, 0);
	fold_done(&f);
}

/* Days are bounded, too: a clock that jumps. */
static void bound_of_days(void **state)
{
	struct row row = row_at(FIRST_DAY);
	struct fold f;

	assert_int_equal(fold_init(&f, 100, 1 << 20), 0);
	for (unsigned i = 0; i < FOLD_DAYS; i++) {
		row.time = FIRST_DAY + i * DAY;
		assert_int_equal(fold_add(&f, &row), 0);
	}
	row.time = FIRST_DAY + FOLD_DAYS * DAY;
	assert_int_equal(fold_add(&f, &row), -ENOBUFS);
	assert_int_equal(f.events, FOLD_DAYS);
	assert_int_equal(f.dirty->now.count, FOLD_DAYS);
	assert_true(fold_is_pressed(&f));
	fold_done(&f);
}

/* Rows that are in the database keep their ids and start anew. */
static void clean_rows(void **state)
{
	struct fold f;

	assert_int_equal(fold_init(&f, 100, 1 << 20), 0);
	add(&f, 1);
	f.dirty->id = 77;
	fold_clean(&f);
	assert_null(f.dirty);
	assert_int_equal(f.rows, 1);
	add(&f, 1);
	assert_int_equal(f.dirty->id, 77);
	assert_int_equal(f.dirty->now.count, 1);
	assert_int_equal(f.dirty->now.delays, 1);
	fold_forget_ids(&f);
	assert_int_equal(f.dirty->id, 0);
	fold_done(&f);
}

/* The texts are those of the latest call, in whatever order they come. */
static void latest_texts(void **state)
{
	struct row row = row_at(FIRST_DAY + 10 * SECOND);
	struct fold f;

	assert_int_equal(fold_init(&f, 100, 1 << 20), 0);
	row.field[ROW_ARGUMENTS] = SPAN_LITERAL("later");
	fold_add(&f, &row);
	row.time -= SECOND;
	row.field[ROW_ARGUMENTS] = SPAN_LITERAL("earlier");
	row.field[ROW_CONTAINER] = SPAN_LITERAL("the only one that has it");
	fold_add(&f, &row);
	assert_string_equal(f.dirty->text[FOLD_ARGUMENTS], "later");
	assert_string_equal(f.dirty->text[FOLD_CONTAINER], "the only one that has it");
	row.time += 5 * SECOND;
	row.field[ROW_ARGUMENTS] = (struct span){0};
	row.field[ROW_PATH] = SPAN_LITERAL("/x\n");
	fold_add(&f, &row);
	assert_string_equal(f.dirty->text[FOLD_ARGUMENTS], "later");
	assert_string_equal(f.dirty->text[FOLD_REQUEST], "GET /x\\n");
	assert_int_equal(f.dirty->now.first, FIRST_DAY + 9 * SECOND);
	assert_int_equal(f.dirty->now.last, FIRST_DAY + 14 * SECOND);
	fold_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_key),       cmocka_unit_test(boundaries_of_keys), cmocka_unit_test(bound_of_rows),
		cmocka_unit_test(bound_of_bytes), cmocka_unit_test(bound_of_days),      cmocka_unit_test(clean_rows),
		cmocka_unit_test(latest_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
