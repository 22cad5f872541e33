/* SPDX-License-Identifier: Apache-2.0 */
#include "base/option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define HELP_COLUMN 26

static void help_text(const char *text)
{
	for (const char *c = text; *c; c++) {
		putchar(*c);
		if (*c == '\n')
			printf("%*s", HELP_COLUMN, "");
	}
	putchar('\n');
}

static void help_option(const char *name, const char *argument, const char *help)
{
	int used = printf("  --%s%s%s", name, argument ? " " : "", argument ? argument : "");

	if (used > HELP_COLUMN - 2) {
		putchar('\n');
		used = 0;
	}
	printf("%*s", HELP_COLUMN - used, "");
	help_text(help);
}

void command_help(const struct command *command)
{
	printf("Usage: imdsnitch %s [OPTION]...%s%s\n\n%s.\n", command->name, command->arguments ? " " : "",
	       command->arguments ? command->arguments : "", command->summary);
	if (command->details)
		printf("\n%s\n", command->details);
	printf("\nOptions:\n");
	for (const struct option_spec *const *table = command->options; table && *table; table++)
		for (const struct option_spec *o = *table; o->name; o++)
			help_option(o->name, o->argument, o->help);
	help_option("help", NULL, "print this");
}

static const struct option_spec *option_find(const struct command *command, const char *name, size_t length)
{
	for (const struct option_spec *const *table = command->options; table && *table; table++)
		for (const struct option_spec *o = *table; o->name; o++)
			if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
				return o;
	return NULL;
}

static int usage(const struct command *command, const char *what, const char *name, const char *why)
{
	log_line("%s: %s%s%s (see imdsnitch %s --help)", command->name, what, name, why, command->name);
	return -EINVAL;
}

/* Takes one option at argv[*index]; *index then stands on its last word. */
static int option_take(const struct command *command, int argc, char **argv, int *index, void *target)
{
	const char *word = argv[*index] + 2;
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option_spec *o = option_find(command, word, length);
	const char *value = equals ? equals + 1 : NULL;
	const char *error = NULL;

	if (!o)
		return usage(command, "unknown option ", argv[*index], "");
	if (!o->argument && value)
		return usage(command, "--", o->name, " takes no value");
	if (o->argument && !value) {
		if (*index + 1 >= argc)
			return usage(command, "--", o->name, " needs a value");
		value = argv[++*index];
	}
	if (o->set(target, value, &error) < 0) {
		log_line("%s: --%s \"%s\": %s", command->name, o->name, value ? value : "",
			 error ? error : "not valid");
		return -EINVAL;
	}
	return 0;
}

/* Options may stand behind arguments: argv[index] goes to the end, what was behind it moves up. */
static void to_the_end(char **argv, int argc, int index)
{
	char *word = argv[index];

	memmove(argv + index, argv + index + 1, (size_t)(argc - index - 1) * sizeof(*argv));
	argv[argc - 1] = word;
}

int options_parse(const struct command *command, int argc, char **argv, void *target)
{
	int end = argc; /* behind it: arguments that stood before an option */
	int i = 1;

	while (i < end) {
		const char *word = argv[i];

		if (strcmp(word, "--") == 0) {
			for (i++; i < end; end--)
				to_the_end(argv, argc, i);
			break;
		}
		if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
			command_help(command);
			return 0;
		}
		if (word[0] != '-' || !word[1]) {
			to_the_end(argv, argc, i);
			end--;
			continue;
		}
		if (word[1] != '-')
			return usage(command, "unknown option ", word, "");
		if (option_take(command, end, argv, &i, target) < 0)
			return -EINVAL;
		i++;
	}
	if (i < argc && !command->arguments)
		return usage(command, "unexpected argument ", argv[i], "");
	return i;
}
