/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch service: install, uninstall, status of the systemd unit. */
#include "cmd/service.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "service/manager.h"

struct options {
	bool purge;
};

static int set_purge(void *target, const char *value, const char **ret_error)
{
	((struct options *)target)->purge = true;
	return 0;
}

static const struct option_spec options[] = {
	{"purge", NULL, "uninstall: remove logs and inventory, too", set_purge},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {options, NULL};

static int status(void)
{
	struct problem problem = {0};
	struct manager_state s;

	if (manager_check(&problem) < 0 || manager_show(&s, &problem) < 0) {
		log_line("%s", problem.text);
		return EXIT_RIGHTS;
	}
	if (strcmp(s.load, "not-found") == 0) {
		printf("not installed; to install it: imdsnitch service install\n");
		return EXIT_FINDINGS;
	}
	printf("%-9s %s (%s)%s%s%s%s\n", "state", s.active, s.sub, s.since[0] ? " since " : "", s.since,
	       strcmp(s.result, "success") == 0 ? "" : ", ended by: ",
	       strcmp(s.result, "success") == 0 ? "" : s.result);
	printf("%-9s %s\n", "at boot", strcmp(s.enabled, "enabled") == 0 ? "yes" : s.enabled);
	if (strcmp(s.pid, "0") != 0)
		printf("%-9s %s, %s restarts\n", "process", s.pid, s.restarts);
	printf("%-9s %s\n", "program", s.program);
	printf("%-9s %s\n", "unit", s.fragment);
	printf("\n`imdsnitch status` asks the service itself; its messages: journalctl -u imdsnitch\n");
	return strcmp(s.active, "active") == 0 ? EXIT_FINE : EXIT_FINDINGS;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct options o = {0};
	int i = options_parse(command, argc, argv, &o);
	const char *action = i > 0 && i + 1 == argc ? argv[i] : "";

	if (i <= 0)
		return i < 0 ? EXIT_USAGE : EXIT_FINE;
	if (strcmp(action, "uninstall") == 0)
		return service_uninstall(o.purge);
	if (strcmp(action, "install") != 0 && strcmp(action, "status") != 0) {
		log_line("service: expected one of install, uninstall, status (see imdsnitch service --help)");
		return EXIT_USAGE;
	}
	if (o.purge) {
		log_line("service: --purge is for uninstall (see imdsnitch service --help)");
		return EXIT_USAGE;
	}
	return strcmp(action, "install") == 0 ? service_install() : status();
}

const struct command command_service = {
	.name = "service",
	.arguments = "install|uninstall|status",
	.summary = "Install, remove or look at the systemd service",
	.details = "install    makes the user imdsnitch and the unit imdsnitch.service, enables and\n"
		   "           starts it. Where the program is not in a place of the system's own,\n"
		   "           it is copied to /usr/local first. Again: brings all up to date.\n"
		   "uninstall  stops the service and removes what install made. The logs in\n"
		   "           /var/log/imdsnitch and what is in /var/lib/imdsnitch stay.\n"
		   "status     shows the state of the unit; exit status 1 when it does not run.",
	.options = tables,
	.run = run,
};
