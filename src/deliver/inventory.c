/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch-inventory: events folded into a SQLite database; with --callers, what such a database holds. */
#include "inventory/inventory.h"
#include "base/sandbox.h"
#include "deliver/program.h"
#include "inventory/callers.h"

static int open_inventory(const struct settings *s, void **ret_state, struct problem *problem)
{
	struct inventory *i;
	int r = inventory_open(&s->inventory, &i, problem);

	if (r == 0)
		*ret_state = i;
	return r;
}

static void take_event(void *state, const struct frame *frame, struct span payload)
{
	struct row row;

	if (row_read(payload, &row) < 0)
		inventory_lose(state);
	else
		inventory_event(state, &row);
}

static void take_counts(void *state, const struct feed_counts *counts)
{
	inventory_counts(state, counts);
}

static int idle(void *state)
{
	return inventory_idle(state);
}

static void reopen(void *state)
{
	inventory_reopen(state);
}

static void report(const void *state, struct feed_state *ret_state)
{
	inventory_report(state, ret_state);
}

static void close_inventory(void *state)
{
	inventory_close(state, PROGRAM_LAST_MS - 1000);
}

static const struct program program_inventory = {
	.kind = SETTINGS_INVENTORY,
	.sandbox = SANDBOX_WRITE_FILES,
	.open = open_inventory,
	.event = take_event,
	.counts = take_counts,
	.reopen = reopen,
	.idle = idle,
	.report = report,
	.close = close_inventory,
};

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--callers") == 0)
		return callers_print(argv[2]);
	return program_main(&program_inventory, argc, argv);
}
