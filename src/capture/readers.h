/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer's place among those the guard tells what it decides (bpf/readers.h): two pinned maps that outlive who made
 * them, so that a guard that comes later finds the tracers, and a tracer that comes later the guard.
 */
#pragma once

#include <stdint.h>

#include "base/problem.h"
#include "bpf/readers.h"

struct readers;

/*
 * Opens both pinned maps in `folder` (READERS_FOLDER), and makes the folder and what is missing of them. 0 or -errno
 * with the problem: no bpffs, no right to make them there.
 */
int readers_maps(const char *folder, int *ret_readers, int *ret_owners, struct problem *problem);

/*
 * Puts the ring of `map` where the guard writes. 0; -ENOSPC when READERS_MAX others are there, or another -errno with
 * the problem: then this tracer does not hear of the guard.
 */
int readers_join(const char *folder, int map, struct readers **ret_readers, struct problem *problem);

/* Records of the guard this ring had no room for, since it was put there. NULL is fine. Needs no rights. */
uint64_t readers_lost(const struct readers *r);

/* Gives the place back. Needs no rights. NULL is fine; always NULL. */
struct readers *readers_leave(struct readers *r);
