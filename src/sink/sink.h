/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where events go. One file a format behind one small table; a format turns an event into bytes, `struct output`
 * (sink/output.h) brings the bytes to a file or to stdout.
 */
#pragma once

#include "base/buffer.h"
#include "call/call.h"

/* docs/events.md, "imds-stats". Counted since start. */
struct stats {
	uint64_t calls, calls_v1, calls_v2, calls_unknown;
	uint64_t connects; /* imds-connect events */
	uint64_t lost;     /* kernel records the ring had no room for */
	uint64_t truncated;
	uint64_t evicted;
	uint64_t open_at_start;
	uint64_t attached_seconds;
	uint64_t denied;
	uint64_t unwritten;  /* events a sink could not write */
	uint64_t would_deny; /* an audit's denials */
};

/* What holds for a whole run. */
struct sink_context {
	const char *host_name; /* NULL: unknown */
	const char *host_id;   /* machine id; NULL: unknown */
	bool color;            /* text: ANSI colours */
	unsigned width;        /* text: columns to fill; 0: no limit */
};

struct format {
	const char *name;    /* "text" */
	const char *summary; /* for the help text */
	/* Appends one whole event with its line end; `sequence` is event.sequence. Never fails but for b->failed. */
	void (*call)(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b);
	/* NULL: the format has no such event. `time` is ns since the epoch. */
	void (*stats)(const struct sink_context *context, const struct stats *s, uint64_t time, uint64_t sequence,
		      struct buffer *b);
	/* NULL, or a heading written once before the first event to a terminal. */
	void (*begin)(const struct sink_context *context, struct buffer *b);
};

extern const struct format format_text, format_json, format_aws, format_null;
/* For programs of this project only: no name finds them. */
extern const struct format format_row, format_journal;

/* All that have a name for people, NULL at the end. */
extern const struct format *const formats[];

/* By name; NULL when there is none. */
const struct format *format_find(const char *name);
