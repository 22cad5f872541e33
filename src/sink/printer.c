/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/outlet.h"

static int print_call(void *context, const struct call *c, uint64_t sequence)
{
	struct printer *p = context;

	p->format->call(&p->sink, c, sequence, &p->output->lines);
	return output_commit(p->output);
}

static int print_stats(void *context, const struct stats *s, uint64_t time, uint64_t sequence)
{
	struct printer *p = context;

	if (!p->format->stats)
		return 0;
	p->format->stats(&p->sink, s, time, sequence, &p->output->lines);
	return output_commit(p->output);
}

static int print_out(void *context)
{
	struct printer *p = context;

	return output_flush(p->output);
}

static uint64_t unprinted(const void *context)
{
	const struct printer *p = context;

	return p->output->unwritten;
}

struct outlet printer_outlet(struct printer *p)
{
	if (p->format->begin) {
		p->format->begin(&p->sink, &p->output->lines);
		output_commit(p->output);
	}
	return (struct outlet){p, print_call, print_stats, print_out, unprinted};
}
