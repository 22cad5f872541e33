/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bpf/readers.h"
#include "cmd/cmd.h"
#include "cmd/service.h"
#include "guard/gate.h"
#include "service/account.h"
#include "service/file.h"
#include "service/manager.h"
#include "service/unit.h"

static const char *const evidence[] = {SERVICE_LOGS, SERVICE_STATE, NULL};

struct removal {
	bool said;
	bool kept; /* files of the service's user stay */
};

static void done(struct removal *u, const char *what, const char *path)
{
	printf("%s %s\n", what, path);
	fflush(stdout);
	u->said = true;
}

static int stop(struct removal *u, struct problem *problem)
{
	struct manager_state state;
	int r = manager_show(&state, problem);

	if (r < 0)
		return r;
	if (state.fragment[0] && strcmp(state.fragment, UNIT_PATH) != 0)
		return problem_set(
			problem, -EPERM,
			"the unit %s is not from `imdsnitch service install`: remove the package it is from, "
			"or disable it by systemctl",
			state.fragment);
	if (!state.fragment[0])
		return 0;
	if (strcmp(state.active, "inactive") != 0) {
		r = manager_do("stop", UNIT_NAME, problem);
		if (r < 0)
			return r;
		done(u, "stopped", UNIT_NAME);
	}
	if (strcmp(state.enabled, "enabled") != 0)
		return 0;
	r = manager_do("disable", UNIT_NAME, problem);
	if (r == 0)
		done(u, "disabled", UNIT_NAME);
	return r;
}

/* A folder stays when something of somebody else's is in it. */
static int remove_file(struct removal *u, const char *path, struct problem *problem)
{
	bool folder = path[strlen(path) - 1] == '/';

	if ((folder ? rmdir(path) : unlink(path)) == 0)
		done(u, "removed", path);
	else if (errno != ENOENT && !(folder && (errno == ENOTEMPTY || errno == EEXIST)))
		return problem_set(problem, -errno, "%s cannot be removed: %s", path, strerror(errno));
	return 0;
}

/* These fail when there is nothing to be forgotten. */
static void forget(void)
{
	manager_do("reset-failed", UNIT_NAME, NULL);
	manager_do("reset-failed", UNIT_GUARD_NAME, NULL);
}

/* Nobody could open it any more once the program is gone. */
static int open_guard(struct removal *u, struct problem *problem)
{
	struct gate_status s = {0};
	bool loaded = gate_status_read(&s, NULL) == 0 && s.loaded;
	int r = gate_off(problem);

	gate_status_done(&s);
	if (r < 0)
		return r;
	if (loaded)
		done(u, "opened", "the guard");
	manager_do("stop", UNIT_GUARD_NAME, NULL);
	unlink(READERS_PIN);
	unlink(OWNERS_PIN);
	rmdir(READERS_FOLDER);
	return 0;
}

/* The unit goes last: it knows the others. */
static int remove_files(struct removal *u, struct problem *problem)
{
	static struct unit_files files;
	_cleanup_free_ char *unit = NULL;
	size_t length;
	int r = file_read(UNIT_PATH, UNIT_SIZE_MAX, &unit, &length);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return problem_set(problem, r, UNIT_PATH " cannot be read: %s", strerror(-r));
	unit_read_files(unit, &files);
	for (unsigned i = files.count; i > 0 && r == 0; i--)
		r = remove_file(u, files.path[i - 1], problem);
	if (r == 0)
		r = remove_file(u, UNIT_PATH, problem);
	if (r == 0)
		r = manager_do("daemon-reload", NULL, problem);
	if (r == 0)
		forget();
	return r;
}

static int remove_evidence(struct removal *u, bool purge, struct problem *problem)
{
	for (const char *const *path = evidence; *path; path++) {
		int r;

		if (!purge && file_tree_has_files(*path)) {
			printf("kept %s; `imdsnitch service uninstall --purge` removes it\n", *path);
			u->kept = true;
			continue;
		}
		if (access(*path, F_OK) < 0)
			continue;
		r = file_erase_tree(*path);
		if (r < 0)
			return problem_set(problem, r, "%s cannot be removed: %s", *path, strerror(-r));
		done(u, "removed", *path);
	}
	return 0;
}

/* The number of a user who has files must not become somebody else's. */
static int remove_account(struct removal *u, struct problem *problem)
{
	int r;

	if (!account_is_ours())
		return 0;
	if (u->kept) {
		printf("kept the user " UNIT_USER ", who owns what was kept\n");
		return 0;
	}
	r = account_remove(problem);
	if (r == 0)
		done(u, "removed the user", UNIT_USER);
	return r;
}

static void say_rest(void)
{
	static const char *const others[] = {"/etc/imdsnitch", UNIT_PATH ".d", NULL};

	for (const char *const *path = others; *path; path++)
		if (access(*path, F_OK) == 0)
			printf("kept %s, which is yours\n", *path);
}

int service_uninstall(bool purge)
{
	struct problem problem = {0};
	struct removal u = {0};
	int r = 0;

	if (geteuid() != 0)
		r = problem_set(&problem, -EPERM, "service uninstall needs root; run it with sudo");
	if (r == 0)
		r = manager_check(&problem);
	if (r == 0)
		r = stop(&u, &problem);
	if (r == 0)
		r = open_guard(&u, &problem);
	if (r == 0)
		r = remove_files(&u, &problem);
	if (r == 0)
		r = remove_evidence(&u, purge, &problem);
	if (r == 0)
		r = remove_account(&u, &problem);
	if (r < 0) {
		log_line("%s", problem.text);
		return EXIT_RIGHTS;
	}
	say_rest();
	if (!u.said)
		printf("nothing to do: the service is not installed\n");
	return EXIT_FINE;
}
