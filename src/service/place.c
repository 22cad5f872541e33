/* SPDX-License-Identifier: Apache-2.0 */
#include "service/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/file.h"

#define COPY_SBIN    "/usr/local/sbin"
#define COPY_LIBEXEC "/usr/local/libexec/imdsnitch"

static const char *const names[PLACE_PROGRAMS] = {
	"imdsnitch",        "imdsnitch-log",       "imdsnitch-journal",
	"imdsnitch-syslog", "imdsnitch-inventory", "imdsnitch-metrics",
};

/* What the sandbox shows, and what is not somebody's work. */
static const char *const system_places[] = {
	"/usr/bin/",       "/usr/sbin/",
	"/usr/local/bin/", "/usr/local/sbin/",
	"/usr/lib/",       "/usr/libexec/",
	"/usr/local/lib/", "/usr/local/libexec/",
	"/opt/",           NULL,
};

/* A path is written into the unit: no character there needs quoting. */
static bool is_plain(const char *path)
{
	return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-")] == '\0';
}

static bool is_system(const char *path)
{
	if (!is_plain(path) || !file_is_roots(path))
		return false;
	for (const char *const *place = system_places; *place; place++)
		if (strncmp(path, *place, strlen(*place)) == 0)
			return true;
	return false;
}

/* Where serve looks, too: beside it, in ../libexec/imdsnitch, where the build meant it to be. */
static void find_beside(const char *executable, const char *libexec, struct place_program *p)
{
	int folder = (int)(strrchr(executable, '/') - executable);
	char candidate[3][PATH_MAX + 128];

	snprintf(candidate[0], sizeof(candidate[0]), "%.*s/%s", folder, executable, p->name);
	snprintf(candidate[1], sizeof(candidate[1]), "%.*s/../libexec/imdsnitch/%s", folder, executable, p->name);
	snprintf(candidate[2], sizeof(candidate[2]), "%s/%s", libexec, p->name);
	for (int i = 0; i < 3; i++)
		if (access(candidate[i], X_OK) == 0 && realpath(candidate[i], p->source))
			return;
	p->source[0] = '\0';
}

int place_find(const char *executable, const char *libexec, struct place *ret_place, struct problem *problem)
{
	struct place *place = ret_place;

	if (executable[0] != '/' || strlen(executable) >= PATH_MAX || access(executable, X_OK) < 0)
		return problem_set(problem, -ENOENT,
				   "the program's own file is not to be found (%s); was it replaced or deleted?",
				   executable);
	*place = (struct place){0};
	for (int i = 0; i < PLACE_PROGRAMS; i++) {
		struct place_program *p = &place->programs[i];

		p->name = names[i];
		if (i == 0)
			snprintf(p->source, sizeof(p->source), "%s", executable);
		else
			find_beside(executable, libexec, p);
		if (p->source[0] && !is_system(p->source))
			place->copied = true;
	}
	for (int i = 0; i < PLACE_PROGRAMS; i++) {
		struct place_program *p = &place->programs[i];

		if (p->source[0] && place->copied)
			snprintf(p->target, sizeof(p->target), "%s/%s", i == 0 ? COPY_SBIN : COPY_LIBEXEC, p->name);
		else
			snprintf(p->target, sizeof(p->target), "%s", p->source);
	}
	return 0;
}
