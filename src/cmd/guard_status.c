/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard status: what is in force, and what it has decided. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/host.h"
#include "base/log.h"
#include "bpf/decide.h"
#include "bpf/readers.h"
#include "cmd/guard.h"
#include "guard/gate.h"

static void ignore(void *context, const char *text)
{
}

/* The text of the rules, as the file has it now. */
static struct rules *rules_now(const struct table *t)
{
	struct rules *rules = NULL;

	return t && t->file[0] == '/' && rules_read(t->file, ignore, NULL, &rules) == 0 ? rules : NULL;
}

/* The rule of that line, when the file still has one there; else what it does. */
static void rule_text(const struct rules *rules, const struct table *t, unsigned rule, char text[static 256])
{
	snprintf(text, 256, "%s", rule_set_has(&t->deny, rule) ? "deny" : "allow");
	for (unsigned i = 0; rules && i < rules->count; i++)
		if (rules->rule[i].line == t->line[rule] && rules->rule[i].deny == (bool)rule_set_has(&t->deny, rule))
			snprintf(text, 256, "%.*s", (int)rules->rule[i].text.length, rules->rule[i].text.data);
}

static void time_text(uint64_t ns, char text[static 32])
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void hits_text(const struct gate_hits *hits, char text[static 32])
{
	snprintf(text, 32, "%s", "never");
	if (hits->last)
		time_text(hits->last + (uint64_t)host_realtime_offset(), text);
}

static const char *mode_of(const struct table *t)
{
	return t->mode == TABLE_ENFORCE ? "enforce" : "audit";
}

static void show_rules(const struct gate_status *s, const struct rules *rules)
{
	char text[256], last[32];

	printf("\n%8s  %-20s  %s\n", "HITS", "LAST", "RULE");
	for (unsigned i = 0; i < s->table->rules && i < TABLE_RULES; i++) {
		rule_text(rules, s->table, i, text);
		hits_text(&s->rule[i], last);
		printf("%8" PRIu64 "  %-20s  %" PRIu32 ": %s\n", s->rule[i].hits, last, s->table->line[i], text);
	}
	hits_text(&s->none, last);
	printf("%8" PRIu64 "  %-20s  no rule: allow\n", s->none.hits, last);
}

static void show(const struct gate_status *s, const struct rules *rules)
{
	char applied[32];

	time_text(s->applied, applied);
	printf("%-12s %s%s\n", "mode", mode_of(s->table),
	       s->whole ? "" : ", BROKEN: not all programs are attached; apply the rules again");
	printf("%-12s %.*s, since %s\n", "rules", (int)sizeof(s->table->file), s->table->file, applied);
	printf("%-12s %" PRIu64 " judged, %" PRIu64 " denied, %" PRIu64 " would be denied, %" PRIu64
	       " could not be read, %" PRIu64 " errors\n",
	       "decisions", s->judged, s->denied, s->would_deny, s->unread, s->errors);
	show_rules(s, rules);
}

static json_t *hits_json(const struct gate_hits *hits)
{
	char last[32];
	json_t *j = json_object();

	json_object_set_new(j, "hits", json_integer((json_int_t)hits->hits));
	hits_text(hits, last);
	json_object_set_new(j, "last", hits->last ? json_string(last) : json_null());
	return j;
}

static json_t *rules_json(const struct gate_status *s, const struct rules *rules)
{
	json_t *list = json_array();
	char text[256];

	for (unsigned i = 0; i < s->table->rules && i < TABLE_RULES; i++) {
		json_t *j = hits_json(&s->rule[i]);

		rule_text(rules, s->table, i, text);
		json_object_set_new(j, "line", json_integer(s->table->line[i]));
		json_object_set_new(j, "text", json_string(text));
		json_array_append_new(list, j);
	}
	return list;
}

static void show_json(const struct gate_status *s, const struct rules *rules)
{
	json_t *j = json_object();
	char applied[32];

	json_object_set_new(j, "loaded", json_boolean(s->loaded));
	json_object_set_new(j, "whole", json_boolean(s->whole));
	if (s->table) {
		time_text(s->applied, applied);
		json_object_set_new(j, "mode", json_string(mode_of(s->table)));
		json_object_set_new(j, "file", json_string(s->table->file));
		json_object_set_new(j, "applied", json_string(applied));
		json_object_set_new(j, "generation", json_integer((json_int_t)s->generation));
		json_object_set_new(j, "judged", json_integer((json_int_t)s->judged));
		json_object_set_new(j, "denied", json_integer((json_int_t)s->denied));
		json_object_set_new(j, "would_deny", json_integer((json_int_t)s->would_deny));
		json_object_set_new(j, "unread", json_integer((json_int_t)s->unread));
		json_object_set_new(j, "errors", json_integer((json_int_t)s->errors));
		json_object_set_new(j, "rules", rules_json(s, rules));
		json_object_set_new(j, "default", hits_json(&s->none));
	}
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
}

int guard_status(const struct guard_options *o, char **words)
{
	struct problem problem = {0};
	struct gate_status s;
	struct rules *rules;
	int status;

	if (gate_status_read(&s, &problem) < 0) {
		log_line("guard: %s", problem.text);
		return EXIT_RIGHTS;
	}
	rules = rules_now(s.table);
	if (o->json)
		show_json(&s, rules);
	else if (!s.table)
		printf("%s\n", s.loaded ? "a guard is there that is broken or of another version; apply rules, or run: "
					  "imdsnitch guard off"
					: "no guard is in force; to put rules in force: imdsnitch guard apply FILE");
	else
		show(&s, rules);
	status = s.whole && s.table ? EXIT_FINE : EXIT_FINDINGS;
	rules_free(rules);
	gate_status_done(&s);
	return status;
}
