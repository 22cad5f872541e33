/* SPDX-License-Identifier: Apache-2.0 */
/* From rules to the table the kernel reads (bpf/table.h). */
#pragma once

#include "base/problem.h"
#include "guard/rules.h"

/*
 * `provider`: what DMI or the configuration says, NULL: unknown; a `provider` line in the rules goes before it.
 * `legacy`: see struct table. *ret_table is malloc()ed (it is large). -E2BIG with the problem when the rules need more
 * states, cells or intervals than a table has. An address's number is 1 + its place in rules->endpoints.
 */
int rules_compile(const struct rules *rules, const char *provider, bool legacy, struct table **ret_table,
		  struct problem *problem);
