/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/decode.h"

#include <errno.h>

static const uint32_t fixed_size[RECORD_KIND_MAX] = {
	[RECORD_CONNECT] = sizeof(struct connect_record), [RECORD_OPEN] = sizeof(struct open_record),
	[RECORD_STREAM] = sizeof(struct stream_record),   [RECORD_CLOSE] = sizeof(struct close_record),
	[RECORD_LOSS] = sizeof(struct loss_record),       [RECORD_VERDICT] = sizeof(struct verdict_record),
};

/* A list of names that each carry their NUL. */
static bool names_fit(const char *names, size_t used, size_t size)
{
	return used <= size && (used == 0 || names[used - 1] == '\0');
}

static bool connect_fits(const struct connect_record *c, uint32_t tail)
{
	return c->ancestors <= ANCESTORS_MAX && c->args <= ARGS_SIZE && c->args == tail &&
	       names_fit(c->exe_names, c->exe, EXE_SIZE) && names_fit(c->cgroup_names, c->cgroup_path, CGROUP_SIZE);
}

static bool stream_fits(const struct stream_record *s, uint32_t tail)
{
	return s->data <= STREAM_CHUNK && s->data == tail;
}

static bool verdict_fits(const struct verdict_record *v, uint32_t tail)
{
	return v->data <= STREAM_CHUNK && v->data == tail && v->verdict >= RECORD_ALLOWED &&
	       v->verdict <= RECORD_DENIED && v->stage >= RECORD_AT_CONNECT && v->stage <= RECORD_AT_REQUEST &&
	       memchr(v->file, '\0', sizeof(v->file));
}

static bool tail_fits(const struct record *r, uint32_t tail)
{
	switch (r->header->kind) {
	case RECORD_CONNECT:
		return connect_fits(r->connect, tail);
	case RECORD_STREAM:
		return stream_fits(r->stream, tail);
	case RECORD_VERDICT:
		return verdict_fits(r->verdict, tail);
	default:
		return tail == 0;
	}
}

int record_decode(const void *bytes, size_t length, struct record *ret_record)
{
	struct record r = {.header = bytes};
	uint32_t fixed;

	if (length < sizeof(struct record_header) || r.header->kind == RECORD_INVALID ||
	    r.header->kind >= RECORD_KIND_MAX)
		return -EINVAL;
	fixed = fixed_size[r.header->kind];
	if (r.header->length < fixed || r.header->length > length)
		return -EINVAL;
	r.connect = bytes;
	if (!tail_fits(&r, r.header->length - fixed))
		return -EINVAL;
	r.tail = (struct span){(const char *)bytes + fixed, r.header->length - fixed};
	*ret_record = r;
	return (int)r.header->length;
}
