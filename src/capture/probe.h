/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the kernel programs (bpf/probe.bpf.c): open, load, attach, read, close. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "bpf/wire.h"
#include "call/service.h"

struct probe;

/* Takes one raw record; a value < 0 stops the reading and is returned by probe_read(). */
typedef int (*record_handler)(void *context, const void *bytes, size_t length);

struct probe_config {
	const struct endpoints *endpoints;
	size_t ring_size; /* bytes, a power of two and a multiple of the page size */
	record_handler handler;
	void *context;
};

/* Loads the programs. 0 or -errno with *problem set. */
int probe_new(const struct probe_config *config, struct probe **ret_probe, struct problem *problem);

/*
 * Lets the guard write what it decides into the ring, too (capture/readers.h); before probe_attach(), so that no call
 * is seen without its verdict. 0 or -errno with *problem set: then verdicts stay unknown.
 */
int probe_listen(struct probe *p, struct problem *problem);

/* Attaches all of them or none. 0 or -errno with *problem set. */
int probe_attach(struct probe *p, struct problem *problem);

/*
 * Are the programs still attached? Root can take any of them away behind our back (bpftool link detach), which no
 * record would tell. Needs no rights. 0, or -ENOLINK with the problem.
 */
int probe_check(const struct probe *p, struct problem *problem);

/* Detaches: from here on nothing new comes, what is in the ring can still be read. */
void probe_detach(struct probe *p);

/* Detaches and frees; always returns NULL; NULL is fine. */
struct probe *probe_free(struct probe *p);

/* Becomes readable when there are records. */
int probe_fd(const struct probe *p);

/* Under a load without end the ring is never empty: the caller has signals and clocks to look after, too. */
#define PROBE_READ_MAX 4096

/*
 * Hands the records in the ring to the handler, PROBE_READ_MAX at most, and a RECORD_LOSS before the first of them that
 * was made after a loss. Returns how many records there were, or what the handler returned when it was < 0.
 */
int probe_read(struct probe *p);

/* The names of the programs, NULL-terminated, and: can this one alone be loaded and attached here? For doctor. */
const char *const *probe_programs(void);
int probe_try(const char *program, struct problem *problem);

/* Sends libbpf's own messages to stderr instead of nowhere. */
void probe_verbose(void);
bool probe_is_verbose(void);
