/* SPDX-License-Identifier: Apache-2.0 */
/* --format null: nothing, for measuring what comes before. */
#include "sink/sink.h"

static void null_call(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b)
{
	(void)context;
	(void)c;
	(void)sequence;
	(void)b;
}

const struct format format_null = {
	.name = "null",
	.summary = "nothing; only the counters",
	.call = null_call,
};
