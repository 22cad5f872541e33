/* SPDX-License-Identifier: Apache-2.0 */
#include "service/manager.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "service/run.h"
#include "service/unit.h"

/* Debian 11, the oldest with a kernel that is new enough. It leaves PrivateIPC= of 248 away. */
#define VERSION_MIN 247

static int failure(const char *verb, int r, const struct run_result *result, struct problem *problem)
{
	if (r < 0)
		return problem_set(problem, r, "systemctl cannot be run: %s", strerror(-r));
	return problem_set(problem, -EIO, "systemctl %s failed: %.*s", verb, (int)strcspn(result->text, "\n"),
			   result->text);
}

int manager_check(struct problem *problem)
{
	const char *const argv[] = {"systemctl", "--version", NULL};
	struct run_result result;
	struct stat st;
	int version = 0;

	/* sd_booted(3) */
	if (lstat("/run/systemd/system", &st) < 0 || !run_has(argv[0]))
		return problem_set(
			problem, -EOPNOTSUPP,
			"systemd does not run here; let your init system run `imdsnitch serve`, which stays in "
			"the foreground");
	if (run_program(argv, NULL, &result) == 0 && strncmp(result.text, "systemd ", 8) == 0)
		version = atoi(result.text + 8); // NOLINT(cert-err34-c): 0 when it is no number
	if (version < VERSION_MIN)
		return problem_set(
			problem, -EOPNOTSUPP,
			"this is systemd %d, and the unit needs %d; let a unit of your own run `imdsnitch serve`",
			version, VERSION_MIN);
	return 0;
}

static void take(char *target, size_t size, const char *value)
{
	snprintf(target, size, "%.*s", (int)strcspn(value, "\n"), value);
}

/* ExecStart={ path=/usr/sbin/imdsnitch ; argv[]=… } */
static void take_program(struct manager_state *s, const char *value)
{
	const char *end = value + strcspn(value, "\n"), *path = strstr(value, "path=");

	if (!path || path >= end)
		return;
	path += strlen("path=");
	snprintf(s->program, sizeof(s->program), "%.*s", (int)strcspn(path, " ;\n"), path);
}

void manager_parse(const char *text, struct manager_state *ret_state)
{
#define FIELD(name, member)                                                                                            \
	{                                                                                                              \
		name "=", offsetof(struct manager_state, member), sizeof(((struct manager_state *)0)->member)          \
	}
	static const struct {
		const char *name;
		size_t offset, size;
	} fields[] = {
		FIELD("LoadState", load),        FIELD("ActiveState", active),
		FIELD("SubState", sub),          FIELD("StateChangeTimestamp", since),
		FIELD("UnitFileState", enabled), FIELD("FragmentPath", fragment),
		FIELD("Result", result),         FIELD("MainPID", pid),
		FIELD("NRestarts", restarts),
	};
#undef FIELD

	*ret_state = (struct manager_state){0};
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line != '\0') {
		if (strncmp(line, "ExecStart=", 10) == 0)
			take_program(ret_state, line);
		for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
			size_t length = strlen(fields[i].name);

			if (strncmp(line, fields[i].name, length) == 0)
				take((char *)ret_state + fields[i].offset, fields[i].size, line + length);
		}
	}
}

int manager_show(struct manager_state *ret_state, struct problem *problem)
{
	static const char properties[] = "--property=LoadState,ActiveState,SubState,StateChangeTimestamp,UnitFileState,"
					 "FragmentPath,Result,MainPID,NRestarts,ExecStart";
	const char *const argv[] = {"systemctl", "show", "--no-pager", properties, UNIT_NAME, NULL};
	struct run_result result;
	int r = run_program(argv, NULL, &result);

	if (r < 0 || result.status != 0)
		return failure(argv[1], r, &result, problem);
	manager_parse(result.text, ret_state);
	return 0;
}

int manager_do(const char *verb, const char *unit, struct problem *problem)
{
	const char *const argv[] = {"systemctl", verb, unit, NULL};
	struct run_result result;
	int r = run_program(argv, NULL, &result);

	return r < 0 || result.status != 0 ? failure(verb, r, &result, problem) : 0;
}
