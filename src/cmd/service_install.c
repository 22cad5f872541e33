/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "capture/ability.h"
#include "cmd/cmd.h"
#include "cmd/service.h"
#include "service/account.h"
#include "service/file.h"
#include "service/manager.h"
#include "service/unit.h"

struct install {
	struct place place;
	struct unit_files files;
	struct manager_state state;
	bool packaged; /* the unit is not ours */
	bool changed;
	bool said; /* anything at all */
};

static bool is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

/* Says what was done. */
static void done(struct install *in, const char *what, const char *path)
{
	printf("%s%s%s\n", what, path ? " " : "", path ? path : "");
	fflush(stdout);
	in->said = true;
}

/* The folders above `path` that are not there yet become part of what is installed. */
static void plan_folders(struct install *in, const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (!is_missing(part))
			continue;
		snprintf(part, sizeof(part), "%.*s/", (int)(slash - path), path);
		unit_files_add(&in->files, part);
	}
}

/* What will be installed is noted before it is: an installation that was cut short can be removed, too. */
static void plan(struct install *in)
{
	_cleanup_free_ char *unit = NULL;
	size_t length;

	if (file_read(UNIT_PATH, UNIT_SIZE_MAX, &unit, &length) == 0)
		unit_read_files(unit, &in->files);
	for (int i = 0; i < PLACE_PROGRAMS && in->place.copied; i++) {
		const char *target = in->place.programs[i].target;

		plan_folders(in, target);
		if (target[0] && is_missing(target))
			unit_files_add(&in->files, target);
	}
	unit_files_add(&in->files, UNIT_GUARD_PATH);
}

static int put_text(struct install *in, const char *path, const struct buffer *text, struct problem *problem)
{
	int r = text->failed ? -ENOMEM : file_put(path, text->data, text->length, 0644);

	if (r < 0)
		return problem_set(problem, r, "%s cannot be written: %s", path, strerror(-r));
	if (r > 0) {
		done(in, "wrote", path);
		in->changed = true;
	}
	return 0;
}

static int put_units(struct install *in, struct problem *problem)
{
	_cleanup_(buffer_done) struct buffer text = {0}, guard = {0};
	int r;

	unit_write(&text, &in->place, &in->files);
	unit_guard_write(&guard, &in->place);
	r = put_text(in, UNIT_PATH, &text, problem);
	return r < 0 ? r : put_text(in, UNIT_GUARD_PATH, &guard, problem);
}

static int put_folders(struct install *in, struct problem *problem)
{
	for (unsigned i = 0; i < in->files.count; i++) {
		const char *path = in->files.path[i];

		if (path[strlen(path) - 1] != '/' || !is_missing(path))
			continue;
		if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0)
			return problem_set(problem, -errno, "%s cannot be made: %s", path, strerror(errno));
		done(in, "made", path);
	}
	return 0;
}

static int put_programs(struct install *in, struct problem *problem)
{
	for (int i = 0; i < PLACE_PROGRAMS && in->place.copied; i++) {
		const struct place_program *p = &in->place.programs[i];
		int r;

		if (!p->source[0] || strcmp(p->source, p->target) == 0)
			continue;
		r = file_copy(p->source, p->target, 0755);
		if (r < 0)
			return problem_set(problem, r, "%s cannot be written: %s", p->target, strerror(-r));
		if (r > 0) {
			done(in, "copied", p->target);
			in->changed = true;
		}
	}
	return 0;
}

static int make_account(struct install *in, struct problem *problem)
{
	int r = account_make(problem);

	if (r > 0)
		done(in, "made the user", UNIT_USER);
	return r < 0 ? r : 0;
}

static int act(struct install *in, const char *verb, const char *said, struct problem *problem)
{
	int r = manager_do(verb, UNIT_NAME, problem);

	if (r == 0)
		done(in, said, UNIT_NAME);
	return r;
}

static int start(struct install *in, struct problem *problem)
{
	int r = manager_do("daemon-reload", NULL, problem);

	if (r == 0 && strcmp(in->state.enabled, "enabled") != 0)
		r = act(in, "enable", "enabled", problem);
	if (r < 0)
		return r;
	/* Programs and pins of the version that was installed. What it cannot apply is in its log, and keeps nobody
	 * from watching. */
	if (in->changed && manager_do("restart", UNIT_GUARD_NAME, problem) < 0)
		printf("%s (journalctl -u " UNIT_GUARD_NAME ")\n", problem->text);
	if (strcmp(in->state.active, "active") != 0)
		return act(in, "start", "started", problem);
	return in->changed ? act(in, "restart", "restarted", problem) : 0;
}

static int find(struct install *in, struct problem *problem)
{
	char executable[PATH_MAX] = "";
	int r;

	if (readlink("/proc/self/exe", executable, sizeof(executable) - 1) < 0)
		return problem_set(problem, -errno, "/proc/self/exe cannot be read: %s", strerror(errno));
	r = place_find(executable, LIBEXECDIR, &in->place, problem);
	if (r == 0)
		r = manager_show(&in->state, problem);
	in->packaged = in->state.fragment[0] && strcmp(in->state.fragment, UNIT_PATH) != 0;
	return r;
}

static int put(struct install *in, struct problem *problem)
{
	int r = make_account(in, problem);

	if (r < 0)
		return r;
	if (in->packaged) {
		printf("using the unit of a package, %s\n", in->state.fragment);
		return 0;
	}
	plan(in);
	r = put_units(in, problem);
	if (r == 0)
		r = put_folders(in, problem);
	return r == 0 ? put_programs(in, problem) : r;
}

static int check(struct problem *problem)
{
	struct problem reason = {0};
	const struct ability *missing;
	int r;

	if (geteuid() != 0)
		return problem_set(problem, -EPERM, "service install needs root; run it with sudo");
	r = manager_check(problem);
	missing = r == 0 ? ability_missing(&reason) : NULL;
	if (missing)
		return problem_set(problem, -EOPNOTSUPP, "it cannot watch here: %s: %s (imdsnitch doctor shows all)",
				   missing->name, reason.text);
	return r;
}

int service_install(void)
{
	static struct install in;
	struct problem problem = {0};
	int r = check(&problem);

	if (r == 0)
		r = find(&in, &problem);
	if (r == 0)
		r = put(&in, &problem);
	if (r == 0)
		r = start(&in, &problem);
	if (r < 0) {
		log_line("%s%s", problem.text, in.said ? " (journalctl -u imdsnitch may say more)" : "");
		return EXIT_RIGHTS;
	}
	if (!in.said)
		printf("nothing to do: the service is installed and runs\n");
	return EXIT_FINE;
}
