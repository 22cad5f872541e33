/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family: one metric with all its series, one for each combination of label values met. Kept in the order of the
 * values' text, bounded: beyond `limit` series, labels are folded to "other".
 */
#pragma once

#include "base/buffer.h"
#include "metrics/words.h"

#define FAMILY_LABELS  6
#define FAMILY_BUCKETS 15 /* of a histogram, +Inf included */

struct series {
	uint8_t word[FAMILY_LABELS];
};

struct family {
	const char *name, *help;
	bool histogram;
	unsigned labels;
	const char *label[FAMILY_LABELS];
	struct words *words[FAMILY_LABELS];
	/* What is folded beyond `limit` series, and beyond twice as many: bit i is label i. */
	unsigned limit, fold[2];
	unsigned count, room;
	struct series *series;
	uint64_t *values; /* as many for each series as its kind has */
};

void family_done(struct family *f);

/* Adds one to the series with these label values. False when memory is out: nothing is counted. */
bool family_count(struct family *f, const struct series *s);

/* Adds one time, in ns, to a histogram's series. */
bool family_observe(struct family *f, const struct series *s, uint64_t ns);

/* The sum over all series; of a histogram: of all buckets. */
uint64_t family_sum(const struct family *f);

/* Appends the family in the Prometheus text format 0.0.4, with HELP and TYPE also when there is no series. */
void family_write(const struct family *f, struct buffer *b);

/* Appends `text` as the inside of a label value. */
void family_escape(struct buffer *b, const char *text);

/* Appends HELP and TYPE. */
void family_head(struct buffer *b, const char *name, const char *type, const char *help);

/* Appends ns as seconds, exactly. */
void family_seconds(struct buffer *b, uint64_t ns);
