/* SPDX-License-Identifier: Apache-2.0 */
#include "service/unit.h"

#include <stdio.h>
#include <string.h>

#include "unit_text.h"

#define SECTION "[X-Installed]"
#define KEY     "Path="

static const char unit_template[] = UNIT_TEMPLATE;
static const char unit_guard_template[] = UNIT_GUARD_TEMPLATE;
const char unit_sysusers[] = UNIT_SYSUSERS;

bool unit_files_add(struct unit_files *files, const char *path)
{
	for (unsigned i = 0; i < files->count; i++)
		if (strcmp(files->path[i], path) == 0)
			return true;
	if (files->count == UNIT_FILES_MAX || strlen(path) >= PATH_MAX)
		return false;
	snprintf(files->path[files->count++], PATH_MAX, "%s", path);
	return true;
}

/* The folders of the programs, each once. */
static void write_folders(struct buffer *b, const struct place *place)
{
	const char *last = "";
	size_t last_length = 0;

	for (int i = 0; i < PLACE_PROGRAMS; i++) {
		const char *path = place->programs[i].target, *slash = strrchr(path, '/');
		size_t length = slash ? (size_t)(slash - path) : 0;

		if (!slash || (length == last_length && memcmp(path, last, length) == 0))
			continue;
		buffer_printf(b, "%s%.*s", last_length ? " " : "", (int)length, path);
		last = path;
		last_length = length;
	}
}

static void write_value(struct buffer *b, struct span name, const struct place *place)
{
	if (span_equal(name, SPAN_LITERAL("binary")))
		buffer_string(b, place->programs[0].target);
	else if (span_equal(name, SPAN_LITERAL("folders")))
		write_folders(b, place);
	else
		b->failed = true;
}

/* The length of the "@name@" that `s` starts with, or 0. */
static size_t placeholder(const char *s)
{
	size_t length = strspn(s + 1, "abcdefghijklmnopqrstuvwxyz");

	return length > 0 && s[1 + length] == '@' ? length + 2 : 0;
}

static void fill_in(struct buffer *b, const char *s, const struct place *place)
{
	while (*s) {
		size_t plain = strcspn(s, "@"), length;

		buffer_append(b, s, plain);
		s += plain;
		length = *s ? placeholder(s) : 0;
		if (length > 0)
			write_value(b, (struct span){s + 1, length - 2}, place);
		else if (*s)
			buffer_byte(b, *s);
		s += length > 0 ? length : (*s != '\0');
	}
}

void unit_guard_write(struct buffer *b, const struct place *place)
{
	fill_in(b, unit_guard_template, place);
}

void unit_write(struct buffer *b, const struct place *place, const struct unit_files *files)
{
	fill_in(b, unit_template, place);
	buffer_string(b,
		      "\n# Put here by `imdsnitch service install`, with these; `imdsnitch service uninstall` removes "
		      "them.\n" SECTION "\n");
	for (unsigned i = 0; i < files->count; i++)
		buffer_printf(b, KEY "%s\n", files->path[i]);
}

static bool is_clean(const char *path)
{
	return path[0] == '/' && path[1] && !strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./");
}

void unit_read_files(const char *text, struct unit_files *ret_files)
{
	const char *line = strstr(text, "\n" SECTION "\n");
	char path[PATH_MAX];

	*ret_files = (struct unit_files){0};
	if (!line)
		return;
	for (line += strlen("\n" SECTION "\n"); *line && *line != '[';
	     line += strcspn(line, "\n"), line += *line != '\0') {
		size_t length = strcspn(line, "\n");

		if (length <= strlen(KEY) || length - strlen(KEY) >= sizeof(path) ||
		    strncmp(line, KEY, strlen(KEY)) != 0)
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)(length - strlen(KEY)), line + strlen(KEY));
		if (is_clean(path))
			unit_files_add(ret_files, path);
	}
}
