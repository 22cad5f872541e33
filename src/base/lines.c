/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lines.h"

#include <errno.h>

static void end_line(struct lines *l)
{
	struct span line = buffer_view(&l->kept);

	l->take(l->context, l->skipping ? NULL : &line);
	buffer_reset(&l->kept);
	l->skipping = false;
}

static int keep(struct lines *l, struct span piece)
{
	if (l->skipping || piece.length > l->max - l->kept.length) {
		l->skipping = true;
		buffer_reset(&l->kept);
		return 0;
	}
	if (piece.length)
		buffer_span(&l->kept, piece);
	return l->kept.failed ? -ENOMEM : 0;
}

int lines_feed(struct lines *l, struct span bytes)
{
	int r = 0;

	while (bytes.length && r == 0) {
		const char *end = memchr(bytes.data, '\n', bytes.length);
		size_t n = end ? (size_t)(end - bytes.data) : bytes.length;

		r = keep(l, (struct span){bytes.data, n});
		if (end && r == 0) {
			end_line(l);
			n++;
		}
		bytes = (struct span){bytes.data + n, bytes.length - n};
	}
	return r;
}

struct span lines_rest(struct lines *l)
{
	struct span rest = buffer_view(&l->kept);

	if (l->skipping || !rest.length)
		rest = (struct span){0};
	l->skipping = false;
	buffer_reset(&l->kept);
	return rest;
}

void lines_done(struct lines *l)
{
	buffer_done(&l->kept);
}
