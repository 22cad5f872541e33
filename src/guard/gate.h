/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard in the kernel: its programs (bpf/guard.bpf.c), links and maps, pinned below /sys/fs/bpf/imdsnitch, so that
 * they stay when the process that loaded them ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "bpf/table.h"
#include "call/service.h"

struct gate;

/*
 * Puts the table in force: loads, attaches and pins everything or nothing where no guard is, swaps the table where one
 * is, replaces programs of another TABLE_ABI (the new ones hold before the old ones go). Connections that are open and
 * that an enforced table would not let pass are cut. *ret_gate (may be NULL) can swap tables later without any rights.
 * 0 or -errno with the problem: what is missing here, what to do.
 */
int gate_apply(const struct table *table, const struct endpoints *endpoints, struct gate **ret_gate,
	       struct problem *problem);

/*
 * Swaps the table and the endpoints through the mappings the gate holds: atomic, no rights. -ESTALE: the guard they
 * belong to was opened or replaced, so that they decide nothing any more.
 */
int gate_swap(struct gate *gate, const struct table *table, const struct endpoints *endpoints, struct problem *problem);

/* Whether what this gate has put in force still is. Links detached by others' tools are not noticed. */
enum gate_state { GATE_HOLDS, GATE_OTHER_RULES, GATE_GONE };
enum gate_state gate_state(const struct gate *gate);

struct gate *gate_free(struct gate *gate); /* what is pinned stays; NULL is fine; always NULL */

/* Opens the gate: detaches and removes all there is, whatever state it is in. 0, also when there was none. */
int gate_off(struct problem *problem);

struct gate_hits {
	uint64_t hits;
	uint64_t last; /* ns, CLOCK_BOOTTIME; 0: never */
};

struct gate_status {
	bool loaded, whole; /* whole: every link is attached, every pin is there */
	uint64_t generation;
	uint64_t applied; /* ns since the epoch */
	uint64_t judged, denied, would_deny, unread, errors;
	struct gate_hits rule[TABLE_RULES], none; /* none: no rule matched */
	struct table *table;                      /* a copy of the one in force */
};

int gate_status_read(struct gate_status *ret_status, struct problem *problem);
void gate_status_done(struct gate_status *s);
