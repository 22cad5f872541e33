/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/metrics.h"

#include <inttypes.h>

#include "call/service.h"

#define REQUEST_SERIES 1024 /* of callers with their names; as many again for all others */
#define OTHER_SERIES   256

static bool is_provider(const char *text)
{
	return service_of_provider(text) != NULL;
}

static bool is_service(const char *text)
{
	return service_find(text) != NULL;
}

static bool is_one_of(const char *text, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, names[i]) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(text, names) is_one_of(text, names, sizeof(names) / sizeof((names)[0]))

static bool is_version(const char *text)
{
	static const char *const names[] = {"v1", "v2", "unknown"};

	return IS_ONE_OF(text, names);
}

static bool is_class(const char *text)
{
	static const char *const names[] = {"token", "credentials", "identity", "user-data", "metadata", "other"};

	return IS_ONE_OF(text, names);
}

static bool is_verdict(const char *text)
{
	static const char *const names[] = {"observed", "allowed", "would-deny", "denied"};

	return IS_ONE_OF(text, names);
}

static bool is_cause(const char *text)
{
	static const char *const names[] = {"no-token-support", "token-unanswered", "token-refused", "unknown"};

	return IS_ONE_OF(text, names);
}

static bool is_outcome(const char *text)
{
	static const char *const names[] = {"success", "failure", "unknown"};

	return IS_ONE_OF(text, names);
}

/* Of connections without a request: src/call/conversation.c, and errors TCP is known for. */
static bool is_reason(const char *text)
{
	static const char *const names[] = {
		"bytes were lost",
		"HTTP/2",
		"not HTTP",
		"incomplete request",
		"open before start",
		"no request",
		"no answer",
		"not sent",
		"records were lost",
		"evicted",
		"still open at the end",
		"denied",
		"ECONNREFUSED",
		"ECONNRESET",
		"ECONNABORTED",
		"ETIMEDOUT",
		"EHOSTUNREACH",
		"ENETUNREACH",
		"ENETDOWN",
		"EHOSTDOWN",
		"EPIPE",
		"EPERM",
		"EACCES",
		"EADDRNOTAVAIL",
		"EINTR",
		"EINPROGRESS",
		"unknown error",
	};

	return IS_ONE_OF(text, names);
}

/* Of a rule file: a number, and not a text that somebody else chose. */
static bool is_line(const char *text)
{
	size_t length = strlen(text);

	return length <= 6 && strspn(text, "0123456789") == length;
}

static void init_words(struct words *w)
{
	words_init(&w[LABEL_PROVIDER], "unknown", is_provider);
	words_init(&w[LABEL_SERVICE], "unknown", is_service);
	words_init(&w[LABEL_VERSION], "none", is_version);
	words_init(&w[LABEL_CLASS], "none", is_class);
	words_init(&w[LABEL_VERDICT], "none", is_verdict);
	words_init(&w[LABEL_PROGRAM], "unknown", NULL);
	words_init(&w[LABEL_CAUSE], "unknown", is_cause);
	words_init(&w[LABEL_OUTCOME], "unknown", is_outcome);
	words_init(&w[LABEL_REASON], "none", is_reason);
	words_init(&w[LABEL_CODE], "none", NULL);
	words_init(&w[LABEL_LINE], "none", is_line);
}

static const char *const label_names[METRICS_LABELS] = {
	[LABEL_PROVIDER] = "provider", [LABEL_SERVICE] = "service", [LABEL_VERSION] = "version",
	[LABEL_CLASS] = "class",       [LABEL_VERDICT] = "verdict", [LABEL_PROGRAM] = "program",
	[LABEL_CAUSE] = "cause",       [LABEL_OUTCOME] = "outcome", [LABEL_REASON] = "reason",
	[LABEL_CODE] = "code",         [LABEL_LINE] = "line",
};

struct shape {
	const char *name, *help;
	unsigned labels;
	enum metrics_label label[FAMILY_LABELS];
};

static const struct shape shapes[METRICS_FAMILIES] = {
	[FAMILY_CONNECTS] = {"imds_connects_total",
			     "Connections to a metadata address that carried no request.",
			     3,
			     {LABEL_SERVICE, LABEL_OUTCOME, LABEL_REASON}},
	[FAMILY_FORWARDED] = {"imds_forwarded_requests_total",
			      "Requests with a Forwarded or X-Forwarded-For header, a sign of request forgery.",
			      1,
			      {LABEL_SERVICE}},
	[FAMILY_DURATION] = {"imds_request_duration_seconds",
			     "Time from the end of a request's head to the end of its response's head.",
			     2,
			     {LABEL_SERVICE, LABEL_VERSION}},
	[FAMILY_REQUESTS] = {"imds_requests_total",
			     "Requests to a metadata service.",
			     6,
			     {LABEL_PROVIDER, LABEL_SERVICE, LABEL_VERSION, LABEL_CLASS, LABEL_VERDICT, LABEL_PROGRAM}},
	[FAMILY_RESPONSES] = {"imds_responses_total",
			      "Responses of a metadata service, by status code.",
			      2,
			      {LABEL_SERVICE, LABEL_CODE}},
	[FAMILY_RULES] = {"imds_rule_verdicts_total",
			  "Calls and connections the guard decided on, by the line of the rule.",
			  2,
			  {LABEL_VERDICT, LABEL_LINE}},
	[FAMILY_UNANSWERED] = {"imds_unanswered_requests_total", "Requests without a response.", 1, {LABEL_SERVICE}},
	[FAMILY_V1] = {"imds_v1_calls_total",
		       "Requests over v1, by why they were not v2.",
		       2,
		       {LABEL_SERVICE, LABEL_CAUSE}},
};

void metrics_init(struct metrics *m)
{
	*m = (struct metrics){0};
	init_words(m->words);
	for (unsigned i = 0; i < METRICS_FAMILIES; i++) {
		struct family *f = &m->family[i];

		f->name = shapes[i].name;
		f->help = shapes[i].help;
		f->labels = shapes[i].labels;
		f->histogram = i == FAMILY_DURATION;
		f->limit = OTHER_SERIES;
		f->fold[0] = f->fold[1] = ~0U;
		for (unsigned k = 0; k < f->labels; k++) {
			f->label[k] = label_names[shapes[i].label[k]];
			f->words[k] = &m->words[shapes[i].label[k]];
		}
	}
	m->family[FAMILY_REQUESTS].limit = REQUEST_SERIES;
	m->family[FAMILY_REQUESTS].fold[0] = 1U << 5;    /* the program */
	m->family[FAMILY_REQUESTS].fold[1] = ~(1U << 2); /* all but the version */
}

void metrics_done(struct metrics *m)
{
	for (unsigned i = 0; i < METRICS_FAMILIES; i++)
		family_done(&m->family[i]);
}

/* Codes the documents of the providers name; others by their class. */
static struct span code_of(uint32_t status, char text[static NUMBER_TEXT])
{
	static const uint16_t named[] = {200, 304, 400, 401, 403, 404, 405, 408, 410, 429, 500, 502, 503, 504};
	static const struct span class[] = {SPAN_LITERAL("1xx"), SPAN_LITERAL("2xx"), SPAN_LITERAL("3xx"),
					    SPAN_LITERAL("4xx"), SPAN_LITERAL("5xx")};

	for (unsigned i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (status == named[i])
			return number_text(status, text);
	return status >= 100 && status < 600 ? class[status / 100 - 1] : SPAN_LITERAL("other");
}

static bool is_denied(const struct row *row)
{
	return span_equal(row->field[ROW_VERDICT], SPAN_LITERAL("denied"));
}

/* Of "FILE:LINE". */
static struct span line_of(struct span rule)
{
	const char *colon = rule.length ? memrchr(rule.data, ':', rule.length) : NULL;

	return colon ? (struct span){colon + 1, rule.length - (size_t)(colon + 1 - rule.data)} : (struct span){0};
}

static struct span value_of(const struct row *row, enum metrics_label label, char code[static NUMBER_TEXT])
{
	static const enum row_field fields[METRICS_LABELS] = {
		[LABEL_PROVIDER] = ROW_PROVIDER, [LABEL_SERVICE] = ROW_SERVICE, [LABEL_VERSION] = ROW_VERSION,
		[LABEL_CLASS] = ROW_CLASS,       [LABEL_VERDICT] = ROW_VERDICT, [LABEL_PROGRAM] = ROW_PROGRAM,
		[LABEL_CAUSE] = ROW_CAUSE,       [LABEL_OUTCOME] = ROW_OUTCOME, [LABEL_REASON] = ROW_REASON,
	};

	switch (label) {
	case LABEL_CODE:
		return code_of(row->status, code);
	case LABEL_LINE:
		return line_of(row->field[ROW_RULE]);
	case LABEL_REASON:
		/* "denied by FILE:LINE" */
		if (is_denied(row))
			return SPAN_LITERAL("denied");
		break;
	default:
		break;
	}
	return row->field[fields[label]];
}

static struct series series_of(struct metrics *m, enum metrics_family family, const struct row *row)
{
	const struct shape *shape = &shapes[family];
	struct series s = {0};
	char code[NUMBER_TEXT];

	for (unsigned i = 0; i < shape->labels; i++) {
		enum metrics_label label = shape->label[i];

		s.word[i] = words_take(&m->words[label], value_of(row, label, code));
	}
	return s;
}

static bool count(struct metrics *m, enum metrics_family family, const struct row *row)
{
	struct series s = series_of(m, family, row);

	return family_count(&m->family[family], &s);
}

static bool observe(struct metrics *m, const struct row *row)
{
	struct series s = series_of(m, FAMILY_DURATION, row);

	return family_observe(&m->family[FAMILY_DURATION], &s, row->duration);
}

static bool take_request(struct metrics *m, const struct row *row)
{
	bool done = count(m, FAMILY_REQUESTS, row);

	if (row->flags & ROW_HAS_STATUS)
		done &= count(m, FAMILY_RESPONSES, row);
	else if (!is_denied(row))
		done &= count(m, FAMILY_UNANSWERED, row);
	if (row->flags & ROW_HAS_DURATION)
		done &= observe(m, row);
	if (row->flags & ROW_FORWARDED)
		done &= count(m, FAMILY_FORWARDED, row);
	if (span_equal(row->field[ROW_VERSION], SPAN_LITERAL("v1")))
		done &= count(m, FAMILY_V1, row);
	return done;
}

bool metrics_take(struct metrics *m, const struct row *row)
{
	bool done = true;

	if (row->time > m->last_event)
		m->last_event = row->time;
	if (row->field[ROW_VERDICT].length && !span_equal(row->field[ROW_VERDICT], SPAN_LITERAL("observed")))
		done = count(m, FAMILY_RULES, row);
	if (span_equal(row->field[ROW_ACTION], SPAN_LITERAL("imds-request")))
		return take_request(m, row) && done;
	return count(m, FAMILY_CONNECTS, row) && done;
}

void metrics_counts(struct metrics *m, const struct feed_counts *counts)
{
	m->counts = *counts;
	m->attached = !counts->last;
}

void metrics_end(struct metrics *m)
{
	m->attached = false;
}

static void put_single(struct buffer *b, const char *name, const char *type, const char *help, uint64_t value)
{
	family_head(b, name, type, help);
	buffer_printf(b, "%s %" PRIu64 "\n", name, value);
}

/* Left out while it is not known. */
static void put_time(struct buffer *b, const char *name, const char *help, uint64_t ns)
{
	family_head(b, name, "gauge", help);
	if (ns == 0)
		return;
	buffer_printf(b, "%s ", name);
	family_seconds(b, ns);
	buffer_byte(b, '\n');
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void put_calls(struct buffer *b, const struct feed_counts *c)
{
	const char name[] = "imds_calls_total";
	uint64_t none = less(less(less(c->calls, c->calls_v1), c->calls_v2), c->calls_unknown);

	family_head(b, name, "counter",
		    "Requests as the capturing process counts them, whatever became of the events.");
	buffer_printf(b, "%s{version=\"none\"} %" PRIu64 "\n", name, none);
	buffer_printf(b, "%s{version=\"unknown\"} %" PRIu64 "\n", name, c->calls_unknown);
	buffer_printf(b, "%s{version=\"v1\"} %" PRIu64 "\n", name, c->calls_v1);
	buffer_printf(b, "%s{version=\"v2\"} %" PRIu64 "\n", name, c->calls_v2);
}

static void put_lost(struct buffer *b, const struct feed_counts *c)
{
	const char name[] = "imds_events_lost_total";

	family_head(b, name, "counter", "What was not seen, not seen in full, or not kept.");
	buffer_printf(b, "%s{reason=\"evicted\"} %" PRIu64 "\n", name, c->evicted);
	buffer_printf(b, "%s{reason=\"queue\"} %" PRIu64 "\n", name, c->dropped);
	buffer_printf(b, "%s{reason=\"ring\"} %" PRIu64 "\n", name, c->lost);
	buffer_printf(b, "%s{reason=\"truncated\"} %" PRIu64 "\n", name, c->truncated);
	buffer_printf(b, "%s{reason=\"unwritten\"} %" PRIu64 "\n", name, less(c->unwritten, c->dropped));
}

void metrics_write(const struct metrics *m, struct buffer *b)
{
	const struct feed_counts *c = &m->counts;

	put_single(b, "imds_attached", "gauge", "1 while the probe is attached and calls are seen.", m->attached);
	put_single(b, "imds_attached_seconds_total", "counter", "Seconds the probe has been attached.",
		   c->attached_seconds);
	put_time(b, "imds_attached_since_timestamp_seconds", "When the probe was attached.", c->attached_since);
	family_head(b, "imds_build_info", "gauge", "Always 1; the version is in the label.");
	buffer_string(b, "imds_build_info{version=\"" IMDSNITCH_VERSION "\"} 1\n");
	put_calls(b, c);
	family_write(&m->family[FAMILY_CONNECTS], b);
	put_single(b, "imds_denied_total", "counter", "Calls that were refused.", c->denied);
	put_lost(b, c);
	family_write(&m->family[FAMILY_FORWARDED], b);
	put_time(b, "imds_last_event_timestamp_seconds", "Time of the latest event.", m->last_event);
	put_single(b, "imds_open_at_start", "gauge", "Connections that were open before the probe was attached.",
		   c->open_at_start);
	family_write(&m->family[FAMILY_DURATION], b);
	family_write(&m->family[FAMILY_REQUESTS], b);
	family_write(&m->family[FAMILY_RESPONSES], b);
	family_write(&m->family[FAMILY_RULES], b);
	family_write(&m->family[FAMILY_UNANSWERED], b);
	put_time(b, "imds_updated_timestamp_seconds", "When the capturing process was last heard of.", c->time);
	family_write(&m->family[FAMILY_V1], b);
	put_single(b, "imds_would_deny_total", "counter", "Calls that were allowed and that a rule would refuse.",
		   c->would_deny);
}
