/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of one run (docs/metrics.md): counted from rows and from what the service says it has counted. */
#pragma once

#include "feed/frame.h"
#include "metrics/family.h"
#include "sink/row.h"

enum metrics_label {
	LABEL_PROVIDER,
	LABEL_SERVICE,
	LABEL_VERSION,
	LABEL_CLASS,
	LABEL_VERDICT,
	LABEL_PROGRAM,
	LABEL_CAUSE,
	LABEL_OUTCOME,
	LABEL_REASON,
	LABEL_CODE,
	LABEL_LINE,
	METRICS_LABELS
};

enum metrics_family {
	FAMILY_CONNECTS,
	FAMILY_FORWARDED,
	FAMILY_DURATION,
	FAMILY_REQUESTS,
	FAMILY_RESPONSES,
	FAMILY_RULES,
	FAMILY_UNANSWERED,
	FAMILY_V1,
	METRICS_FAMILIES
};

struct metrics {
	struct words words[METRICS_LABELS];
	struct family family[METRICS_FAMILIES];
	struct feed_counts counts;
	bool attached;
	uint64_t last_event; /* ns since the epoch; 0: none yet */
};

void metrics_init(struct metrics *m);
void metrics_done(struct metrics *m);

/* Counts one event. False when memory is out: part of it may not be counted. */
bool metrics_take(struct metrics *m, const struct row *row);

/* What the service has counted; with `last`, the probe is no longer attached. */
void metrics_counts(struct metrics *m, const struct feed_counts *counts);

/* Nothing comes any more: whatever was said last, the probe cannot be taken for attached. */
void metrics_end(struct metrics *m);

/* Appends all metrics in the Prometheus text format 0.0.4, in the order of their names. */
void metrics_write(const struct metrics *m, struct buffer *b);
