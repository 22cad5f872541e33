/* SPDX-License-Identifier: Apache-2.0 */
/* What the service tells of itself, as the JSON document of `imdsnitch status --json` (man imdsnitch, status). */
#pragma once

#include "feed/feeds.h"
#include "serve/guarding.h"

#define REPORT_MINUTE 60

struct report {
	const struct feeds *feeds;
	const struct guarding *guarding;
	const char *config_path;
	const char *run_id;
	struct stats stats;
	uint64_t started;             /* ns since the epoch */
	uint64_t uptime;              /* s */
	uint64_t rate[REPORT_MINUTE]; /* calls since the start, at the end of each of the last seconds */
	unsigned rates;               /* how many of these are known */
	uint64_t ring_size;
	const char *const *programs; /* NULL at the end */
};

void report_write(const struct report *r, struct buffer *out);
