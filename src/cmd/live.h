/* SPDX-License-Identifier: Apache-2.0 */
/* A live session: programs attached, records read until something ends it. What watch and demo have in common. */
#pragma once

#include <poll.h>

#include "cmd/view.h"

/* All of it counts as resident memory. */
#define LIVE_RING_DEFAULT (4U << 20)
#define LIVE_RING_MIN     (64U << 10)
#define LIVE_RING_MAX     (256U << 20)
/* Ten years: sums with the time since boot do not overflow. */
#define LIVE_TIME_MAX     (3650ULL * 86400 * 1000000000)

/* What a session that stays adds to the loop; any function may be NULL. `now` is CLOCK_BOOTTIME, ns. */
struct live_company {
	void *context;
	/* Gives up the rights that are not needed once all is attached, instead of rights_drop(). 0 or -errno. */
	int (*drop)(void *context);
	/* Further descriptors to poll, `max` at most; returns how many. */
	unsigned (*watch)(void *context, struct pollfd *fds, unsigned max);
	/* Every time round, with the same descriptors. */
	void (*turn)(void *context, const struct pollfd *fds, unsigned count, uint64_t now);
	/* When it wants to be called again, whatever happens. */
	uint64_t (*until)(void *context);
	/* Is it in a hurry? Then the loop does not let records gather. */
	bool (*behind)(void *context);
	void (*hangup)(void *context); /* SIGHUP */
	void (*ending)(void *context); /* the programs are detached: what comes now was seen before */
	/* After the last event. */
	void (*finish)(void *context);
};

struct live {
	struct view view;  /* first: its options are set through the same pointer */
	uint64_t duration; /* ns; 0: until a signal */
	uint64_t stats;    /* ns between imds-stats events; 0: at start and end only */
	const char *record;
	uint64_t ring_size;
	/* Called once all is attached; gives a descriptor that becomes readable when the session may end, or -1. NULL:
	 * none. */
	int (*ready)(void *context, int *ret_fd);
	void *context;
	struct live_company company;

	/* Of the session itself. */
	struct pipeline *pipeline;
	struct probe *probe;
	struct recording *recording;
	struct users *users;
	struct images *images;
	struct ancestry *ancestry;
	char boot_id[40];
	int proc;
	int signals;
	int over; /* the descriptor `ready` gave */
	uint64_t attached_since, attached_ns;
	uint64_t next_stats;
	bool stopping;
	int status; /* EXIT_INCOMPLETE when something went wrong on the way */
};

void live_init(struct live *l);

/* Runs the session to its end. Returns the exit status; what went wrong was said on stderr. */
int live_run(struct live *l);

/* Since the programs were attached, until they were detached. */
uint64_t live_attached_seconds(const struct live *l);

void live_done(struct live *l);
