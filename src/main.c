/* SPDX-License-Identifier: Apache-2.0 */
/* The command table and the way into it. A newcomer goes on in cmd/watch.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"

static const struct command *const commands[] = {
	&command_watch,  &command_replay,  &command_doctor, &command_demo, &command_serve,
	&command_status, &command_service, &command_guard,  NULL,
};

static void help(void)
{
	printf("Usage: imdsnitch COMMAND [OPTION]...\n\n"
	       "Shows who calls the instance metadata service (IMDS), with which version, for\n"
	       "what, and with which result.\n\n"
	       "Commands:\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf("\n`imdsnitch COMMAND --help` explains one. Try `sudo imdsnitch demo` first.\n"
	       "Exit status: 0 fine, 1 findings (--fail-on), 2 usage, 3 rights or kernel,\n"
	       "4 something was lost.\n");
}

/* Data that could not be written must not look like success. A reader that went away needs no message. */
static int finish(int status)
{
	int error = fflush(stdout) != 0 ? errno : 0;

	if (!error && !ferror(stdout))
		return status;
	if (error != EPIPE)
		log_errno(error ? error : EIO, "standard output cannot be written");
	return status == EXIT_FINE ? EXIT_INCOMPLETE : status;
}

/*
 * A standard descriptor that is closed would be given to the next file that is opened, and what is meant for stdout
 * or stderr would land there. One of "/" takes its place: whatever is done with it fails.
 */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	hold_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (argc < 2) {
		log_line("which command? (see imdsnitch --help)");
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help();
		return finish(EXIT_FINE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("imdsnitch %s\n", IMDSNITCH_VERSION);
		return finish(EXIT_FINE);
	}
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, argv[1]) == 0)
			return finish((*c)->run(*c, argc - 1, argv + 1));
	log_line("unknown %s %s (see imdsnitch --help)", argv[1][0] == '-' ? "option" : "command", argv[1]);
	return EXIT_USAGE;
}
