/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard: who may call the metadata service, for what. This file: which action, its options. */
#include "cmd/guard.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/guard_boot.h"

static int boot(const struct guard_options *o, char **words)
{
	return guard_boot();
}

static const struct guard_action actions[] = {
	{"check", 1, 1, "one FILE", guard_check},
	{"explain", 0, 1, "one FILE at most", guard_explain},
	{"test", 0, 1, "one FILE at most", guard_test},
	{"suggest", 0, 0, "no further words", guard_suggest},
	{"apply", 1, 1, "one FILE", guard_apply},
	{"status", 0, 0, "no further words", guard_status},
	{"off", 0, 0, "no further words", guard_off},
	{"boot", 0, 0, "no further words", boot},
	{0},
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

static int set_since(void *target, const char *value, const char **ret_error)
{
	uint64_t *since = &((struct guard_options *)target)->since;

	*ret_error = "expected a time span such as 7d, 12h or 30m";
	return parse_duration(value, since) == 0 && *since ? 0 : -EINVAL;
}

static int set_log(void *target, const char *value, const char **ret_error)
{
	struct guard_options *o = target;
	struct stat st;

	*ret_error = "expected a log with one JSON event a line, as imdsnitch watch --format json writes";
	if (stat(value, &st) < 0 || S_ISDIR(st.st_mode))
		return -EINVAL;
	*ret_error = "too many logs; expected at most 64";
	if (o->logs == GUARD_LOGS)
		return -ENOSPC;
	o->log[o->logs++] = value;
	return 0;
}

static int set_inventory(void *target, const char *value, const char **ret_error)
{
	struct stat st;

	*ret_error = "expected the database of an inventory, as imdsnitch serve keeps it";
	if (stat(value, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	((struct guard_options *)target)->inventory = value;
	return 0;
}

static const struct option_spec options[] = {
	{"endpoint", "ADDR[:PORT][=SERVICE]", "apply, test, suggest: guard this endpoint, too;\nmay be given often",
	 set_endpoint},
	{"inventory", "FILE", "test: this inventory, not the service's; with --log\nalone there is none",
	 set_inventory},
	{"json", NULL, "status, test: one JSON object", set_json},
	{"log", "FILE", "test, suggest: read this JSON log, not the service's;\nmay be given often", set_log},
	{"since", "SPAN", "test, suggest: only what was seen in the last SPAN,\nas 7d or 12h; default all", set_since},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {options, guard_check_options, guard_call_options, NULL};

static int run(const struct command *command, int argc, char **argv)
{
	static struct guard_options o;
	int i = options_parse(command, argc, argv, &o);
	unsigned words;

	if (i <= 0)
		return i < 0 ? EXIT_USAGE : EXIT_FINE;
	words = (unsigned)(argc - i - 1);
	for (const struct guard_action *a = actions; a->name && i < argc; a++) {
		if (strcmp(argv[i], a->name) != 0)
			continue;
		if (words >= a->least && words <= a->most)
			return a->run(&o, argv + i + 1);
		log_line("guard %s: expected %s (see imdsnitch guard --help)", a->name, a->expected);
		return EXIT_USAGE;
	}
	log_line("guard: expected one of check, explain, test, suggest, apply, status, off (see imdsnitch guard "
		 "--help)");
	return EXIT_USAGE;
}

const struct command command_guard = {
	.name = "guard",
	.arguments = "ACTION",
	.summary = "Decide who may call, for what; refuse the others",
	.details = "check FILE      tells every mistake, and rules that do nothing (exit status 1)\n"
		   "explain [FILE]  says what becomes of a call, and which rule decides; exit status\n"
		   "                1 when it would be refused\n"
		   "test [FILE]     says what the rules would have refused of what was logged, and\n"
		   "                of what the inventory has from before the log: of whom, how\n"
		   "                often, by which rule; exit status 1 when there is any, 4 when\n"
		   "                not all of it could be judged\n"
		   "suggest         prints rules that allow what was logged, and nothing else\n"
		   "apply FILE      puts the rules of FILE in force, in the kernel, at once, and\n"
		   "                ends: they stay until others are applied, or off. With `mode\n"
		   "                audit` nothing is refused; what would be is counted and told to\n"
		   "                watch and serve\n"
		   "status          shows the mode, each rule with its hits, and what was refused;\n"
		   "                exit status 1 when no guard is in force\n"
		   "off             opens the gate: nothing is refused any more\n"
		   "\n"
		   "FILE of explain and test is /etc/imdsnitch/guard.rules when it is not said. The\n"
		   "rules are in man imdsnitch-guard.",
	.options = tables,
	.run = run,
};
