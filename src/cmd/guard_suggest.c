/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard suggest: rules that allow what was logged. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "cmd/guard_history.h"
#include "guard/suggest.h"

static void tell(void *context, const char *text)
{
	log_line("guard: %s", text);
}

static int compile(const char *file, struct span text, const struct guard_options *o, struct policy *p)
{
	struct problem problem = {0};
	int r = rules_parse(file, text, NULL, tell, NULL, &p->rules);

	if (r == 0)
		r = guard_compile(p, o, &problem);
	if (problem.text[0])
		log_line("guard: %s: %s", file, problem.text);
	return r;
}

/* Sentences, one a line, as a comment. */
static void add_comment(struct buffer *out, struct span text)
{
	while (text.length) {
		const char *end = memchr(text.data, '\n', text.length);
		size_t n = end ? (size_t)(end - text.data) + 1 : text.length;

		buffer_string(out, "# ");
		buffer_append(out, text.data, n);
		text = (struct span){text.data + n, text.length - n};
	}
}

static void add_note(struct buffer *b, uint64_t count, const char *what)
{
	if (count)
		buffer_printf(b, "Not covered: %" PRIu64 " %s.\n", count, what);
}

static void add_notes(struct buffer *b, const struct suggestion *s, const struct history *h)
{
	char first[GUARD_STAMP], last[GUARD_STAMP];
	const struct history_counts *c = &h->counts;

	if (c->calls)
		buffer_printf(b, "From %" PRIu64 " calls, %s to %s.\n", c->calls, guard_stamp(c->first, first),
			      guard_stamp(c->last, last));
	else
		buffer_string(b, "No call was logged: these rules refuse everybody.\n");
	guard_history_reach(h, b);
	add_note(b, s->nobody, "calls whose caller the log does not know");
	add_note(b, s->outside, "calls to an address that is no endpoint");
	add_note(b, c->unusable, "lines that are no events");
}

static void write_rules(struct buffer *out, struct suggestion *s, const struct history *h,
			const struct guard_options *o)
{
	struct buffer notes = {0};

	add_notes(&notes, s, h);
	add_comment(out, buffer_view(&notes));
	buffer_done(&notes);
	buffer_string(out, "# A container's id is new when it is made anew; the other names last.\nmode audit\n");
	for (unsigned i = 0; i < o->endpoints; i++)
		buffer_printf(out, "endpoint %s\n", o->endpoint[i]);
	buffer_byte(out, '\n');
	suggest_write(s, out);
}

/* What is printed can be applied as it stands. */
static int print(const struct buffer *out, const struct guard_options *o)
{
	struct policy p = {0};
	int r = out->failed ? -ENOMEM : compile("suggestion", buffer_view(out), o, &p);

	policy_done(&p);
	if (r == -ENOMEM)
		return log_errno(r, "guard: no rules can be suggested");
	if (fwrite(out->data, 1, out->length, stdout) != out->length || fflush(stdout) != 0)
		return log_errno(-errno, "guard: stdout cannot be written");
	return r;
}

int guard_suggest(const struct guard_options *o, char **words)
{
	struct suggestion s = {0};
	struct history h = {.call = suggest_take, .context = &s};
	struct buffer out = {0};
	struct policy p = {0};
	int status = EXIT_USAGE;

	if (compile("suggestion", span_of(suggest_rules), o, &p) == 0) {
		s.table = p.table;
		s.endpoints = &p.rules->endpoints;
		if (guard_history_read(o, &h, NULL) == 0) {
			write_rules(&out, &s, &h, o);
			status = print(&out, o) < 0 || h.counts.unusable || s.nobody ? EXIT_INCOMPLETE : EXIT_FINE;
		}
	}
	buffer_done(&out);
	history_done(&h);
	suggest_done(&s);
	policy_done(&p);
	return status;
}
