/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --format text: one line a call, for people. Columns are as wide as context->width lets them; the last one, the
 * request, takes what is left. Without a width (a file, a pipe) columns have a least width and nothing is cut.
 */
#include "base/escape.h"
#include "sink/sink.h"
#include "sink/stamp.h"

#include <inttypes.h>
#include <stdio.h>

/* Bytes of a field that are looked at when there is a width: more than any terminal's line shows. */
#define FIELD_MAX     8192
#define CONTAINER_ID  12 /* characters of a container's ID, as docker and crictl show them */
#define SHORT_ROOM    24 /* columns in which only the end of a path is of use */
#define LEAST_ROOM    12 /* columns of a request on a terminal that is too narrow */

#define RED           "\033[31m"
#define DENIED        "\033[1;31m"
#define YELLOW        "\033[33m"
#define DIM           "\033[2m"
#define RESET         "\033[0m"

#define VERSION_WIDTH 3
#define CODE_WIDTH    4
#define DELAY_WIDTH   6

/* Column widths. user 0: the terse layout, in which user and place share a column and notes are short. */
static const struct layout {
	unsigned least; /* terminal width from which this layout is taken */
	unsigned program, user, place;
} layouts[] = {
	{150, 26, 12, 24},
	{120, 22, 8, 16},
	{0, 16, 0, 10},
};

struct line {
	const struct sink_context *context;
	const struct layout *layout;
	struct buffer *out;
	struct buffer field; /* the column in work, escaped */
	size_t width;        /* columns filled so far */
};

static struct line line_begin(const struct sink_context *context, struct buffer *out)
{
	const struct layout *l = layouts;

	while (context->width != 0 && context->width < l->least)
		l++;
	return (struct line){.context = context, .layout = l, .out = out};
}

static void line_end(struct line *l)
{
	while (l->out->length > 0 && l->out->data[l->out->length - 1] == ' ')
		l->out->length--;
	buffer_byte(l->out, '\n');
	if (l->field.failed)
		l->out->failed = true;
	buffer_done(&l->field);
}

static bool is_terse(const struct line *l)
{
	return l->layout->user == 0;
}

/* Appends outside bytes to the column in work. */
static void add(struct line *l, struct span s)
{
	if (l->context->width != 0 && s.length > FIELD_MAX)
		s.length = FIELD_MAX;
	escape_text(&l->field, s, ESCAPE_EXACT);
}

static void pad(struct line *l, size_t filled, size_t columns)
{
	for (; filled < columns; filled++) {
		buffer_byte(l->out, ' ');
		l->width++;
	}
}

/*
 * Puts the column in work in `color` (NULL: none). When there is a width, it is cut to `columns` in front of its last
 * `tail` columns. Returns what it filled.
 */
static size_t put_field(struct line *l, size_t columns, size_t tail, const char *color)
{
	bool colored = color && l->context->color && l->field.length > 0;
	size_t filled;

	if (colored)
		buffer_string(l->out, color);
	filled = text_fit(l->out, buffer_view(&l->field), l->context->width ? columns : SIZE_MAX, tail);
	if (colored)
		buffer_string(l->out, RESET);
	buffer_reset(&l->field);
	l->width += filled;
	return filled;
}

/* The column in work is done: one space at least is between it and the next. */
static void end_column(struct line *l, size_t columns, size_t tail, const char *color)
{
	size_t filled = put_field(l, columns, tail, color);

	pad(l, filled, (filled > columns ? filled : columns) + 1);
}

static void column(struct line *l, const char *text, size_t columns, const char *color)
{
	buffer_string(&l->field, text);
	end_column(l, columns, 0, color);
}

static void column_right(struct line *l, const char *text, size_t columns)
{
	pad(l, strlen(text), columns);
	column(l, text, strlen(text), NULL);
}

static void put_time(struct line *l, uint64_t time)
{
	char text[STAMP_CLOCK];

	stamp_clock(time, text);
	if (is_terse(l))
		text[strlen("00:00:00")] = '\0';
	column(l, text, strlen(text), DIM);
}

static void put_version(struct line *l, const struct call *c)
{
	static const char *const shown[] = {
		[VERSION_NONE] = "-", [VERSION_V1] = "v1", [VERSION_V2] = "v2", [VERSION_UNKNOWN] = "v?"};
	const char *color = c->version == VERSION_V1 || c->version == VERSION_UNKNOWN ? YELLOW : NULL;

	column(l, shown[c->version], VERSION_WIDTH, call_is_alert(c) && color ? RED : color);
}

static void put_code(struct line *l, const struct call *c)
{
	char text[16];

	if (c->verdict == VERDICT_DENIED) {
		column(l, "DENY", CODE_WIDTH, DENIED);
	} else if (!c->has_response) {
		column(l, "-", CODE_WIDTH, c->action == CALL_REQUEST ? YELLOW : NULL);
	} else {
		snprintf(text, sizeof(text), "%u", c->status);
		column(l, text, CODE_WIDTH, c->status >= 400 ? RED : NULL);
	}
}

/* Three digits and a unit: "850us", "1.24ms", "12.5s"; more digits from 1000 s on. */
static void put_delay(struct line *l, const struct call *c)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = {{1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
	char text[40] = "-";
	unsigned u = 0;
	double value;

	while (u < 2 && (double)c->duration >= units[u + 1].ns)
		u++;
	value = (double)c->duration / units[u].ns;
	if (c->has_duration)
		snprintf(text, sizeof(text), "%.*f%s",
			 u == 0 || value >= 100 ? 0
			 : value >= 10          ? 1
						: 2,
			 value, units[u].name);
	column_right(l, text, DELAY_WIDTH);
}

static void put_program(struct line *l, const struct process *p)
{
	size_t tail = 0;

	add(l, p->name[0] ? span_of(p->name) : SPAN_LITERAL("?"));
	if (p->pid != 0) {
		tail = l->field.length;
		buffer_printf(&l->field, "(%" PRIu32 ")", p->pid);
		tail = l->field.length - tail;
	}
	end_column(l, l->layout->program, tail, NULL);
}

static void add_user(struct line *l, const struct caller *caller)
{
	if (caller->user_name)
		add(l, span_of(caller->user_name));
	else if (caller->has_ids)
		buffer_printf(&l->field, "%" PRIu32, caller->uid);
	else
		buffer_byte(&l->field, '?');
}

static bool ends_with(struct span s, struct span end)
{
	return s.length > end.length && memcmp(s.data + s.length - end.length, end.data, end.length) == 0;
}

/* Container, else unit (".service" goes without saying); false when neither is known. */
static bool add_place(struct line *l, const struct caller *caller)
{
	struct span unit = span_of(caller->systemd_unit), id = span_of(caller->container_id);

	if (id.data) {
		if (id.length > CONTAINER_ID)
			id.length = is_terse(l) ? l->layout->place : CONTAINER_ID;
		add(l, id);
	} else if (unit.data) {
		if (ends_with(unit, SPAN_LITERAL(".service")))
			unit.length -= strlen(".service");
		add(l, unit);
	}
	return id.data || unit.data;
}

/* Whose session it is says more than the session's number. */
static bool is_session(const struct caller *caller)
{
	struct span unit = span_of(caller->systemd_unit);

	return !caller->container_id && unit.data &&
	       (ends_with(unit, SPAN_LITERAL(".scope")) || span_starts(unit, SPAN_LITERAL("user@")));
}

static void put_who(struct line *l, const struct caller *caller)
{
	if (is_terse(l)) {
		if (is_session(caller) || !add_place(l, caller))
			add_user(l, caller);
	} else {
		add_user(l, caller);
		end_column(l, l->layout->user, 0, NULL);
		if (!add_place(l, caller))
			buffer_byte(&l->field, '-');
	}
	end_column(l, l->layout->place, 0, NULL);
}

/* GET goes without saying where room is short. */
static void add_method(struct line *l, const struct call *c)
{
	if (is_terse(l) && span_equal(c->method, SPAN_LITERAL("GET")))
		return;
	add(l, c->method.data ? c->method : SPAN_LITERAL("?"));
	buffer_byte(&l->field, ' ');
}

static void add_target(struct line *l, const struct call *c)
{
	add(l, c->target.data ? c->target : c->path.data ? c->path : SPAN_LITERAL("?"));
}

static void add_connect(struct line *l, const struct call *c)
{
	const char *transport = call_transport_name(c);
	char text[CALL_ADDRESS_TEXT];

	buffer_string(&l->field, !transport || strcmp(transport, "tcp") == 0 ? "connect" : transport);
	if (!is_terse(l))
		buffer_printf(&l->field, " %s", call_address_text(&c->destination, text));
	if (!is_terse(l) && c->destination.port != 0 && c->destination.port != 80)
		buffer_printf(&l->field, " port %u", c->destination.port);
}

static void add_note(struct line *l, const char *text, struct span more)
{
	if (l->field.length > 0)
		buffer_string(&l->field, ", ");
	buffer_string(&l->field, text);
	if (text[0] && more.length > 0)
		buffer_byte(&l->field, ' ');
	add(l, more);
}

static const char *cause_text(const struct line *l, enum call_cause cause)
{
	static const char *const terse[] = {
		[CAUSE_NO_TOKEN_SUPPORT] = "no-token",
		[CAUSE_TOKEN_UNANSWERED] = "unanswered",
		[CAUSE_TOKEN_REFUSED] = "refused",
		[CAUSE_UNKNOWN] = "unknown",
	};

	return is_terse(l) ? terse[cause] : call_cause_name(cause);
}

/* What a reader should not miss: why it was v1, was denied, or is not known. Where room is short, the first only. */
static void add_notes(struct line *l, const struct call *c)
{
	const struct {
		bool is;
		const char *text;
		struct span more;
	} notes[] = {
		{c->verdict == VERDICT_DENIED, is_terse(l) && c->rule.length > 0 ? "" : "denied", c->rule},
		{c->verdict == VERDICT_WOULD_DENY, "would deny", c->rule},
		{c->version == VERSION_V1 && c->cause != CAUSE_NONE, cause_text(l, c->cause), {0}},
		{c->reason.length > 0 && c->verdict != VERDICT_DENIED, "", c->reason},
		{c->forwarded, "forwarded", {0}},
		{!c->complete, "incomplete", {0}},
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]) && (!is_terse(l) || l->field.length == 0); i++)
		if (notes[i].is)
			add_note(l, notes[i].text, notes[i].more);
}

/* Of a path, the end says most; the method before it stays. */
static void put_target(struct line *l, size_t room, size_t method)
{
	size_t tail = room < SHORT_ROOM ? room : room * 2 / 3;

	if (tail + method + 1 > room)
		tail = room > method + 1 ? room - method - 1 : 0;
	put_field(l, room, tail, NULL);
	buffer_done(&l->field);
}

/* The rest of the line: what was asked for, and behind it the notes. Too long, each gets half, or what one leaves. */
static void put_request(struct line *l, const struct call *c)
{
	unsigned width = l->context->width;
	size_t room = width > l->width + LEAST_ROOM ? width - l->width : LEAST_ROOM;
	size_t method, request, notes;
	struct buffer held;

	add_notes(l, c);
	held = l->field;
	l->field = (struct buffer){0};
	notes = held.length > 0 ? text_width(buffer_view(&held)) + 2 : 0;
	if (c->action == CALL_REQUEST)
		add_method(l, c);
	method = text_width(buffer_view(&l->field));
	if (c->action == CALL_REQUEST)
		add_target(l, c);
	else
		add_connect(l, c);
	request = text_width(buffer_view(&l->field));
	if (request + notes > room && notes > room / 2)
		notes = request < room / 2 ? room - request : room / 2;
	put_target(l, room - notes, method);
	l->field = held;
	if (notes == 0)
		return;
	pad(l, 0, 2);
	put_field(l, notes - 2, 0, c->verdict == VERDICT_DENIED ? DENIED : YELLOW);
}

static void text_call(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b)
{
	struct line l = line_begin(context, b);

	(void)sequence;
	put_time(&l, c->time);
	put_version(&l, c);
	put_code(&l, c);
	put_delay(&l, c);
	put_program(&l, &c->caller->process);
	put_who(&l, c->caller);
	put_request(&l, c);
	line_end(&l);
}

/* Not cut: a counter that is not shown is as good as none. */
static void text_stats(const struct sink_context *context, const struct stats *s, uint64_t time, uint64_t sequence,
		       struct buffer *b)
{
	struct line l = line_begin(context, b);
	bool missed = s->lost || s->truncated || s->evicted || s->unwritten;

	(void)sequence;
	put_time(&l, time);
	if (context->color)
		buffer_string(b, missed ? RED : DIM);
	buffer_printf(b,
		      "--- %" PRIu64 " calls: v1 %" PRIu64 ", v2 %" PRIu64 ", v? %" PRIu64 "; connects %" PRIu64
		      ", denied %" PRIu64 ", would deny %" PRIu64 "; lost %" PRIu64 ", truncated %" PRIu64
		      ", evicted %" PRIu64 ", open at start %" PRIu64 ", unwritten %" PRIu64 "; %" PRIu64 " s",
		      s->calls, s->calls_v1, s->calls_v2, s->calls_unknown, s->connects, s->denied, s->would_deny,
		      s->lost, s->truncated, s->evicted, s->open_at_start, s->unwritten, s->attached_seconds);
	if (context->color)
		buffer_string(b, RESET);
	line_end(&l);
}

static void text_begin(const struct sink_context *context, struct buffer *b)
{
	struct line l = line_begin(context, b);

	column(&l, "TIME", is_terse(&l) ? strlen("00:00:00") : strlen("00:00:00.000"), DIM);
	column(&l, "VER", VERSION_WIDTH, DIM);
	column(&l, "CODE", CODE_WIDTH, DIM);
	column(&l, " DELAY", DELAY_WIDTH, DIM);
	column(&l, "PROGRAM(PID)", l.layout->program, DIM);
	if (!is_terse(&l))
		column(&l, "USER", l.layout->user, DIM);
	column(&l, is_terse(&l) ? "WHO" : "CONTAINER/UNIT", l.layout->place, DIM);
	column(&l, "REQUEST", strlen("REQUEST"), DIM);
	line_end(&l);
}

const struct format format_text = {
	.name = "text",
	.summary = "one line a call, for people",
	.call = text_call,
	.stats = text_stats,
	.begin = text_begin,
};
