/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that do nothing: what can be told by their text alone. Never a false alarm; not every true one is found. */
#pragma once

#include "guard/rules.h"

/*
 * The first rule before `rule` that takes every call it would, or TABLE_NONE. What it asks for is asked for by `rule`,
 * too, or is less than that.
 */
unsigned check_hidden(const struct rules *rules, unsigned rule);

/* No call can satisfy all selectors of the rule. */
bool check_impossible(const struct rule *rule);
