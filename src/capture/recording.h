/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings: raw records in a file, for `replay` and the golden tests. A recording holds what went over the wire,
 * secrets too: it is written with mode 0600.
 *
 * Format, host byte order: struct recording_header, then records (bpf/wire.h), each padded with zeros to 8 bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "capture/probe.h"

#define RECORDING_MAGIC "imdsrec1"

struct recording_header {
	char magic[8];
	uint64_t attached_since; /* CLOCK_BOOTTIME ns */
	int64_t realtime_offset; /* CLOCK_REALTIME - CLOCK_BOOTTIME at that time, ns */
	char boot_id[40];        /* texts, NUL-padded, empty: unknown */
	char host_id[40];
	char host_name[64];
	char provider[16];
};

struct recording;

/* Creates the file, which must not exist. 0 or -errno with *problem set. */
int recording_create(const char *path, const struct recording_header *header, struct recording **ret_recording,
		     struct problem *problem);

/* Appends one raw record. 0 or -errno; the first failure is told, and nothing is written after it. */
int recording_write(struct recording *r, const void *bytes, size_t length);

/* Hands what was collected to the kernel. As recording_write(); NULL is fine. */
int recording_flush(struct recording *r);

/* Flushes and closes. 0 or -errno when something could not be written, which was told then; NULL is fine. */
int recording_close(struct recording *r);

/* Opens an existing one and reads its header. 0 or -errno with *problem set. */
int recording_open(const char *path, struct recording **ret_recording, struct recording_header *ret_header,
		   struct problem *problem);

/*
 * Hands every record to the handler. 0; what the handler returned when < 0; -EBADMSG with *problem set (where) when
 * the file is damaged or cut: the records before that place were handed on.
 */
int recording_read(struct recording *r, record_handler handler, void *context, struct problem *problem);
