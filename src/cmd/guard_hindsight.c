/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard test: showing what was found in the inventory. */
#include <inttypes.h>

#include "base/escape.h"
#include "cmd/guard_history.h"
#include "cmd/guard_inventory.h"
#include "guard/selector.h"

/* NULL: there is nothing to say. */
static const char *note_of(const struct guard_inventory *inventory)
{
	switch (inventory->state) {
	case INVENTORY_MISSING:
		return "there is none; only the log was judged";
	case INVENTORY_NO_PROGRAM:
		return "not judged: the program imdsnitch-inventory is not installed";
	case INVENTORY_FAILED:
		return "not judged, or not all of it: it cannot be read";
	default:
		return NULL;
	}
}

/* Is there an answer of it? */
static bool was_read(const struct guard_inventory *inventory)
{
	return inventory->state == INVENTORY_READ || inventory->state == INVENTORY_FAILED;
}

/* A text of the database is escaped; what is not, is. */
static void add_word(struct buffer *b, const char *before, struct span word)
{
	if (!word.length)
		return;
	buffer_string(b, before);
	escape_text(b, word, ESCAPE_LOOSE);
}

static void add_caller(struct buffer *b, const struct hindsight_finding *f)
{
	add_word(b, " ", f->user);
	buffer_printf(b, f->user.length ? "(%" PRIu32 ")" : " uid %" PRIu32, f->uid);
	add_word(b, " ", f->executable);
	add_word(b, " ", f->place_kind);
	add_word(b, " ", f->place);
}

static void add_what(struct buffer *b, const struct hindsight_finding *f)
{
	buffer_string(b, "\n         ");
	add_word(b, " ", f->service);
	add_word(b, " ", f->version);
	add_word(b, " ", f->class);
	add_word(b, ", last ", f->request);
}

static void add_rule(struct buffer *b, const struct rules *rules, uint32_t number)
{
	const struct rule *rule = &rules->rule[number];

	buffer_string(b, "\n          by ");
	escape_text(b, span_of(rules->file), ESCAPE_EXACT);
	buffer_printf(b, ":%" PRIu32 ": ", rule->line);
	escape_text(b, rule->text, ESCAPE_EXACT);
}

static void add_doubt(struct buffer *b, const struct hindsight_answer *a)
{
	const char *before = " (or not: the inventory does not have the ";

	if (!a->may_pass) {
		buffer_string(b, a->later ? " (or by a later rule)" : "");
		return;
	}
	for (unsigned kind = 0; kind < SELECT_KINDS; kind++) {
		if (!(a->unknown & SELECTOR_BIT(kind)))
			continue;
		buffer_string(b, before);
		buffer_string(b, selector_name(kind));
		before = ", ";
	}
	buffer_string(b, " of every call)");
}

static void show_row(struct buffer *b, const struct rules *rules, const struct tally_row *row)
{
	char first[GUARD_STAMP], last[GUARD_STAMP];
	struct hindsight_finding f;

	hindsight_read(row, &f);
	buffer_printf(b, "%8" PRIu64 "  %-20s  %-20s ", row->count, guard_stamp(row->first, first),
		      guard_stamp(row->last, last));
	add_caller(b, &f);
	add_what(b, &f);
	add_rule(b, rules, f.answer.rule);
	add_doubt(b, &f.answer);
	buffer_byte(b, '\n');
}

static void add_count(struct buffer *b, const char *what, const struct hindsight_count *c, const char *why)
{
	if (c->rows)
		buffer_printf(b, "%s: %" PRIu64 " rows (%" PRIu64 " calls), %s\n", what, c->rows, c->calls, why);
}

static void show_counts(struct buffer *b, const struct guard_inventory *inventory, const struct hindsight *found)
{
	char before[GUARD_STAMP];
	bool all = inventory->reader.before == UINT64_MAX;

	buffer_printf(b, "%-8s %" PRIu64 " (%" PRIu64 " calls), %s%s\n", "rows", found->all.rows, found->all.calls,
		      all ? "all there are" : "first seen before ",
		      all ? "" : guard_stamp(inventory->reader.before, before));
	buffer_printf(b,
		      "%-8s %" PRIu64 " allowed, %" PRIu64 " refused, %" PRIu64 " in doubt, %" PRIu64 " not judged\n",
		      "of them", found->allowed.rows, found->refused.rows, found->doubtful.rows,
		      found->nobody.rows + found->outside.rows);
	if (!all && found->all.rows)
		buffer_string(b, "a row counts its later calls as well, which are in the log, too\n");
	add_count(b, "not judged", &found->nobody, "the inventory does not know the caller");
	add_count(b, "not judged", &found->outside, "of a service that is at no endpoint of these rules");
	if (found->tally.others)
		buffer_printf(b, "not listed: %" PRIu64 " calls, there are too many callers\n", found->tally.others);
	if (inventory->reader.unusable)
		buffer_printf(b, "lines that are no rows: %" PRIu64 ", and were passed over\n",
			      inventory->reader.unusable);
}

void guard_inventory_show(const struct guard_inventory *inventory, struct hindsight *found, struct buffer *b)
{
	const char *note = note_of(inventory);

	if (!note && !was_read(inventory))
		return;
	buffer_printf(b, "\n%-8s", "before");
	add_word(b, " ", span_of(inventory->file));
	buffer_printf(b, "%s%s\n", note ? ": " : "", note ? note : "");
	if (!was_read(inventory))
		return;
	show_counts(b, inventory, found);
	tally_sort_by_count(&found->tally);
	if (found->tally.count)
		buffer_printf(b, "\n%8s  %-20s  %-20s  %s\n", "CALLS", "FIRST", "LAST", "WHOM, AND FOR WHAT");
	for (unsigned i = 0; i < found->tally.count; i++)
		show_row(b, found->by.rules, &found->tally.row[i]);
}

static void put_unknown(struct json *j, const struct hindsight_answer *a)
{
	json_open_array(j, "unknown");
	for (unsigned kind = 0; kind < SELECT_KINDS && a->may_pass; kind++)
		if (a->unknown & SELECTOR_BIT(kind))
			json_put_plain(j, NULL, selector_name(kind));
	json_close_array(j);
}

static void put_caller(struct json *j, const struct hindsight_finding *f)
{
	json_open_object(j, "user");
	json_put_number_text(j, "id", f->uid);
	json_put_span(j, "name", f->user);
	json_close_object(j);
	json_put_span(j, "executable", f->executable);
	json_put_span(j, "place_kind", f->place_kind);
	json_put_span(j, "place", f->place);
	json_put_span(j, "service", f->service);
	json_put_span(j, "version", f->version);
	json_put_span(j, "class", f->class);
	json_put_span(j, "request", f->request);
}

static void put_time(struct json *j, const char *key, uint64_t time)
{
	char text[GUARD_STAMP];

	json_put_plain(j, key, guard_stamp(time, text));
}

static void put_row(struct json *j, const struct rules *rules, const struct tally_row *row)
{
	const struct rule *rule;
	struct hindsight_finding f;

	hindsight_read(row, &f);
	rule = &rules->rule[f.answer.rule];
	json_open_object(j, NULL);
	json_put_number(j, "calls", row->count);
	put_time(j, "first", row->first);
	put_time(j, "last", row->last);
	put_caller(j, &f);
	json_open_object(j, "rule");
	json_put_number(j, "line", rule->line);
	json_put_span(j, "text", rule->text);
	json_close_object(j);
	json_put_bool(j, "in_doubt", f.answer.may_pass);
	put_unknown(j, &f.answer);
	json_close_object(j);
}

static void put_count(struct json *j, const char *key, const struct hindsight_count *c)
{
	json_open_object(j, key);
	json_put_number(j, "rows", c->rows);
	json_put_number(j, "calls", c->calls);
	json_close_object(j);
}

static void put_rows(const struct guard_inventory *inventory, struct hindsight *found, struct json *j)
{
	if (inventory->reader.before != UINT64_MAX)
		put_time(j, "before", inventory->reader.before);
	put_count(j, "all", &found->all);
	put_count(j, "allowed", &found->allowed);
	put_count(j, "refused", &found->refused);
	put_count(j, "in_doubt", &found->doubtful);
	put_count(j, "unknown_callers", &found->nobody);
	put_count(j, "other_services", &found->outside);
	json_put_number(j, "unusable", inventory->reader.unusable);
	json_put_number(j, "not_listed", found->tally.others);
	tally_sort_by_count(&found->tally);
	json_open_array(j, "refusals");
	for (unsigned i = 0; i < found->tally.count; i++)
		put_row(j, found->by.rules, &found->tally.row[i]);
	json_close_array(j);
}

void guard_inventory_put(const struct guard_inventory *inventory, struct hindsight *found, struct json *j)
{
	if (inventory->state == INVENTORY_UNASKED)
		return;
	json_open_object(j, "inventory");
	json_put_text(j, "file", inventory->file);
	json_put_bool(j, "needed", inventory->state != INVENTORY_NEEDLESS);
	json_put_bool(j, "read", inventory->state == INVENTORY_READ);
	json_put_plain(j, "note", note_of(inventory));
	if (was_read(inventory))
		put_rows(inventory, found, j);
	json_close_object(j);
}
