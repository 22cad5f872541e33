/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/guarding.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "base/log.h"
#include "capture/cgroup.h"
#include "guard/boot.h"
#include "sink/stamp.h"

static void on_mistake(void *context, const char *text)
{
	log_line("%s", text);
}

static int read_policy(const struct guarding *g, const struct config *c, struct policy *ret_policy)
{
	const char *provider = config_service(c)->provider;
	const struct policy_source source = {
		.path = config_rules(c),
		.provider = provider[0] ? provider : NULL,
		.legacy = g->legacy,
		.mistake = on_mistake,
	};

	return policy_read(&source, ret_policy);
}

static const char *mode_of(const struct policy *p)
{
	return p->table->mode == TABLE_ENFORCE ? "enforce" : "audit";
}

/* Takes the policy. */
static void set_policy(struct guarding *g, const char *path, struct policy *p)
{
	policy_done(&g->policy);
	g->policy = *p;
	*p = (struct policy){0};
	snprintf(g->path, sizeof(g->path), "%s", path);
	g->applied = host_boottime() + (uint64_t)host_realtime_offset();
	g->failure[0] = '\0';
	log_line("%u rules of %s are in force (mode %s)", g->policy.rules->count, path, mode_of(&g->policy));
}

static void fail(struct guarding *g, const char *why)
{
	snprintf(g->failure, sizeof(g->failure), "%s", why);
	log_line("the rules are not in force: %s", why);
}

int guarding_start(struct guarding *g, const struct config *c)
{
	const char *path = config_rules(c);
	_cleanup_(policy_done) struct policy p = {0};
	struct problem problem = {0};
	int r;

	if (!path)
		return 0;
	snprintf(g->path, sizeof(g->path), "%s", path);
	g->legacy = cgroup_is_legacy();
	g->off = boot_says_off();
	if (g->off) {
		fail(g, GUARD_OFF " is on the kernel's command line");
		return 0;
	}
	if (read_policy(g, c, &p) < 0)
		return -EINVAL;
	r = gate_apply(p.table, &p.rules->endpoints, &g->gate, &problem);
	if (r < 0) {
		fail(g, problem.text);
		return p.table->mode == TABLE_ENFORCE ? r : 0;
	}
	set_policy(g, path, &p);
	return 0;
}

void guarding_reload(struct guarding *g, const struct config *c)
{
	const char *path = config_rules(c);
	_cleanup_(policy_done) struct policy p = {0};
	struct problem problem = {0};

	if (!path) {
		if (g->gate)
			log_line("no rules are configured any more; the guard stays: imdsnitch guard off opens it");
		return;
	}
	if (g->off)
		return;
	if (read_policy(g, c, &p) < 0)
		fail(g, "the file has mistakes; what was in force before stays");
	else if (!g->gate)
		fail(g, "this takes rights the service has given up; restart it");
	else if (gate_swap(g->gate, p.table, &p.rules->endpoints, &problem) == -ESTALE)
		fail(g, "the guard was opened or replaced by hand; restart the service to put them in force");
	else if (problem.text[0])
		fail(g, problem.text);
	else
		set_policy(g, path, &p);
}

/* Why the rules are not in force; NULL: they are. */
static const char *failure_of(const struct guarding *g)
{
	if (g->failure[0] || !g->gate)
		return g->failure;
	switch (gate_state(g->gate)) {
	case GATE_GONE:
		return "the guard was opened or replaced by hand; restart the service to put them in force again";
	case GATE_OTHER_RULES:
		return "others were put in force by hand; reload the service to put these in force again";
	default:
		return NULL;
	}
}

void guarding_report(const struct guarding *g, struct json *j)
{
	const char *failure = failure_of(g);
	char text[STAMP_UTC];

	if (!g->path[0])
		return;
	json_open_object(j, "guard");
	json_put_text(j, "rules", g->path);
	json_put_bool(j, "in_force", g->gate && gate_state(g->gate) == GATE_HOLDS);
	if (g->policy.table) {
		json_put_plain(j, "mode", mode_of(&g->policy));
		json_put_number(j, "count", g->policy.rules->count);
		json_put_plain(j, "applied", stamp_utc(g->applied, text));
	}
	if (failure && failure[0])
		json_put_text(j, "failure", failure);
	json_close_object(j);
}

void guarding_done(struct guarding *g)
{
	policy_done(&g->policy);
	g->gate = gate_free(g->gate);
}
