/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A request target on its way through the automata of a table, byte by byte, in the one form rules are written for
 * (call/path.h says the same of a text): scheme, authority, query and fragment off, %XX decoded once, empty segments
 * dropped, "." and ".." resolved, never above the root. Nothing is stored but the states before each segment, so that
 * ".." goes back to one.
 */
#pragma once

#include "bpf/decide.h"

#define WALK_DEPTH 64 /* segments; deeper paths are not known */

struct walk_states {
	__u16 rules, judge;
};

enum walk_segment { WALK_EMPTY, WALK_DOT, WALK_DOTS, WALK_NAME };
enum walk_part { WALK_FIRST, WALK_SCHEME, WALK_SLASHES, WALK_AUTHORITY, WALK_PATH, WALK_OVER };

struct walk {
	struct walk_states saved[WALK_DEPTH]; /* saved[n]: behind n segments */
	struct walk_states now;
	__u8 depth;
	__u8 segment; /* enum walk_segment: what the current one is so far */
	__u8 part;    /* enum walk_part */
	__u8 digits;  /* of an escape: 0 none, 1 '%' seen, 2 and one digit */
	__u8 high;    /* that digit, as it was written */
	__u8 cut;     /* deeper than WALK_DEPTH: the path is not known */
	__u16 reserved;
};
