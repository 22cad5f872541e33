/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard: who may call the metadata service, for what. This file: which action, its options. */
#include "cmd/guard.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/guard_boot.h"

static int boot(const struct guard_options *o, char **words)
{
	return guard_boot();
}

static const struct guard_action actions[] = {
	{"apply", 1, guard_apply}, {"status", 0, guard_status}, {"off", 0, guard_off}, {"boot", 0, boot}, {0},
};

static int set_json(void *target, const char *value, const char **ret_error)
{
	((struct guard_options *)target)->json = true;
	return 0;
}

static int set_endpoint(void *target, const char *value, const char **ret_error)
{
	struct guard_options *o = target;
	struct endpoints tried = {0};
	int r = endpoints_add(&tried, value, ret_error);

	if (r < 0)
		return r;
	*ret_error = "too many endpoints";
	if (o->endpoints == ENDPOINTS_MAX)
		return -ENOSPC;
	o->endpoint[o->endpoints++] = value;
	return 0;
}

static const struct option_spec options[] = {
	{"endpoint", "ADDR[:PORT][=SERVICE]", "apply: guard this endpoint, too; may be given often", set_endpoint},
	{"json", NULL, "status: one JSON object", set_json},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {options, NULL};

static int run(const struct command *command, int argc, char **argv)
{
	struct guard_options o = {0};
	int i = options_parse(command, argc, argv, &o);

	if (i <= 0)
		return i < 0 ? EXIT_USAGE : EXIT_FINE;
	for (const struct guard_action *a = actions; a->name && i < argc; a++) {
		if (strcmp(argv[i], a->name) != 0)
			continue;
		if (i + 1 + (int)a->arguments == argc)
			return a->run(&o, argv + i + 1);
		log_line("guard %s: expected %s (see imdsnitch guard --help)", a->name,
			 a->arguments ? "one FILE" : "no further words");
		return EXIT_USAGE;
	}
	log_line("guard: expected one of apply, status, off (see imdsnitch guard --help)");
	return EXIT_USAGE;
}

const struct command command_guard = {
	.name = "guard",
	.arguments = "apply FILE|status|off",
	.summary = "Decide who may call, for what; refuse the others",
	.details = "apply FILE  puts the rules of FILE in force, in the kernel, at once, and ends:\n"
		   "            they stay until others are applied, or off. With `mode audit` nothing\n"
		   "            is refused; what would be is counted and told to watch and serve.\n"
		   "status      shows the mode, each rule with its hits, and what was refused;\n"
		   "            exit status 1 when no guard is in force.\n"
		   "off         opens the gate: nothing is refused any more, whatever is loaded.",
	.options = tables,
	.run = run,
};
