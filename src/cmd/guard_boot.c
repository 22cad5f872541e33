/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/guard_boot.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/option.h"
#include "capture/cgroup.h"
#include "capture/readers.h"
#include "capture/rights.h"
#include "config/config.h"
#include "guard/boot.h"
#include "guard/gate.h"
#include "guard/policy.h"
#include "serve/identity.h"

static void on_mistake(void *context, const char *text)
{
	log_line("%s", text);
}

/* Before there is a guard: tracers that start earlier than it are told, too. */
static void make_readers(void)
{
	_cleanup_close_ int readers = -1, owners = -1;
	struct problem problem;

	if (readers_maps(READERS_FOLDER, &readers, &owners, &problem) < 0)
		log_line("%s", problem.text);
}

static uid_t service_user;

/* The group stays root's: root opens them without a right to override modes, too. */
static int give_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	if (kind != FTW_F || st->st_uid == service_user)
		return 0;
	if (chmod(path, 0660) < 0 || lchown(path, service_user, (gid_t)-1) < 0)
		log_errno(-errno, "%s cannot be given to the service", path);
	return 0;
}

static void give_pins(const struct config *c)
{
	const struct service_settings *service = config_service(c);
	const char *missing;
	gid_t group;

	if (service && identity_find(service->user, service->group, &service_user, &group, &missing) == 0)
		nftw(READERS_FOLDER, give_one, 8, FTW_PHYS);
}

static void ignore(void *context, const char *text)
{
}

void guard_give_pins(void)
{
	struct config *c = NULL;

	if (config_read(CONFIG_PATH, true, ignore, NULL, &c) == 0)
		give_pins(c);
	config_free(c);
}

static bool is_in_force(void)
{
	struct gate_status s = {0};
	struct problem problem;
	bool loaded = gate_status_read(&s, &problem) == 0 && s.loaded;

	gate_status_done(&s);
	return loaded;
}

static int apply(const struct policy *p, const char *what)
{
	struct problem problem;
	int r = gate_apply(p->table, &p->rules->endpoints, NULL, &problem);

	if (r < 0)
		log_line("%s: %s", what, problem.text);
	else
		log_line("%s: in force, mode %s", what, p->table->mode == TABLE_ENFORCE ? "enforce" : "audit");
	return r;
}

/* The rules could not be applied. What is in force already stays. */
static int close_gate(const struct policy_source *source, int status)
{
	_cleanup_(policy_done) struct policy p = {0};
	unsigned line = policy_boot_closed(source->path);

	if (!line) {
		log_line("%s does not say `boot closed`: the guard stays as it is", source->path);
		return status;
	}
	if (is_in_force()) {
		log_line("the rules that are in force stay");
		return status;
	}
	if (policy_closed(source, line, &p) < 0 || apply(&p, "boot closed") < 0)
		return EXIT_RIGHTS;
	log_line("every call is refused until good rules are applied (`imdsnitch guard apply`, `imdsnitch guard off`, "
		 "or " GUARD_OFF " on the kernel's command line)");
	return status;
}

static int apply_rules(const struct config *c)
{
	const char *provider = config_service(c) ? config_service(c)->provider : "";
	const struct policy_source source = {
		.path = config_rules(c),
		.provider = provider[0] ? provider : NULL,
		.legacy = cgroup_is_legacy(),
		.mistake = on_mistake,
	};
	_cleanup_(policy_done) struct policy p = {0};

	if (!source.path)
		return EXIT_FINE;
	if (policy_read(&source, &p) < 0)
		return close_gate(&source, EXIT_USAGE);
	return apply(&p, source.path) < 0 ? close_gate(&source, EXIT_RIGHTS) : EXIT_FINE;
}

int guard_boot(void)
{
	struct config *c = NULL;
	int r = config_read(CONFIG_PATH, true, on_mistake, NULL, &c);
	int status = EXIT_FINE;

	rights_raise_memory();
	make_readers();
	if (boot_says_off())
		log_line(GUARD_OFF " is on the kernel's command line: no rules are applied");
	else if (c)
		status = apply_rules(c);
	if (c)
		give_pins(c);
	config_free(c);
	return r < 0 && status == EXIT_FINE ? EXIT_USAGE : status;
}
