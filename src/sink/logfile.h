/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log for months: an output (sink/output.h) that begins a new file by size and by age, keeps some of the old ones
 * (sink/rotation.h), brings what it wrote to the disk when asked to, and goes along with other programs that rotate:
 * a file that is renamed is left at logfile_reopen(), one that is emptied or removed is noticed.
 */
#pragma once

#include "base/problem.h"
#include "base/span.h"
#include "config/settings.h"
#include "feed/frame.h"
#include "sink/output.h"

struct logfile {
	struct output out; /* the first: hooks get it */
	struct log_settings settings;
	uint64_t events, bytes; /* taken */
	uint64_t begun;         /* of the first line in the file, ns since the epoch; 0: the file is empty */
	uint64_t rotate_at;     /* CLOCK_MONOTONIC: not before; 0: whenever it is due */
	uint64_t synced;        /* of out.written, on the disk or given up */
	uint64_t unsynced;      /* events given up because fsync failed */
	uint64_t dirty_since;   /* CLOCK_MONOTONIC, of the oldest write that was not synced; 0: none */
	int rotation_failure;   /* errno; 0: none */
	int sync_failure;
};

/*
 * Opens the log for appending and locks it. What a killed program left of a line is cut off where it is known to be a
 * line of ours, else ended. 0 or -errno with *problem.
 */
int logfile_open(struct logfile *l, const struct log_settings *s, struct problem *problem);

/* Takes one event, a whole line. */
void logfile_put(struct logfile *l, struct span line);

/* Writes, rotates by age and syncs, as is due. Returns after how many ms to call again without an event; -1: never. */
int logfile_idle(struct logfile *l);

void logfile_reopen(struct logfile *l);
void logfile_report(const struct logfile *l, struct feed_state *ret_state);

/* Writes and syncs what can be, and closes; the counts stay readable. */
void logfile_close(struct logfile *l);
