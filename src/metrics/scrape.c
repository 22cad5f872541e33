/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/scrape.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

static const struct {
	unsigned status;
	const char *reason;
} statuses[] = {
	{200, "OK"},
	{400, "Bad Request"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{431, "Request Header Fields Too Large"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

void scrape_init(struct scrape *s)
{
	*s = (struct scrape){0};
	head_init(&s->head, HEAD_REQUEST);
}

static struct span target_of(const struct scrape *s)
{
	struct head_span t = s->head.target;

	if (t.offset >= sizeof(s->start))
		return (struct span){"", 0};
	if (t.length > sizeof(s->start) - t.offset)
		t.length = sizeof(s->start) - t.offset;
	return (struct span){s->start + t.offset, t.length};
}

/* Origin form, or absolute form, which a server must take as well (RFC 9112 section 3.2.2). */
static bool is_ours(struct span target)
{
	static const struct span path = SPAN_LITERAL("/metrics"), scheme = SPAN_LITERAL("http://");

	if (span_starts(target, scheme)) {
		const char *rest = memchr(target.data + scheme.length, '/', target.length - scheme.length);

		if (!rest)
			return false;
		target = (struct span){rest, target.length - (size_t)(rest - target.data)};
	}
	return span_starts(target, path) && (target.length == path.length || target.data[path.length] == '?');
}

/* RFC 9112: section 2.3 on versions, 3.2 on Host. */
static unsigned judge(const struct scrape *s)
{
	const struct head *h = &s->head;

	if (h->major == 0 || h->flags & HEAD_F_SPACES)
		return 400;
	if (h->major != 1)
		return 505;
	if (h->minor > 0 && !(h->seen & HEADER_HOST))
		return 400;
	if (!is_ours(target_of(s)))
		return 404;
	return h->method_kind == METHOD_GET || h->method_kind == METHOD_HEAD ? 200 : 405;
}

unsigned scrape_read(struct scrape *s, struct span bytes)
{
	struct head *h = &s->head;

	for (size_t i = 0; i < bytes.length; i++) {
		uint64_t at = h->length;
		enum head_result r = head_step(h, (uint8_t)bytes.data[i]);

		if (at < sizeof(s->start))
			s->start[at] = bytes.data[i];
		if (r == HEAD_DONE)
			return judge(s);
		if (r == HEAD_ERROR)
			return 400;
		if (h->length + h->leading >= SCRAPE_HEAD_MAX)
			return 431;
	}
	return 0;
}

static const char *reason_of(unsigned status)
{
	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].reason;
	return "Unknown";
}

void scrape_answer(const struct scrape *s, unsigned status, struct span content, struct buffer *b)
{
	const char *reason = reason_of(status);
	bool found = status == 200;

	buffer_printf(b, "HTTP/1.1 %u %s\r\n", status, reason);
	buffer_printf(b, "Content-Type: %s\r\n", found ? CONTENT_TYPE : "text/plain; charset=utf-8");
	buffer_printf(b, "Content-Length: %zu\r\n", found ? content.length : strlen(reason) + 1);
	if (status == 405)
		buffer_string(b, "Allow: GET, HEAD\r\n");
	buffer_string(b, "Connection: close\r\n\r\n");
	if (s->head.method_kind == METHOD_HEAD)
		return;
	if (found)
		buffer_span(b, content);
	else
		buffer_printf(b, "%s\n", reason);
}
