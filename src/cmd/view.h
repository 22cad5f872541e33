/* SPDX-License-Identifier: Apache-2.0 */
/* What every command that shows calls has in common: format, output, filters, findings. */
#pragma once

#include "base/option.h"
#include "pipeline.h"

struct view {
	const struct format *format;
	const char *output; /* NULL: stdout */
	struct filter filter;
	uint32_t netns; /* as in pipeline_config */
	struct endpoints endpoints;
	const char *provider;
	unsigned fail_on;
	uint64_t count;

	/* Events go here when `call` is set, else to `output`. */
	struct outlet outlet;

	/* Set by view_open(). */
	struct output out;
	struct printer printer;
	struct sink_context sink;
	char host_name[256];
	char host_id[40];
	bool out_is_open;
};

extern const struct option_spec view_options[];

void view_init(struct view *v);
void view_done(struct view *v);

/* Opens the output and looks at the terminal. 0 or -errno after a message on stderr. */
int view_open(struct view *v);

/* How many connections to the endpoints are open now, in every network namespace; 0 after a message when unknown. */
unsigned view_count_open(struct view *v, int proc);

/*
 * Brings the last events out, so that those that could not be written count. Returns the run's exit status, which is
 * `status` when the pipeline has nothing to say.
 */
int view_finish(struct view *v, const struct pipeline *p, int status);

/* Copies what the pipeline needs to know of the view. */
void view_configure(struct view *v, struct pipeline_config *config);
