/* SPDX-License-Identifier: Apache-2.0 */
/* What is written into the guard's mapping (bpf/guard.h), and in which order. Pure. */
#pragma once

#include "base/problem.h"
#include "bpf/guard.h"
#include "call/service.h"

/* -E2BIG: too many endpoints whose hashes are the same. */
int slot_endpoints(const struct endpoints *endpoints, struct guard_endpoints *ret_endpoints, struct problem *problem);

/* Puts table and endpoints in force: written beside, then exchanged. One writer at a time. */
void slot_swap(struct guard_control *control, struct guard_slot slots[static 2], const struct table *table,
	       const struct guard_endpoints *endpoints);
