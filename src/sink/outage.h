/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that cannot be reached, or is too slow: said once when it begins, and once when it ends with what it cost.
 * Those that follow within a minute are not said; what they cost is in the next line that is, and in every count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct outage {
	bool on;
	bool silent;          /* this one is not said */
	bool carried;         /* lost_before is that of earlier ones that were not said */
	uint64_t lost_before; /* events lost when it began */
	uint64_t quiet_until; /* ns, CLOCK_BOOTTIME */
	char why[200];        /* "" while there is none */
};

/* `lost`: events lost so far, in all. */
void outage_begin(struct outage *o, const char *where, const char *why, uint64_t lost);
void outage_end(struct outage *o, const char *where, uint64_t lost);
