/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls as they were logged in JSON (docs/events.md), read back as questions for the guard. A log may hold anything: a
 * line that is no event is counted and passed over.
 *
 * What a log does not say is not known. A log has one group of a process, not the supplementary ones: groups_cut is
 * always set. It has no heads: question.head is made from method, target and version, so that it is judged alike.
 */
#pragma once

#include "base/lines.h"
#include "base/problem.h"
#include "guard/question.h"

#define HISTORY_LOG      "/var/log/imdsnitch/calls.jsonl"
/* The longest event is some 2 MB: 17 processes with 16 KiB of arguments each, all escaped. */
#define HISTORY_LINE_MAX (4U << 20)

/* One call. Spans and texts are valid during the callback; texts may hold any character. */
struct observation {
	uint64_t time;            /* ns since the epoch */
	struct question question; /* datagram: not TCP */
	uint32_t group;
	bool request;                /* else a connection without one */
	bool has_caller;             /* else uid and what follows say nothing */
	struct span user;            /* the name; absent: not known */
	struct span unit, container; /* absent: none, or not known */
};

struct history_counts {
	uint64_t lines, unusable; /* not counted: lines that are empty, and a last one that is torn */
	uint64_t calls;           /* since `since` */
	uint64_t first, last;     /* of them; ns since the epoch, 0: there are none */
	uint64_t reach;           /* the first event of all, of whatever kind, or `since`; 0: there is none */
	unsigned files;
};

struct history {
	uint64_t since; /* ns since the epoch; 0: all there is */
	void (*call)(void *context, const struct observation *o);
	void *context;
	struct history_counts counts;

	struct lines lines; /* private */
	struct buffer head; /* private */
};

/* Reads one file. 0 or -errno with the problem. */
int history_read(struct history *h, const char *path, struct problem *problem);

/* Reads PATH and what it was before it was rotated, PATH.1 …; one that ended before `since` is left out. As above. */
int history_read_rotated(struct history *h, const char *path, struct problem *problem);

/* The two parts of history_read(): bytes, cut anywhere, and the end of the file. 0 or -ENOMEM. */
int history_feed(struct history *h, struct span bytes);
int history_end(struct history *h);

void history_done(struct history *h);
