/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard test: what rules would have refused of what was logged, and of what the inventory has from before. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/guard_history.h"
#include "cmd/guard_inventory.h"
#include "guard/policy.h"
#include "guard/rehearsal.h"

#define RULES "/etc/imdsnitch/guard.rules"

/* The log is judged call by call; the inventory, row by row, where the log does not reach. They are not added up. */
struct test {
	struct policy policy;
	struct history history;
	bool no_log;
	struct rehearsal log;
	struct guard_inventory inventory;
	struct hindsight before;
};

static void tell(void *context, const char *text)
{
	log_line("%s", text);
}

/* The rule's text; absent: there is none. */
static struct span rule_text(const struct rules *rules, const struct refusal *f)
{
	return f->rule < rules->count ? rules->rule[f->rule].text : (struct span){0};
}

static uint32_t rule_line(const struct rules *rules, const struct refusal *f)
{
	return f->rule < rules->count ? rules->rule[f->rule].line : 0;
}

static void add_word(struct buffer *b, const char *before, struct span word)
{
	if (!word.length)
		return;
	buffer_string(b, before);
	escape_text(b, word, ESCAPE_EXACT);
}

static const char *doubt_of(const struct refusal *f)
{
	if (f->doubts & DOUBT_REQUEST)
		return " (or not: the request was not seen whole)";
	return f->doubts & DOUBT_GROUPS ? " (or not: the log does not have all groups)" : "";
}

static void show_row(struct buffer *b, const struct rules *rules, const struct tally_row *row)
{
	char first[GUARD_STAMP], last[GUARD_STAMP];
	struct refusal f;

	refusal_read(row, &f);
	buffer_printf(b, "%8" PRIu64 "  %-20s  %-20s ", row->count, guard_stamp(row->first, first),
		      guard_stamp(row->last, last));
	add_word(b, " ", f.user);
	buffer_printf(b, f.user.length ? "(%" PRIu32 ")" : " uid %" PRIu32, f.uid);
	add_word(b, " ", f.exe);
	add_word(b, " unit ", f.unit);
	add_word(b, " container ", f.container);
	buffer_string(b, "\n          by ");
	add_word(b, "", span_of(rules->file));
	buffer_printf(b, ":%" PRIu32 ": ", rule_line(rules, &f));
	add_word(b, "", rule_text(rules, &f));
	buffer_string(b, doubt_of(&f));
	buffer_byte(b, '\n');
}

/* One line for each thing that keeps the answer from being the whole one. */
static void add_note(struct buffer *b, const char *what, uint64_t count, const char *why)
{
	if (count)
		buffer_printf(b, "%s: %" PRIu64 ", %s\n", what, count, why);
}

static void show_notes(struct buffer *b, const struct rehearsal *r, const struct history *h)
{
	add_note(b, "refused in doubt", r->groups, "by the caller's supplementary groups, which no log has");
	add_note(b, "refused in doubt", r->request, "by a request that was not seen whole");
	add_note(b, "refused, not listed", r->tally.others, "there are too many callers");
	add_note(b, "not judged", r->nobody, "the log does not know the caller");
	add_note(b, "not judged", r->outside, "to an address that is no endpoint of these rules");
	add_note(b, "lines that are no events", h->counts.unusable, "and were passed over");
}

static void show_log(struct buffer *b, const struct rehearsal *r, const struct history *h)
{
	char first[GUARD_STAMP], last[GUARD_STAMP];
	const struct history_counts *c = &h->counts;

	buffer_printf(b, "%-8s %" PRIu64 " lines", "history", c->lines);
	if (c->calls)
		buffer_printf(b, ", calls from %s to %s", guard_stamp(c->first, first), guard_stamp(c->last, last));
	buffer_printf(b, "\n%-8s %" PRIu64 ": %" PRIu64 " allowed, %" PRIu64 " refused, %" PRIu64 " not judged\n",
		      "calls", c->calls, r->allowed, r->refused, r->nobody + r->outside);
	guard_history_reach(h, b);
	show_notes(b, r, h);
	if (r->tally.count)
		buffer_printf(b, "\n%8s  %-20s  %-20s  %s\n", "REFUSED", "FIRST", "LAST", "WHOM");
	for (unsigned i = 0; i < r->tally.count; i++)
		show_row(b, r->rules, &r->tally.row[i]);
}

static void show(struct buffer *b, struct test *t)
{
	const struct rules *rules = t->policy.rules;

	buffer_printf(b, "%-8s ", "rules");
	add_word(b, "", span_of(rules->file));
	buffer_printf(b, ": %u, mode %s\n", rules->count, rules->mode == TABLE_ENFORCE ? "enforce" : "audit");
	if (t->no_log)
		buffer_printf(b, "%-8s %s: there is none; only the inventory was judged\n", "history", HISTORY_LOG);
	else
		show_log(b, &t->log, &t->history);
	guard_inventory_show(&t->inventory, &t->before, b);
}

static void put_time(struct json *j, const char *key, uint64_t time)
{
	char text[GUARD_STAMP];

	if (time)
		json_put_plain(j, key, guard_stamp(time, text));
}

static void put_row(struct json *j, const struct rules *rules, const struct tally_row *row)
{
	struct refusal f;

	refusal_read(row, &f);
	json_open_object(j, NULL);
	json_put_number(j, "calls", row->count);
	put_time(j, "first", row->first);
	put_time(j, "last", row->last);
	json_open_object(j, "user");
	json_put_number_text(j, "id", f.uid);
	json_put_span(j, "name", f.user);
	json_close_object(j);
	json_put_span(j, "executable", f.exe);
	json_put_span(j, "unit", f.unit);
	json_put_span(j, "container", f.container);
	json_open_object(j, "rule");
	json_put_number(j, "line", rule_line(rules, &f));
	json_put_span(j, "text", rule_text(rules, &f));
	json_close_object(j);
	json_put_bool(j, "groups_unknown", f.doubts & DOUBT_GROUPS);
	json_put_bool(j, "request_unknown", f.doubts & DOUBT_REQUEST);
	json_close_object(j);
}

static void show_json(struct buffer *b, struct test *t)
{
	const struct rehearsal *r = &t->log;
	const struct history *h = &t->history;
	const struct history_counts *c = &h->counts;
	struct json j = json_into(b);

	json_open_object(&j, NULL);
	json_put_text(&j, "file", r->rules->file);
	json_put_plain(&j, "mode", r->rules->mode == TABLE_ENFORCE ? "enforce" : "audit");
	json_put_bool(&j, "log", !t->no_log);
	put_time(&j, "since", h->since);
	put_time(&j, "reach", c->reach);
	put_time(&j, "first", c->first);
	put_time(&j, "last", c->last);
	json_put_number(&j, "lines", c->lines);
	json_put_number(&j, "unusable", c->unusable);
	json_put_number(&j, "calls", c->calls);
	json_put_number(&j, "allowed", r->allowed);
	json_put_number(&j, "refused", r->refused);
	json_put_number(&j, "groups_unknown", r->groups);
	json_put_number(&j, "request_unknown", r->request);
	json_put_number(&j, "unknown_callers", r->nobody);
	json_put_number(&j, "other_addresses", r->outside);
	json_put_number(&j, "not_listed", r->tally.others);
	json_open_array(&j, "refusals");
	for (unsigned i = 0; i < r->tally.count; i++)
		put_row(&j, r->rules, &r->tally.row[i]);
	json_close_array(&j);
	guard_inventory_put(&t->inventory, &t->before, &j);
	json_close_object(&j);
	buffer_byte(b, '\n');
}

static int status_of(const struct test *t)
{
	if (t->log.refused || t->before.refused.rows)
		return EXIT_FINDINGS;
	if (t->history.counts.unusable || t->log.nobody || !guard_inventory_is_whole(&t->inventory, &t->before))
		return EXIT_INCOMPLETE;
	return EXIT_FINE;
}

static int print(struct test *t, bool json)
{
	struct buffer b = {0};
	bool written;

	tally_sort_by_count(&t->log.tally);
	if (json)
		show_json(&b, t);
	else
		show(&b, t);
	written = !b.failed && fwrite(b.data, 1, b.length, stdout) == b.length && fflush(stdout) == 0;
	if (!written)
		log_line("guard: stdout cannot be written: %s", strerror(b.failed ? ENOMEM : errno));
	buffer_done(&b);
	return written ? status_of(t) : EXIT_INCOMPLETE;
}

/* False after a message: what was asked for is not there. */
static bool read_all(const struct guard_options *o, struct test *t)
{
	guard_inventory_init(o, &t->inventory);
	if (guard_history_read(o, &t->history, &t->no_log) < 0)
		return false;
	if (t->no_log && t->inventory.state == INVENTORY_MISSING) {
		log_line("guard: neither the log %s nor the inventory %s is there; expected those of imdsnitch serve, "
			 "or others to be named with --log and --inventory",
			 HISTORY_LOG, t->inventory.file);
		return false;
	}
	guard_inventory_read(&t->inventory, &t->history);
	return t->inventory.state != INVENTORY_FAILED || !o->inventory;
}

static int run(const struct guard_options *o, const char *file, struct test *t)
{
	struct policy *p = &t->policy;
	struct problem problem = {0};

	if (rules_read(file, tell, NULL, &p->rules) < 0)
		return EXIT_USAGE;
	if (guard_compile(p, o, &problem) < 0) {
		log_line("%s: %s", file, problem.text);
		return EXIT_USAGE;
	}
	t->log = (struct rehearsal){.rules = p->rules, .table = p->table};
	t->history = (struct history){.call = rehearsal_take, .context = &t->log};
	t->before.by = (struct hindsight_rules){p->rules, p->table, host_provider()};
	t->inventory.reader = (struct folded_reader){.row = hindsight_take, .context = &t->before};
	return read_all(o, t) ? print(t, o->json) : EXIT_USAGE;
}

int guard_test(const struct guard_options *o, char **words)
{
	struct test t = {0};
	int status = run(o, words[0] ? words[0] : RULES, &t);

	folded_done(&t.inventory.reader);
	hindsight_done(&t.before);
	history_done(&t.history);
	rehearsal_done(&t.log);
	policy_done(&t.policy);
	return status;
}
