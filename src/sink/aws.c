/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --format aws: the log line of AWS's ImdsPacketAnalyzer, for the readers of such logs: `grep WARNING` finds v1, the
 * words stand in the same places, the request's lines are joined by ", " and end with one. What differs, on purpose:
 *  - a line feed or another control character in an argument is escaped, so that an event is one line;
 *  - a call whose version is not known is "IMDS(?)": that tool calls it v1;
 *  - arguments that are not known leave the program's name in place, as that tool prints an empty command line;
 *  - what the guard refuses, or would, has "Verdict: denied by FILE:LINE" behind its headers;
 *  - a service without versions (ECS, EKS Pod Identity), which that tool does not see, is "IMDS" at INFO.
 */
#include "base/escape.h"
#include "sink/args.h"
#include "sink/level.h"
#include "sink/sink.h"
#include "sink/stamp.h"

#include <inttypes.h>

#define ANCESTORS_SHOWN 3

static void put_args(struct buffer *b, const struct process *p)
{
	struct args a = args_of(p, ARGS_MAX);
	struct span arg;
	size_t start;

	buffer_string(b, " argv:");
	start = b->length;
	while (args_next(&a, &arg)) {
		escape_text(b, arg, ESCAPE_LOOSE);
		buffer_byte(b, ' ');
	}
	while (b->length > start && b->data[b->length - 1] == ' ')
		b->length--;
}

static void put_process(struct buffer *b, const struct process *p)
{
	buffer_printf(b, "(pid:%" PRIu32, p->pid);
	if (p->name[0] || p->args) {
		buffer_byte(b, ':');
		escape_text(b, span_of(p->name), ESCAPE_LOOSE);
		put_args(b, p);
	} else {
		buffer_string(b, " Unable to get argv information");
	}
	buffer_byte(b, ')');
}

static void put_ancestors(struct buffer *b, const struct caller *caller)
{
	for (unsigned i = 0; i < caller->ancestor_count && i < ANCESTORS_SHOWN; i++) {
		if (caller->ancestor[i].pid == 0)
			return;
		buffer_string(b, i == 0 ? " called by -> " : " -> ");
		put_process(b, &caller->ancestor[i]);
	}
}

/* Every line of the head with ", " behind it: so the empty line that ends a head shows in that tool. */
static void put_head(struct buffer *b, struct span head)
{
	while (head.length > 0) {
		const char *end = memchr(head.data, '\n', head.length);
		size_t length = end ? (size_t)(end - head.data) : head.length;
		size_t shown = length > 0 && end && head.data[length - 1] == '\r' ? length - 1 : length;

		escape_text(b, (struct span){head.data, shown}, ESCAPE_LOOSE);
		buffer_string(b, ", ");
		head.data += length + (end != NULL);
		head.length -= length + (end != NULL);
	}
}

/* The word says which version, whatever became of the call: readers of such logs take WARNING for v1. */
static void put_version(struct buffer *b, enum call_version v)
{
	static const char *const words[] = {
		[VERSION_NONE] = "IMDS ",
		[VERSION_V1] = "IMDSv1(!) ",
		[VERSION_V2] = "IMDSv2 ",
		[VERSION_UNKNOWN] = "{MISSING PAYLOAD} IMDS(?) ",
	};

	buffer_printf(b, "[%s] %s", level_name(version_level(v)), words[v]);
}

/* As if it were one more header: that tool knows of no verdicts. */
static void put_verdict(struct buffer *b, const struct call *c)
{
	if (c->verdict != VERDICT_DENIED && c->verdict != VERDICT_WOULD_DENY)
		return;
	buffer_printf(b, "Verdict: %s", call_verdict_name(c->verdict));
	if (c->rule.data) {
		buffer_string(b, " by ");
		escape_text(b, c->rule, ESCAPE_LOOSE);
	}
	buffer_string(b, ", ");
}

static void aws_call(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b)
{
	char time[STAMP_LOCAL];

	(void)context;
	(void)sequence;
	if (c->action != CALL_REQUEST)
		return;
	buffer_printf(b, "[%s] ", stamp_local(c->time, time));
	put_version(b, c->version);
	put_process(b, &c->caller->process);
	put_ancestors(b, c->caller);
	buffer_string(b, " Req details: ");
	put_head(b, c->head);
	put_verdict(b, c);
	buffer_byte(b, '\n');
}

const struct format format_aws = {
	.name = "aws",
	.summary = "the log line of AWS's ImdsPacketAnalyzer",
	.call = aws_call,
};
