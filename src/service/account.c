/* SPDX-License-Identifier: Apache-2.0 */
#include "service/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "service/run.h"
#include "service/unit.h"

static bool is_there(void)
{
	return getpwnam(UNIT_USER) && getgrnam(UNIT_USER);
}

/* What stands between the quotes in the line for systemd-sysusers(8). */
static void comment(char *text, size_t size)
{
	const char *open = strchr(unit_sysusers, '"');
	size_t length = open ? strcspn(open + 1, "\"") : 0;

	snprintf(text, size, "%.*s", (int)length, open ? open + 1 : "");
}

/* The first line of what a program said. */
static int say_failure(const char *program, int r, const struct run_result *result, struct problem *problem)
{
	if (r < 0)
		return problem_set(problem, r, "%s cannot be run: %s", program, strerror(-r));
	return problem_set(problem, -EIO, "%s failed: %.*s", program, (int)strcspn(result->text, "\n"), result->text);
}

static int run(const char *const argv[], const char *input, struct problem *problem)
{
	struct run_result result;
	int r = run_program(argv, input, &result);

	return r < 0 || result.status != 0 ? say_failure(argv[0], r, &result, problem) : 0;
}

static int make(struct problem *problem)
{
	char text[64];
	const char *const sysusers[] = {"systemd-sysusers", "-", NULL};
	const char *const groupadd[] = {"groupadd", "--system", UNIT_USER, NULL};
	const char *const useradd[] = {
		"useradd",           "--system",         "--gid",     UNIT_USER, "--home-dir", "/", "--shell",
		"/usr/sbin/nologin", "--no-create-home", "--comment", text,      UNIT_USER,    NULL};
	int r = 0;

	comment(text, sizeof(text));
	if (run_has(sysusers[0]))
		return run(sysusers, unit_sysusers, problem);
	if (!getgrnam(UNIT_USER))
		r = run(groupadd, NULL, problem);
	if (r == 0 && !getpwnam(UNIT_USER))
		r = run(useradd, NULL, problem);
	return r;
}

int account_make(struct problem *problem)
{
	int r;

	if (is_there())
		return 0;
	r = make(problem);
	if (r < 0)
		return r;
	if (!is_there())
		return problem_set(problem, -EIO, "the user " UNIT_USER " was made and is not to be found");
	return 1;
}

bool account_is_ours(void)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *entry;
	char text[64];

	comment(text, sizeof(text));
	while (f && (entry = fgetpwent(f)))
		if (strcmp(entry->pw_name, UNIT_USER) == 0)
			return strcmp(entry->pw_gecos, text) == 0;
	return false;
}

int account_remove(struct problem *problem)
{
	const char *const userdel[] = {"userdel", UNIT_USER, NULL};
	const char *const groupdel[] = {"groupdel", UNIT_USER, NULL};
	int r = run(userdel, NULL, problem);

	if (r == 0 && getgrnam(UNIT_USER))
		r = run(groupdel, NULL, problem);
	return r;
}
