/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroup paths as a source for guard/automaton.c: which of the cgroup, unit and container selectors a path satisfies.
 * Reads units and containers as caller/container.c does: the same walk from the root, over components whose meaning
 * guard/components.c tells.
 */
#pragma once

#include "base/buffer.h"
#include "guard/selector.h"

struct cgroups;

struct cgroups *cgroups_new(void);               /* NULL when memory is out */
struct cgroups *cgroups_free(struct cgroups *g); /* NULL is fine; always NULL */

/* A value of a selector; `id` is what it is told by. */
void cgroups_add(struct cgroups *g, enum selector_kind kind, const char *text, uint32_t id);
/* When all are there. 0 or -errno, as automaton_build(). */
int cgroups_build(struct cgroups *g);

void cgroups_start(struct cgroups *g, struct buffer *out);
void cgroups_step(struct cgroups *g, struct span state, uint8_t c, struct buffer *out);
void cgroups_matched(struct cgroups *g, struct span state, void (*told)(void *data, uint32_t id), void *data);
unsigned cgroups_classes(const struct cgroups *g, uint8_t class_of[static 256], unsigned classes);
