/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a call after the kernel: record → decode → conversation → call → filter → outlet. One pipeline serves
 * watch, replay, serve and everything that looks at calls.
 */
#pragma once

#include "call/conversation.h"
#include "capture/recording.h"
#include "sink/filter.h"
#include "sink/outlet.h"

/* What makes the exit status 1 (--fail-on); bits. */
enum { FAIL_ON_V1 = 1, FAIL_ON_CREDENTIALS = 2, FAIL_ON_ANY = 4 };

struct pipeline_config {
	const struct endpoints *endpoints;
	const char *provider;
	const struct filter *filter;
	uint32_t netns; /* nobody but callers in this network namespace counts; 0: everybody */
	struct outlet outlet;
	struct recording *recording;  /* borrowed; NULL: none */
	struct caller_context caller; /* proc = -1 for replay */
	uint64_t attached_since;      /* CLOCK_BOOTTIME ns */
	unsigned fail_on;             /* FAIL_ON_* */
	uint64_t count;               /* stop after that many events passed the filter; 0: never */
};

struct pipeline;

int pipeline_new(const struct pipeline_config *config, struct pipeline **ret_pipeline);

/* Ends all conversations, and frees. NULL is fine; returns NULL. */
struct pipeline *pipeline_free(struct pipeline *p);

/* A record_handler: 0, -EINVAL for bytes that are no record, -EPIPE when the reader of the output has gone. */
int pipeline_record(void *pipeline, const void *bytes, size_t length);

/* Emits what is pending: no more records will come. */
void pipeline_end(struct pipeline *p);

/* Writes an imds-stats event. `attached_seconds` and `open_at_start` are the command's to know. */
void pipeline_stats(struct pipeline *p, uint64_t attached_seconds);

/* Tells what waited too long for a record, and hands what was collected to the kernel. 0 or -EPIPE. */
int pipeline_flush(struct pipeline *p);

/* Is there something to tell even if no record comes? Then flush every now and then. */
bool pipeline_is_waiting(const struct pipeline *p);

void pipeline_set_realtime_offset(struct pipeline *p, int64_t offset);
void pipeline_add_open_at_start(struct pipeline *p, uint64_t sockets);

bool pipeline_is_done(const struct pipeline *p);     /* --count is reached, or the reader has gone */
bool pipeline_reader_gone(const struct pipeline *p); /* stdout is a closed pipe */

/* EXIT_FINE, EXIT_FINDINGS or EXIT_INCOMPLETE. */
int pipeline_exit_status(const struct pipeline *p);

/* Current counters. */
struct stats pipeline_count(const struct pipeline *p, uint64_t attached_seconds);
