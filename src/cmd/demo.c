/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch demo: the tracer on this kernel, with a stand-in service and real clients in a namespace of their own. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/live.h"
#include "demo/demo.h"

static const struct option_spec *const tables[] = {view_options, NULL};

static int on_ready(void *context, int *ret_fd)
{
	int r = demo_play(context, ret_fd);

	return r < 0 ? log_errno(r, "the demo's clients cannot be started") : 0;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct live live;
	struct demo *demo = NULL;
	int status = EXIT_FINE;
	int r;

	live_init(&live);
	r = options_parse(command, argc, argv, &live);
	if (r < 0)
		status = EXIT_USAGE;
	if (r > 0) {
		r = demo_prepare(&demo);
		if (r < 0) {
			log_errno(r, "the demo's network namespace cannot be made%s",
				  r == -EPERM ? "; run it with sudo" : "");
			status = EXIT_RIGHTS;
		} else {
			live.ready = on_ready;
			live.context = demo;
			live.view.netns = demo_namespace(demo);
			status = live_run(&live);
		}
	}
	demo_done(demo);
	live_done(&live);
	return status;
}

const struct command command_demo = {
	.name = "demo",
	.summary = "Watch real clients call a stand-in service",
	.details = "Makes a network namespace without any way out, runs a stand-in metadata service\n"
		   "and real clients in it, and shows what watch shows. Takes about five seconds and\n"
		   "leaves nothing behind. Needs root.",
	.options = tables,
	.run = run,
};
