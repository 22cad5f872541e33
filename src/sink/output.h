/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings events to stdout or to a file: whole lines, in order, none twice, and every one that could not be written is
 * counted. What a full disk or a slow reader holds up is kept, up to OUTPUT_KEEP bytes, and written when it can be;
 * beyond that the newest events are dropped, so that a log has one gap and not many.
 *
 * The program must ignore SIGPIPE and SIGXFSZ: both are seen here as errors of write(2).
 */
#pragma once

#include "base/buffer.h"

#define OUTPUT_FLUSH ((size_t)64 * 1024)   /* bytes collected before they are written in any case */
#define OUTPUT_KEEP  ((size_t)1024 * 1024) /* bytes kept while writing fails; one event may go beyond */
#define OUTPUT_MODE  0640                  /* of a new file, whatever the umask */

struct output;

/* What is done about a regular file while it is written. */
struct output_hooks {
	/* Before lines are written. 0, or -errno: they are kept, as when writing fails. */
	int (*look)(struct output *o);
	/* Before a line that would make the file larger than o->limit: output_exchange(). Else -errno: it goes on. */
	int (*turn)(struct output *o);
};

struct output {
	int fd;
	char *path;                       /* NULL: stdout */
	bool regular;                     /* a file whose end can be cut off again */
	bool blocking;                    /* writing may wait for the reader: stdout as we were given it */
	bool torn;                        /* the file ends within a line, of a run that was killed: to be ended first */
	struct buffer lines;              /* not written yet; the caller appends the next event here */
	size_t committed;                 /* bytes of `lines` that are whole lines */
	size_t done;                      /* bytes of the first line that are out already: it must be completed */
	int failure;                      /* errno of the failure that goes on; 0: all is well */
	bool told;                        /* that failure was reported */
	uint64_t retry_at;                /* ns, CLOCK_MONOTONIC: not before, while it fails */
	uint64_t written;                 /* events written since start */
	uint64_t unwritten;               /* events dropped since start */
	uint64_t unwritten_before;        /* of these, before the failure that goes on */
	bool exclusive;                   /* nobody else may have the file open so */
	uint64_t size;                    /* of a regular file */
	uint64_t limit;                   /* bytes of a file, with hooks; one line may be larger; 0: none */
	const struct output_hooks *hooks; /* NULL: none */
};

/*
 * Opens `path` for appending, or stdout for NULL, "-" and "/dev/stdout". Refused: a directory (-EISDIR), a symbolic
 * link (-ELOOP), a block device or a socket (-ENOTSUP, -ENXIO), a FIFO that nobody reads (-ENXIO). If the file ends
 * in the middle of a line, that line is ended first. Returns 0 or -errno.
 */
int output_open(struct output *o, const char *path);

/* As output_open(), and locks a regular file with flock(2): -EWOULDBLOCK when another one has locked it. */
int output_open_exclusive(struct output *o, const char *path);

/*
 * Call after an event was appended to o->lines; an event of no bytes is fine. Writes when enough has come together.
 * 0, or -EPIPE when stdout has no reader any more; no other failure is returned, the event is then kept or counted.
 */
int output_commit(struct output *o);

/* Writes what there is: for when the program has nothing else to do. As output_commit(). */
int output_flush(struct output *o);

/* Is something kept that could not be written? Then call output_flush() again before long, even without new events. */
static inline bool output_is_behind(const struct output *o)
{
	return o->failure != 0;
}

/*
 * After a rotation: brings what there is to the old file, then goes on with a new one of the same path. When that
 * cannot be opened, the old one stays in use. 0 or -errno of opening; stdout, or still the same file: 0.
 */
int output_reopen(struct output *o);

/* Makes a file that does not exist, as output_open() would, locked. Returns it or -errno. */
int output_create(const char *path);

/* Goes on with `fd`, an empty file, and closes the one before. Only while o->done is 0. */
void output_exchange(struct output *o, int fd);

/* Events that are kept and not written. */
uint64_t output_held(const struct output *o);

/*
 * Writes what can be written, counts the rest in o->unwritten, and closes. o->unwritten stays readable. 0, -EPIPE as
 * above, or -errno when closing told of lost data. An output of zeros but for fd -1 is fine.
 */
int output_close(struct output *o);
