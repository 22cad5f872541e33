/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to a record: the one place that looks at raw records. Pure, bounded, fuzzed; kernel bytes are not
 * trusted either. After a successful decode every length inside the record fits the bytes given.
 */
#pragma once

#include "base/span.h"
#include "bpf/wire.h"

/* A checked view on one record. It points into the bytes given to record_decode(). */
struct record {
	const struct record_header *header;
	union {
		const struct connect_record *connect;
		const struct open_record *open;
		const struct stream_record *stream;
		const struct close_record *close;
		const struct loss_record *loss;
		const struct verdict_record *verdict;
	};
	struct span
		tail; /* connect: the arguments; stream: the payload bytes; verdict: the refused bytes; else empty */
};

/*
 * Checks the record at the start of `bytes`, which must be aligned to 8; `length` is how many bytes there are and may
 * exceed the record. Returns the record's own length (> 0), or -EINVAL when the bytes are no valid record (unknown
 * kind, a length that does not fit its kind, a name list that is not NUL-terminated …).
 */
int record_decode(const void *bytes, size_t length, struct record *ret_record);
