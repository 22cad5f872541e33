/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/rfc5424.h"

#include <inttypes.h>
#include <stdio.h>

#include "sink/stamp.h"

/* RFC 5424: HOSTNAME 255, APP-NAME 48, PROCID 128, MSGID 32, and what stands between them. */
#define HEAD_MAX 640

void rfc5424_set_host(struct rfc5424 *s, const char *name)
{
	size_t n = 0;

	for (; *name && n < sizeof(s->host) - 1; name++)
		if (*name > ' ' && *name < 0x7f)
			s->host[n++] = *name;
	s->host[n] = '\0';
	if (n == 0)
		strcpy(s->host, "-");
}

static bool holds(struct span event, const char *text)
{
	return event.data && memmem(event.data, event.length, text, strlen(text)) != NULL;
}

/* In our JSON these bytes stand in no string: a quote there has a backslash before it. The AWS format has calls only.
 */
static const char *message_id(const struct rfc5424 *s, struct span event)
{
	if (strcmp(s->format, "aws") == 0 || holds(event, "\"event\":{\"action\":\"imds-request\""))
		return "imds-request";
	if (holds(event, "\"event\":{\"action\":\"imds-connect\""))
		return "imds-connect";
	return holds(event, "\"event\":{\"action\":\"imds-stats\"") ? "imds-stats" : "-";
}

struct span rfc5424_body(struct span event)
{
	while (event.length > 0 && event.data[event.length - 1] == '\n')
		event.length--;
	return event;
}

void rfc5424_head(const struct rfc5424 *s, unsigned level, uint64_t time, struct span event, bool counted,
		  struct buffer *b)
{
	struct span body = rfc5424_body(event);
	char head[HEAD_MAX], process[NUMBER_TEXT + 1] = "-", stamp[STAMP_UTC];
	int length;

	if (s->process != 0)
		snprintf(process, sizeof(process), "%" PRIu32, s->process);
	length = snprintf(head, sizeof(head), "<%u>1 %s %s imdsnitch %s %s - ", s->facility * 8 + (level & 7),
			  time ? stamp_utc(time, stamp) : "-", s->host, process, message_id(s, event));
	if (counted)
		buffer_printf(b, "%zu ", (size_t)length + body.length);
	buffer_append(b, head, (size_t)length);
}
