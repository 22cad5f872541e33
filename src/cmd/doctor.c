/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch doctor: what this kernel and these rights allow. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "capture/ability.h"
#include "capture/probe.h"
#include "cmd/cmd.h"

static int set_verbose(void *target, const char *value, const char **ret_error)
{
	probe_verbose();
	return 0;
}

static const struct option_spec options[] = {
	{"verbose", NULL, "show what the kernel says about each program", set_verbose},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {options, NULL};

/* Prints one row; returns whether a required ability is missing. */
static bool row(const struct ability *a)
{
	struct problem problem = {0};
	bool missing = a->check(a, &problem) < 0;
	const char *answer = missing ? (a->need == NEED_WATCH ? "NO" : "no") : "yes";

	printf("%-15s %-4s %s\n", a->name, answer, missing ? problem.text : a->needed);
	return missing && a->need == NEED_WATCH;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct utsname name;
	bool missing = false;
	int r = options_parse(command, argc, argv, NULL);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (uname(&name) == 0)
		printf("Linux %s, %s\n\n", name.release, name.machine);
	printf("%-15s %-4s %s\n", "ABILITY", "HERE", "WHAT FOR, OR WHY NOT");
	for (const struct ability *a = abilities; a->name; a++)
		missing |= row(a);
	printf("\n%s\n", missing ? "watch cannot run here: see the rows with NO." : "watch can run here.");
	return missing ? EXIT_RIGHTS : EXIT_FINE;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "Show what this kernel and these rights allow",
	.details = "Tries each ability the program needs, one by one, and undoes it again. The last\n"
		   "rows are about the guard. Exit status 3 when watch cannot run here.",
	.options = tables,
	.run = run,
};
