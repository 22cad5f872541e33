/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sentence.h"

#include <inttypes.h>
#include <stdio.h>

/* A target longer than this is cut here; url.original has all of it. */
#define TARGET_MAX 512

struct sentence {
	sentence_part part;
	void *context;
};

static void say(const struct sentence *s, const char *text)
{
	s->part(s->context, span_of(text));
}

static void say_number(const struct sentence *s, uint64_t number)
{
	char text[NUMBER_TEXT];

	s->part(s->context, number_text(number, text));
}

static void say_cut(const struct sentence *s, struct span text)
{
	if (text.length <= TARGET_MAX) {
		s->part(s->context, text);
		return;
	}
	s->part(s->context, (struct span){text.data, TARGET_MAX});
	say(s, "…");
}

static void say_caller(const struct sentence *s, const struct caller *caller)
{
	say(s, caller->process.name[0] ? caller->process.name : "unknown process");
	if (caller->process.pid != 0) {
		say(s, "(");
		say_number(s, caller->process.pid);
		say(s, ")");
	}
}

static const char *answer_words(const struct call *c)
{
	switch (c->answer) {
	case ANSWER_CUT:
		return "answer incomplete";
	case ANSWER_NOT_HTTP:
		return "answer was not HTTP";
	case ANSWER_BARE:
		return "answer without a status";
	case ANSWER_UNPAIRED:
		return "answer not followed up";
	default:
		return c->complete ? "no answer" : "no answer seen";
	}
}

static void say_denied(const struct sentence *s, const struct call *c, const char *words)
{
	say(s, words);
	if (!c->rule.data)
		return;
	say(s, " by ");
	say_cut(s, c->rule);
}

static void say_would_deny(const struct sentence *s, const struct call *c)
{
	say_denied(s, c, " (would be denied");
	say(s, ")");
}

static void say_result(const struct sentence *s, const struct call *c)
{
	if (c->verdict == VERDICT_DENIED) {
		say_denied(s, c, "denied");
	} else if (c->has_response) {
		say(s, "status ");
		say_number(s, c->status);
	} else {
		say(s, answer_words(c));
	}
	if (c->verdict == VERDICT_WOULD_DENY)
		say_would_deny(s, c);
}

static void say_request(const struct sentence *s, const struct call *c)
{
	if (c->version == VERSION_UNKNOWN)
		say(s, ", version unknown");
	else if (c->version != VERSION_NONE)
		say(s, c->version == VERSION_V1 ? " over v1" : " over v2");
	say(s, ": ");
	say_cut(s, c->method.data ? c->method : SPAN_LITERAL("request"));
	say(s, " ");
	say_cut(s, c->target.data ? c->target : SPAN_LITERAL("of an unknown path"));
	say(s, ", ");
	say_result(s, c);
}

static void say_connect(const struct sentence *s, const struct call *c)
{
	bool told = c->reason.data && c->verdict != VERDICT_DENIED;

	say(s, c->verdict == VERDICT_DENIED ? ": " : ", without a request: ");
	if (told)
		say_cut(s, c->reason);
	else
		say_result(s, c);
	if (told && c->verdict == VERDICT_WOULD_DENY)
		say_would_deny(s, c);
}

static const char *verb_of(const struct call *c)
{
	if (c->action == CALL_REQUEST)
		return " called ";
	return c->verdict == VERDICT_DENIED ? " tried to reach " : " connected to ";
}

void sentence_call(const struct call *c, sentence_part part, void *context)
{
	struct sentence s = {part, context};

	say_caller(&s, c->caller);
	say(&s, verb_of(c));
	say(&s, c->service ? c->service : "the metadata service");
	if (c->action == CALL_REQUEST)
		say_request(&s, c);
	else
		say_connect(&s, c);
}

void sentence_stats(const struct stats *s, sentence_part part, void *context)
{
	char text[384];

	snprintf(text, sizeof(text),
		 "%" PRIu64 " calls (%" PRIu64 " v1, %" PRIu64 " v2, %" PRIu64 " unknown), %" PRIu64
		 " connections without a request, %" PRIu64 " denied, %" PRIu64 " would be denied, %" PRIu64
		 " lost, %" PRIu64 " truncated, %" PRIu64 " evicted, %" PRIu64 " open at start, %" PRIu64
		 " unwritten in %" PRIu64 " s",
		 s->calls, s->calls_v1, s->calls_v2, s->calls_unknown, s->connects, s->denied, s->would_deny, s->lost,
		 s->truncated, s->evicted, s->open_at_start, s->unwritten, s->attached_seconds);
	part(context, span_of(text));
}
