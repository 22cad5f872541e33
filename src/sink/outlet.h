/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the pipeline hands its events: a printer (one format to one output) for the commands that show calls, the
 * feeds of the sink programs for `serve`.
 */
#pragma once

#include "sink/output.h"
#include "sink/sink.h"

struct outlet {
	void *context;
	/* All return 0, or -EPIPE when nobody reads any more; no other failure is of interest to the pipeline. */
	int (*call)(void *context, const struct call *c, uint64_t sequence);
	/* `time` is ns since the epoch. */
	int (*stats)(void *context, const struct stats *s, uint64_t time, uint64_t sequence);
	int (*flush)(void *context);
	uint64_t (*unwritten)(const void *context); /* events that could not be brought out */
};

struct printer {
	const struct format *format;
	struct sink_context sink;
	struct output *output; /* borrowed */
};

/* Writes the format's heading, if it has one, and returns the outlet; `p` must live as long as that. */
struct outlet printer_outlet(struct printer *p);
