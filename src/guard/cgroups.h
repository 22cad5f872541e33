/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroup paths as a source for guard/automaton.c: the unit, or the container, of a process in such a path. Reads them
 * as caller/container.c does: the same walk from the root, over components whose meaning guard/components.c tells.
 */
#pragma once

#include "base/buffer.h"
#include "guard/selector.h"

struct cgroups;

struct cgroups *cgroups_new(bool units);         /* units, or containers; NULL when memory is out */
struct cgroups *cgroups_free(struct cgroups *g); /* NULL is fine; always NULL */

/* A value of a unit selector; `id` is what it is told by. */
void cgroups_add(struct cgroups *g, const char *unit, uint32_t id);
/* When all are there. 0 or -errno, as automaton_build(). */
int cgroups_build(struct cgroups *g);

void cgroups_start(struct cgroups *g, struct buffer *out);
void cgroups_step(struct cgroups *g, struct span state, uint8_t c, struct buffer *out);
/* Values that the unit satisfies. */
void cgroups_matched(struct cgroups *g, struct span state, void (*told)(void *data, uint32_t id), void *data);
/* container_mark() of bpf/decide.h. */
uint16_t cgroups_container(struct span state);
unsigned cgroups_classes(const struct cgroups *g, uint8_t class_of[static 256], unsigned classes);
