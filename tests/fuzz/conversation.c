/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations from arbitrary records. The input is a list of operations; each takes a few bytes:
 *   0 connect, 1 open, 2 close, 14 and 15 verdict, else stream (in order, back, ahead; flags), with text from the input
 * or from a table. Whatever comes, memory stays within its bounds, a call is whole, and no token value leaves in it.
 */
#include "fuzz.h"

#include "../unit/records.h"

#define IDS          4
#define MAX_BUFFERED 32768

struct input {
	const uint8_t *data;
	size_t size;
};

static const char *const texts[] = {
	"GET /latest/meta-data/iam/security-credentials/r HTTP/1.1\r\nX-aws-ec2-metadata-token: " SECRET "==\r\n\r\n",
	"PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
	"HEAD /x?b=c&token=" SECRET " HTTP/1.1\r\nUser-Agent: aws-sdk-go/1.2.3\r\nCookie: a " SECRET "==\r\n\r\n",
	"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer " SECRET
	"==\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"GET /old\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{\"AccessKeyId\":\"A\",\"Token\":\"x\"}",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	"HTTP/1.0 200 OK\r\n\r\nuntil close",
	"CONNECT a:1 HTTP/1.1\r\nUpgrade: x\r\n\r\n",
	"HTTP/1.1 101 Switching\r\n\r\n",
};

static uint8_t next(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

/* *ret_own: bytes of the input itself, in which the planted value means nothing. */
static struct span text(struct input *in, bool *ret_own)
{
	uint8_t choice = next(in);
	size_t n;

	*ret_own = choice >= sizeof(texts) / sizeof(*texts);
	if (!*ret_own)
		return span_of(texts[choice]);
	n = choice < in->size ? choice : in->size;
	in->data += n;
	in->size -= n;
	return (struct span){(const char *)in->data - n, n};
}

/* What was sent of one conversation. */
struct sent {
	uint32_t offset[2], furthest[2];
};

/* Overlaps can splice the planted value into another header's: plant it only where nothing overlaps. */
static void plant(struct span s, bool planted, char copy[static STREAM_CHUNK])
{
	char *at = copy;

	memcpy(copy, s.data, s.length);
	while (!planted && (at = memmem(at, s.length - (size_t)(at - copy), SECRET, sizeof(SECRET) - 1)))
		memset(at, 'x', sizeof(SECRET) - 1);
}

static void stream(struct feeder *f, struct input *in, uint64_t id, struct sent *sent)
{
	static const uint16_t flag_table[] = {0,
					      0,
					      0,
					      0,
					      RECORD_F_LOST,
					      RECORD_F_CUT,
					      RECORD_F_NO_OFFSET | RECORD_F_UNANNOUNCED,
					      RECORD_F_LOST | RECORD_F_CUT};
	uint8_t how = next(in), move = next(in), tcp_flags = how & 0x10 ? next(in) : 0x18;
	bool ingress = how & 1;
	uint16_t flags = (uint16_t)(flag_table[how >> 1 & 7] | (ingress ? RECORD_F_INGRESS : 0));
	size_t cut = how & 0x20 ? next(in) : SIZE_MAX;
	bool own;
	struct span s = text(in, &own);
	uint32_t at = sent->offset[ingress];
	char copy[STREAM_CHUNK];

	if (move & 0x80)
		at += (uint32_t)(int32_t)(int8_t)(move << 1);
	plant(s, !own && !ingress && (int32_t)(at - sent->furthest[0]) >= 0, copy);
	cut = cut < s.length ? cut : s.length;
	feed_stream(f, id, flags, at, copy, cut, tcp_flags);
	if (cut < s.length)
		feed_stream(f, id, flags & RECORD_F_INGRESS, at + (uint32_t)cut, copy + cut, s.length - cut, 0x18);
	at += (uint32_t)s.length;
	if ((int32_t)(at - sent->furthest[ingress]) > 0)
		sent->furthest[ingress] = at;
	if (!(move & 0x40))
		sent->offset[ingress] = at;
}

/* A refusal may be about any bytes: a request with a token in a line of its own, and a guess where it stands. */
static void verdict(struct feeder *f, struct input *in, uint64_t id, const struct sent *sent)
{
	uint8_t how = next(in);
	struct decided d = {.verdict = (uint8_t)(RECORD_ALLOWED + how % 3),
			    .stage = how & 0x10 ? RECORD_AT_CONNECT : RECORD_AT_REQUEST,
			    .protocol = how & 0x20 ? 17 : 6,
			    .request = next(in) & 3,
			    .line = next(in),
			    .at = sent->offset[0] + (how & 0x40 ? next(in) : 0U),
			    .flags = how & 0x80 ? RECORD_F_NO_OFFSET : 0,
			    .bytes = texts[how >> 2 & 1]};

	feed_verdict(f, id, d);
	if (how & 0x08)
		conversations_tick(f->table, f->now += 2000000000);
}

static void operate(struct feeder *f, struct input *in, struct sent sent[IDS])
{
	static const char args[] = "curl\0-H\0X-aws-ec2-metadata-token: " SECRET "==";
	uint8_t operation = next(in);
	uint64_t id = operation >> 4 & (IDS - 1);

	switch (operation & 0x0f) {
	case 0:
		sent[id] = (struct sent){0};
		feed_connect_as(
			f, id + 1, (uint32_t)id + 1, 5, (struct span){args, sizeof(args)},
			(uint16_t)((operation & 0x80 ? RECORD_F_LATE : 0) | (operation & 0x40 ? RECORD_F_GUARD : 0)));
		break;
	case 1:
		feed_open(f, id + 1);
		break;
	case 2:
		feed_close(f, id + 1, next(in), operation & 0x80 ? RECORD_F_RELEASED : 0);
		break;
	case 14:
	case 15:
		verdict(f, in, id + 1, &sent[id]);
		break;
	default:
		stream(f, in, id + 1, &sent[id]);
	}
}

static void on_call(void *context, struct call *c)
{
	struct span spans[] = {c->head, c->target, c->path, c->query, c->user_agent, c->reason, c->method};

	(void)context;
	CHECK(c->caller != NULL);
	CHECK(c->action == CALL_REQUEST || c->action == CALL_CONNECT);
	CHECK(c->complete || c->version == VERSION_UNKNOWN || c->version == VERSION_V2 || c->reason.data);
	CHECK(c->verdict != VERDICT_DENIED || (c->reason.length && c->outcome == OUTCOME_FAILURE && !c->has_response));
	CHECK(c->cause == CAUSE_NONE || c->version == VERSION_V1);
	CHECK(c->method.length != 0 || !c->complete || c->action == CALL_CONNECT || c->head.length == 0);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		CHECK(!span_has_secret(spans[i]));
	call_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct sent sent[IDS] = {{{0}, {0}}};
	struct conversations_counts counts;
	struct feeder f;

	feeder_init(&f);
	f.config.max = IDS - 1;
	f.config.max_buffered = MAX_BUFFERED;
	f.config.on_call = on_call;
	conversations_free(f.table);
	f.table = conversations_new(&f.config);
	while (in.size) {
		operate(&f, &in, sent);
		conversations_count(f.table, &counts);
		CHECK(counts.active <= IDS - 1 && counts.buffered <= MAX_BUFFERED);
	}
	conversations_end(f.table);
	conversations_count(f.table, &counts);
	CHECK(counts.active == 0 && counts.buffered <= 16 * 4096);
	feeder_done(&f);
	return 0;
}
