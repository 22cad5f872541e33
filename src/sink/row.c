/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/row.h"

#include <errno.h>

#include "sink/args.h"
#include "sink/sink.h"

/* Before the fields: each has a u32 length, ABSENT for an absent one, and its bytes. */
struct row_head {
	uint64_t time, duration;
	uint32_t status, flags;
};

#define ABSENT UINT32_MAX

static void put(struct buffer *b, struct span s)
{
	uint32_t length = s.data ? (uint32_t)s.length : ABSENT;

	buffer_append(b, &length, sizeof(length));
	if (s.data)
		buffer_span(b, s);
}

static void put_piece(void *context, struct span piece)
{
	buffer_span(context, piece);
}

static void put_arguments(struct buffer *b, const struct process *p)
{
	struct args a = args_of(p, ROW_ARGUMENTS_MAX);
	size_t at = b->length;
	uint32_t length = ABSENT;

	buffer_append(b, &length, sizeof(length));
	if (b->failed || a.rest.length == 0)
		return;
	args_quote(a, put_piece, b);
	if (b->failed)
		return;
	if (b->length - at - sizeof(length) > ROW_ARGUMENTS_MAX)
		b->length = at + sizeof(length) + ROW_ARGUMENTS_MAX;
	length = (uint32_t)(b->length - at - sizeof(length));
	memcpy(b->data + at, &length, sizeof(length));
}

static struct span text_of(const char *text)
{
	return (struct span){text && *text ? text : NULL, text ? strlen(text) : 0};
}

static void put_call(struct buffer *b, const struct call *c)
{
	put(b, c->action == CALL_REQUEST ? SPAN_LITERAL("imds-request") : SPAN_LITERAL("imds-connect"));
	put(b, text_of(c->provider));
	put(b, text_of(c->service));
	put(b, text_of(call_version_name(c->version)));
	put(b, text_of(call_class_name(c->class)));
	put(b, text_of(c->version == VERSION_V1 ? call_cause_name(c->cause) : NULL));
	put(b, text_of(call_verdict_name(c->verdict)));
	put(b, c->rule);
	put(b, text_of(call_outcome_name(c->outcome)));
	put(b, c->reason);
	put(b, c->method);
	put(b, c->path);
}

static void put_caller(struct buffer *b, const struct caller *caller)
{
	char number[NUMBER_TEXT];

	put(b, text_of(caller->process.executable));
	put(b, text_of(caller->process.name));
	put_arguments(b, &caller->process);
	put(b, caller->has_ids ? number_text(caller->uid, number) : (struct span){0});
	put(b, text_of(caller->user_name));
	put(b, text_of(caller->systemd_unit));
	put(b, text_of(caller->container_id));
	put(b, text_of(caller->container_runtime));
	put(b, text_of(caller->image));
	put(b, text_of(caller->pod_uid));
}

static void put_sdk(struct buffer *b, const struct call *c)
{
	put(b, c->sdk.name);
	put(b, c->sdk.version);
	if (!c->sdk.has_supports_v2)
		put(b, (struct span){0});
	else
		put(b, c->sdk.supports_v2 ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
}

void row_write(const struct call *c, struct buffer *b)
{
	struct row_head head = {.time = c->time, .duration = c->duration, .status = c->status};

	head.flags = (c->has_duration ? ROW_HAS_DURATION : 0U) | (c->has_response ? ROW_HAS_STATUS : 0U) |
		     (c->complete ? ROW_COMPLETE : 0U) | (c->forwarded ? ROW_FORWARDED : 0U);
	buffer_append(b, &head, sizeof(head));
	put_call(b, c);
	put_caller(b, c->caller);
	put_sdk(b, c);
}

static bool take(struct span *bytes, void *to, size_t length)
{
	if (bytes->length < length)
		return false;
	memcpy(to, bytes->data, length);
	*bytes = (struct span){bytes->data + length, bytes->length - length};
	return true;
}

static bool take_field(struct span *bytes, struct span *ret_field)
{
	uint32_t length;

	if (!take(bytes, &length, sizeof(length)))
		return false;
	*ret_field = (struct span){0};
	if (length == ABSENT)
		return true;
	if (length > bytes->length)
		return false;
	*ret_field = (struct span){bytes->data, length};
	*bytes = (struct span){bytes->data + length, bytes->length - length};
	return true;
}

int row_read(struct span bytes, struct row *ret_row)
{
	struct row row = {0};
	struct row_head head;

	if (!take(&bytes, &head, sizeof(head)))
		return -EINVAL;
	for (unsigned i = 0; i < ROW_FIELDS; i++)
		if (!take_field(&bytes, &row.field[i]))
			return -EINVAL;
	if (bytes.length != 0)
		return -EINVAL;
	row.time = head.time;
	row.duration = head.duration;
	row.status = head.status;
	row.flags = head.flags;
	*ret_row = row;
	return 0;
}

static void row_call(const struct sink_context *context, const struct call *c, uint64_t sequence, struct buffer *b)
{
	row_write(c, b);
}

const struct format format_row = {
	.name = "row",
	.summary = "fields for the inventory and the metrics (sink/row.h)",
	.call = row_call,
};
