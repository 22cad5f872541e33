/* SPDX-License-Identifier: Apache-2.0 */
/* What call/judge.c knows about paths, as an automaton: table.judge and table.mark. */
#pragma once

#include "guard/automaton.h"

/*
 * `services`: bit n is set when a request may be one to service n; what is said of the others is not valid.
 * ret_text->mark[] are places in ret_mark[]. -E2BIG: there are more than `room` different ones.
 */
int marks_build(uint32_t services, struct automaton_text *ret_text, struct path_marks *ret_mark, unsigned room);
/* The services a path's shape, or a header, may choose at the shared address. */
uint32_t marks_of_shapes(void);
/* Version rule, token header … of every service. */
void marks_services(struct table *t);
