/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch replay: a recording through the same path as live records. Needs no rights and looks at no process. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/view.h"

static const struct option_spec *const tables[] = {view_options, NULL};

static int on_record(void *context, const void *bytes, size_t length)
{
	struct pipeline *p = context;
	int r = pipeline_record(p, bytes, length);

	if (r < 0)
		return r;
	return pipeline_is_done(p) ? -ECANCELED : 0;
}

/* Nothing of this machine gets into the events: users have numbers only, the host is that of the recording. */
static int replay(struct view *v, struct recording *recording, const struct recording_header *header)
{
	struct pipeline_config config = {
		.attached_since = header->attached_since,
		.caller =
			{
				.proc = -1,
				.realtime_offset = header->realtime_offset,
				.boot_id = header->boot_id[0] ? header->boot_id : NULL,
			},
	};
	struct pipeline *p = NULL;
	struct problem problem = {0};
	int status = EXIT_FINE;
	int r;

	v->sink.host_name = header->host_name[0] ? header->host_name : NULL;
	v->sink.host_id = header->host_id[0] ? header->host_id : NULL;
	if (!v->provider && header->provider[0])
		v->provider = header->provider;
	view_configure(v, &config);
	r = pipeline_new(&config, &p);
	if (r < 0) {
		log_errno(r, "cannot replay");
		return EXIT_INCOMPLETE;
	}
	r = recording_read(recording, on_record, p, &problem);
	pipeline_end(p);
	pipeline_stats(p, 0);
	pipeline_flush(p);
	if (r == -EBADMSG) {
		log_line("%s; what comes before it was replayed", problem.text);
		status = EXIT_INCOMPLETE;
	}
	status = view_finish(v, p, status);
	pipeline_free(p);
	return status;
}

static int open_and_replay(struct view *v, const char *path)
{
	struct recording *recording = NULL;
	struct recording_header header;
	struct problem problem = {0};
	int status;

	if (view_open(v) < 0)
		return EXIT_USAGE;
	if (recording_open(path, &recording, &header, &problem) < 0) {
		log_line("%s", problem.text);
		return EXIT_USAGE;
	}
	status = replay(v, recording, &header);
	recording_close(recording);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct view v;
	int status = EXIT_USAGE;
	int r;

	view_init(&v);
	r = options_parse(command, argc, argv, &v);
	if (r == 0)
		status = EXIT_FINE;
	else if (r > 0 && argc - r != 1)
		log_line("replay: expected one FILE (see imdsnitch replay --help)");
	else if (r > 0)
		status = open_and_replay(&v, argv[r]);
	view_done(&v);
	return status;
}

const struct command command_replay = {
	.name = "replay",
	.arguments = "FILE",
	.summary = "Show the calls in a file written by watch --record",
	.details = "The records go through the same path as live ones. Nothing is read from /proc:\n"
		   "what the kernel did not record is absent. Exit status 4 when the file is damaged\n"
		   "or the recording lost something.",
	.options = tables,
	.run = run,
};
