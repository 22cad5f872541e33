/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A request target on its way through the automata of a table, byte by byte, in the one form rules are written for
 * (call/path.h says the same of a text): scheme, authority, query and fragment off, %XX decoded once, empty segments
 * dropped, "." and ".." resolved, never above the root. Nothing is stored but the states before each segment, so that
 * ".." goes back to one.
 */
#pragma once

#include "bpf/decide.h"

#define WALK_DEPTH 64   /* segments; deeper paths are not known */
#define WALK_LINE  2048 /* bytes of a start line that are kept; the path of a longer one is not known */

struct walk_states {
	__u16 rules, judge;
};

enum walk_segment { WALK_EMPTY, WALK_DOT, WALK_DOTS, WALK_NAME };
/* WALK_SCHEME: letters that may turn out to be a scheme, and are a segment until then. */
enum walk_part { WALK_SCHEME, WALK_COLON, WALK_SLASH, WALK_AUTHORITY, WALK_PATH, WALK_OVER };

struct walk {
	struct walk_states saved[WALK_DEPTH]; /* saved[n]: behind n segments */
	struct walk_states now;
	__u8 depth;
	__u8 segment;  /* enum walk_segment: what the current one is so far */
	__u8 part;     /* enum walk_part */
	__u8 digits;   /* of an escape: 0 none, 1 '%' seen, 2 and one digit */
	__u8 high;     /* that digit, as it was written */
	__u8 cut;      /* deeper than WALK_DEPTH: the path is not known */
	__u8 over;     /* '#' seen: what follows counts only when it makes what was before it a scheme */
	__u8 reserved; /* 0 */
};

static inline void walk_restart(const struct table *t, struct walk *w)
{
	w->now.rules = t->path.start;
	w->now.judge = t->judge.start;
	w->saved[0] = w->now;
	w->depth = 0;
	w->segment = WALK_EMPTY;
	w->digits = 0;
	w->cut = 0;
	w->over = 0;
}

static inline void walk_init(const struct table *t, struct walk *w)
{
	walk_restart(t, w);
	w->part = WALK_SCHEME;
	w->high = 0;
	w->reserved = 0;
}

static inline void walk_feed(const struct table *t, struct walk *w, __u8 c)
{
	w->now.rules = (__u16)automaton_next(t, &t->path, w->now.rules, c);
	w->now.judge = (__u16)automaton_next(t, &t->judge, w->now.judge, c);
}

/* The segment is over, by a slash or by the end. */
static inline void walk_segment_end(struct walk *w)
{
	if (w->segment == WALK_DOTS) {
		w->depth -= w->depth ? 1 : 0;
		w->now = w->saved[w->depth % WALK_DEPTH];
	} else if (w->segment == WALK_NAME) {
		if (w->depth < WALK_DEPTH - 1)
			w->depth++;
		else
			w->cut = 1;
		w->saved[w->depth % WALK_DEPTH] = w->now;
	}
	w->segment = WALK_EMPTY;
}

/* A byte of the path, decoded. Dots wait until something else shows that they are a name. */
static inline void walk_byte(const struct table *t, struct walk *w, __u8 c)
{
	if (c == '/') {
		walk_segment_end(w);
		return;
	}
	if (c == '.' && w->segment < WALK_DOTS) {
		w->segment++;
		return;
	}
	if (w->segment != WALK_NAME) {
		if (w->depth)
			walk_feed(t, w, '/');
		if (w->segment >= WALK_DOT)
			walk_feed(t, w, '.');
		if (w->segment >= WALK_DOTS)
			walk_feed(t, w, '.');
		w->segment = WALK_NAME;
	}
	walk_feed(t, w, c);
}

/* -1: no hex digit. */
static inline int walk_hex(__u8 c)
{
	__u8 folded = c | 0x20;

	if (c >= '0' && c <= '9')
		return c - '0';
	return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

/* What looked like an escape is none. */
static inline void walk_flush(const struct table *t, struct walk *w)
{
	if (w->digits)
		walk_byte(t, w, '%');
	if (w->digits == 2)
		walk_byte(t, w, w->high);
	w->digits = 0;
}

static inline void walk_raw(const struct table *t, struct walk *w, __u8 c)
{
	int digit = walk_hex(c);

	if (w->digits == 1 && digit >= 0) {
		w->high = c;
		w->digits = 2;
		return;
	}
	if (w->digits == 2 && digit >= 0) {
		w->digits = 0;
		walk_byte(t, w, (__u8)((__u32)walk_hex(w->high) << 4 | (__u32)digit));
		return;
	}
	walk_flush(t, w);
	if (c == '%')
		w->digits = 1;
	else
		walk_byte(t, w, c);
}

/* Which part the next byte belongs to, by the bytes as sent. Returns whether it is one of the path. */
static inline int walk_part_of(const struct table *t, struct walk *w, __u8 c)
{
	switch (w->part) {
	case WALK_SCHEME:
		if (c == '/' || c == '?')
			w->part = WALK_PATH;
		else if (c == ':')
			w->part = WALK_COLON;
		break;
	case WALK_COLON:
		w->part = c == '/' ? WALK_SLASH : WALK_PATH;
		break;
	case WALK_SLASH:
		w->part = c == '/' ? WALK_AUTHORITY : WALK_PATH;
		if (c == '/') {
			walk_restart(t, w);
			return 0;
		}
		break;
	case WALK_AUTHORITY:
		if (c != '/' && c != '?' && c != '#')
			return 0;
		w->part = WALK_PATH;
		break;
	default:
		break;
	}
	w->over |= c == '?' || c == '#';
	if (w->part == WALK_PATH && w->over)
		w->part = WALK_OVER;
	return !w->over;
}

/* The next byte of the target as sent. */
static inline void walk_step(const struct table *t, struct walk *w, __u8 c)
{
	if (walk_part_of(t, w, c))
		walk_raw(t, w, c);
}

/* The target is over: w->now has the states behind the path, unless w->cut. */
static inline void walk_end(const struct table *t, struct walk *w)
{
	walk_flush(t, w);
	walk_segment_end(w);
}
