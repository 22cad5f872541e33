/* SPDX-License-Identifier: Apache-2.0 */
/* A call with every field known, to be changed by a test. Storage is the sample's own; nothing is to be freed. */
#pragma once

#include "sink/sink.h"

struct sample {
	struct call call;
	struct caller caller;
};

/* AWS, credentials read over v1 by curl, three ancestors. */
void sample_full(struct sample *s);

/* Only what a call always has: nothing is known of the caller and no answer came. */
void sample_bare(struct sample *s);

/* Every string a caller or a service can choose, for tests that put hostile bytes in. `data` NULL and `text` set, or
 * the other way round. */
struct sample_field {
	const char *name;
	struct span *span;    /* a span of the call */
	char **text;          /* a NUL-terminated string */
	char *array;          /* a process name, COMM_SIZE */
	struct process *args; /* arguments of this process */
};

#define SAMPLE_FIELDS 48
/* Lists them for this sample; returns how many. */
size_t sample_fields(struct sample *s, struct sample_field fields[static SAMPLE_FIELDS]);

/* Puts `value` into the field, as far as it can hold it; `value` must outlive the sample and end with a NUL behind. */
void sample_set(const struct sample_field *field, struct span value);
