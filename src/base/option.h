/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as data: one table a command gives parsing, -h and the list the tests compare man pages with. */
#pragma once

#include <stdbool.h>

struct option_spec {
	const char *name;     /* "format" for --format; NULL ends a table */
	const char *argument; /* "FORMAT"; NULL: a switch */
	const char *help;     /* one sentence without a full stop; '\n' continues on a line of its own */
	/* Takes the value into `target`; on failure returns < 0 with *ret_error saying what was expected. */
	int (*set)(void *target, const char *value, const char **ret_error);
};

struct command {
	const char *name;
	const char *arguments;                    /* positional ones for the synopsis, "FILE"; NULL: none */
	const char *summary;                      /* for the list of commands */
	const char *details;                      /* paragraphs for -h; NULL: none */
	const struct option_spec *const *options; /* NULL-terminated list of tables */
	int (*run)(const struct command *command, int argc, char **argv); /* argv[0] is the command's name */
};

/*
 * Sets options into `target`. Returns the index of the first positional argument, or -EINVAL after a message on
 * stderr, or 0 when help was asked for and printed. `--` ends the options; --name=value and --name value are one;
 * positional arguments may stand before options, they are moved to the end of argv in their order.
 */
int options_parse(const struct command *command, int argc, char **argv, void *target);

void command_help(const struct command *command);

/* Exit statuses of every command (man imdsnitch, EXIT STATUS). */
enum { EXIT_FINE = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_RIGHTS = 3, EXIT_INCOMPLETE = 4 };
