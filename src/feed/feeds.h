/* SPDX-License-Identifier: Apache-2.0 */
/* All sinks of the service: the outlet of its pipeline, and what a reload of the configuration changes. */
#pragma once

#include "config/config.h"
#include "feed/feed.h"
#include "sink/outlet.h"

#define FEEDS_MAX ((unsigned)(2 * CONFIG_SECTIONS)) /* those that begin beside those that end */

struct feeds {
	struct launcher *launcher;       /* borrowed */
	const struct sink_context *sink; /* borrowed */
	struct feed *feed[FEEDS_MAX];
	unsigned count;
	uint64_t lost_before; /* of sinks that are gone */
	uint64_t patience; /* ns that may be waited for sinks whose queues are full: at the end, when no call waits */
	/* One event in each format that is wanted. */
	struct {
		const struct format *format;
		struct buffer bytes;
		bool filled;
	} text[SETTINGS_KIND_MAX + 4];
	unsigned texts;
};

/* Zeros but for what is given. */
void feeds_init(struct feeds *f, struct launcher *launcher, const struct sink_context *sink);
void feeds_done(struct feeds *f);

/*
 * Makes the sinks what the configuration says: new ones begin, others end after what they were given; those that stay
 * open their files again. `now` is CLOCK_BOOTTIME, ns.
 */
void feeds_apply(struct feeds *f, const struct config *c, uint64_t now);

struct outlet feeds_outlet(struct feeds *f);

/* Gives each sink that folds events (inventory, metrics) the counts; `dropped` is filled in for each. */
void feeds_counts(struct feeds *f, struct feed_counts *counts);

/* Has one of them been started that does not know them yet? */
bool feeds_want_counts(const struct feeds *f);

/* As feed_turn(), for all. */
void feeds_turn(struct feeds *f, uint64_t now);

/* Nothing happens: memory that a burst took is given back. */
void feeds_rest(struct feeds *f);

/* Adds what to poll; returns how many. */
unsigned feeds_poll(const struct feeds *f, struct pollfd *fds, unsigned max);
uint64_t feeds_until(const struct feeds *f);

/* Does a sink that takes what it gets have to wait for us? */
bool feeds_are_behind(const struct feeds *f);

/* Ends all, and waits for them for `patience` ns at most. */
void feeds_end(struct feeds *f, uint64_t patience);

/* Events that some sink did not bring to its place, over all sinks. */
uint64_t feeds_lost(const struct feeds *f);
