/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch-log: events as lines of a file. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/sandbox.h"
#include "deliver/program.h"
#include "sink/logfile.h"

static int log_open(const struct settings *s, void **ret_state, struct problem *problem)
{
	_cleanup_free_ struct logfile *l = malloc(sizeof(*l));
	int r;

	if (!l)
		return problem_set(problem, -ENOMEM, "the log: out of memory");
	r = logfile_open(l, &s->log, problem);
	if (r == 0)
		*ret_state = TAKE_PTR(l);
	return r;
}

static void log_event(void *state, const struct frame *frame, struct span payload)
{
	logfile_put(state, payload);
}

static int log_idle(void *state)
{
	return logfile_idle(state);
}

static void log_reopen(void *state)
{
	logfile_reopen(state);
}

static void log_report(const void *state, struct feed_state *ret_state)
{
	logfile_report(state, ret_state);
}

static void log_close(void *state)
{
	logfile_close(state);
	free(state);
}

static const struct program program_log = {
	.kind = SETTINGS_LOG,
	.sandbox = SANDBOX_WRITE_FILES,
	.open = log_open,
	.event = log_event,
	.reopen = log_reopen,
	.idle = log_idle,
	.report = log_report,
	.close = log_close,
};

int main(int argc, char **argv)
{
	return program_main(&program_log, argc, argv);
}
