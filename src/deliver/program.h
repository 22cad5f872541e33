/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a sink program: one process that brings events to one place. It has no rights, reads frames from its
 * standard input (feed/frame.h), and ends when that ends, after all it was given is brought out. It is never ended by
 * SIGTERM, SIGINT, SIGHUP or SIGABRT: those are meant for the service, which closes the feed.
 */
#pragma once

#include <poll.h>

#include "base/problem.h"
#include "base/span.h"
#include "config/settings.h"
#include "feed/frame.h"

#define PROGRAM_FDS 16

struct program {
	enum settings_kind kind;
	unsigned sandbox; /* SANDBOX_* (base/sandbox.h) */
	/* Brings *ret_state about. On failure the program ends, and is started again after a while. */
	int (*open)(const struct settings *s, void **ret_state, struct problem *problem);
	/* Takes one event; must not wait. What cannot be kept is counted. */
	void (*event)(void *state, const struct frame *frame, struct span payload);
	/* NULL: not of interest. */
	void (*counts)(void *state, const struct feed_counts *counts);
	/* NULL: nothing to open again. */
	void (*reopen)(void *state);
	/*
	 * Called when no frame waits, and after at most 64 KiB of frames: brings out what is held. Returns after how
	 * many ms it wants to be called again without an event; -1: not at all.
	 */
	int (*idle)(void *state);
	/* Further descriptors to poll, `max` at most; returns how many. NULL: none. */
	unsigned (*watch)(void *state, struct pollfd *fds, unsigned max);
	/* Called with the same descriptors when at least one is ready. */
	void (*ready)(void *state, const struct pollfd *fds, unsigned count);
	void (*report)(const void *state, struct feed_state *ret_state);
	/*
	 * The feed has ended: brings out what can be brought out within PROGRAM_LAST_MS. What is still held then is
	 * lost, and the service counts it. NULL: idle() has done all there is to do.
	 */
	void (*finish)(void *state);
	/* Frees. */
	void (*close)(void *state);
};

#define PROGRAM_LAST_MS 5000

/* The main() of a sink program. */
int program_main(const struct program *p, int argc, char **argv);
