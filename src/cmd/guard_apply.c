/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard apply, guard off. Both work without the service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "base/log.h"
#include "capture/cgroup.h"
#include "cmd/guard.h"
#include "cmd/guard_boot.h"
#include "guard/gate.h"
#include "guard/policy.h"

static void tell(void *context, const char *text)
{
	log_line("%s", text);
}

int guard_compile(struct policy *p, const struct guard_options *o, struct problem *problem)
{
	const char *error = NULL;

	for (unsigned i = 0; i < o->endpoints; i++)
		if (endpoints_add(&p->rules->endpoints, o->endpoint[i], &error) < 0)
			return problem_set(problem, -1, "--endpoint %s: %s", o->endpoint[i],
					   error ? error : "too many endpoints");
	return rules_compile(p->rules, host_provider(), cgroup_is_legacy(), &p->table, problem);
}

int guard_apply(const struct guard_options *o, char **words)
{
	struct problem problem = {0};
	struct policy p = {0};
	/* Events and status name the file: from everywhere it is to be the same one. */
	_cleanup_free_ char *file = realpath(words[0], NULL);
	int status = EXIT_FINE;

	if (rules_read(file ? file : words[0], tell, NULL, &p.rules) < 0)
		return EXIT_USAGE;
	if (guard_compile(&p, o, &problem) < 0) {
		log_line("%s: %s", words[0], problem.text);
		status = EXIT_USAGE;
	} else if (gate_apply(p.table, &p.rules->endpoints, NULL, &problem) < 0) {
		log_line("guard: %s", problem.text);
		status = EXIT_RIGHTS;
	} else {
		guard_give_pins();
		printf("%s: %u rules in force, mode %s\n", words[0], p.rules->count,
		       p.rules->mode == TABLE_ENFORCE ? "enforce" : "audit");
	}
	policy_done(&p);
	return status;
}

int guard_off(const struct guard_options *o, char **words)
{
	struct problem problem = {0};

	if (gate_off(&problem) < 0) {
		log_line("guard: %s", problem.text);
		return EXIT_RIGHTS;
	}
	return EXIT_FINE;
}
