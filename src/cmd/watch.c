/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch watch: live events from the kernel to stdout or a file. */
#include <errno.h>

#include "base/parse.h"
#include "capture/probe.h"
#include "cmd/cmd.h"
#include "cmd/live.h"

/* A time of 0 would mean "never" to the session: nobody who writes it means that. */
static int set_time(const char *value, uint64_t *ret_ns, const char **ret_error)
{
	uint64_t ns = 0;

	*ret_error = "expected a time above 0 such as 500ms, 30s, 5m, 1h or 7d, 3650d at most";
	if (parse_duration(value, &ns) < 0 || ns == 0 || ns > LIVE_TIME_MAX)
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}

static int set_duration(void *target, const char *value, const char **ret_error)
{
	return set_time(value, &((struct live *)target)->duration, ret_error);
}

static int set_stats(void *target, const char *value, const char **ret_error)
{
	return set_time(value, &((struct live *)target)->stats, ret_error);
}

static int set_record(void *target, const char *value, const char **ret_error)
{
	((struct live *)target)->record = value;
	return 0;
}

static int set_ring_size(void *target, const char *value, const char **ret_error)
{
	uint64_t *size = &((struct live *)target)->ring_size;

	*ret_error = "expected a power of two from 64K to 256M";
	if (parse_size(value, size) < 0 || *size < LIVE_RING_MIN || *size > LIVE_RING_MAX || (*size & (*size - 1)))
		return -EINVAL;
	return 0;
}

static int set_verbose(void *target, const char *value, const char **ret_error)
{
	probe_verbose();
	return 0;
}

static const struct option_spec options[] = {
	{"duration", "TIME", "stop after this time: 500ms, 30s, 5m, 1h, 7d", set_duration},
	{"stats", "TIME", "write an imds-stats event every so often", set_stats},
	{"record", "FILE", "also write the raw records to a new file, for\nreplay (holds secrets: mode 0600)",
	 set_record},
	{"ring-size", "SIZE", "the kernel's buffer: a power of two from 64K to\n256M (default 4M)", set_ring_size},
	{"verbose", NULL, "show what the kernel says while loading", set_verbose},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {view_options, options, NULL};

static int watch_main(const struct command *command, int argc, char **argv)
{
	static struct live live;
	int status;
	int r;

	live_init(&live);
	r = options_parse(command, argc, argv, &live);
	if (r > 0)
		status = live_run(&live);
	else
		status = r < 0 ? EXIT_USAGE : EXIT_FINE;
	live_done(&live);
	return status;
}

const struct command command_watch = {
	.name = "watch",
	.summary = "Show calls to the metadata service as they happen",
	.details = "One event for every request a metadata service received: its caller, version,\n"
		   "response and, for version 1, the cause. Stops on SIGINT, SIGTERM, --duration or\n"
		   "--count and exits with 0 (fine), 1 (--fail-on saw something) or 4 (something\n"
		   "was lost). Filters of different names must all match; the same filter given\n"
		   "twice means either.",
	.options = tables,
	.run = watch_main,
};
