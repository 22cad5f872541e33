/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/gate.h"

#include <errno.h>
#include <stddef.h>

int gate_apply(const struct table *table, const struct endpoints *endpoints, struct gate **ret_gate,
	       struct problem *problem)
{
	return problem_set(problem, -EOPNOTSUPP, "no guard is built in");
}

int gate_swap(struct gate *gate, const struct table *table, const struct endpoints *endpoints, struct problem *problem)
{
	return problem_set(problem, -EOPNOTSUPP, "no guard is built in");
}

struct gate *gate_free(struct gate *gate)
{
	return NULL;
}

int gate_off(struct problem *problem)
{
	return 0;
}

int gate_status_read(struct gate_status *ret_status, struct problem *problem)
{
	return problem_set(problem, -ENOENT, "no guard is built in");
}

void gate_status_done(struct gate_status *s)
{
}
