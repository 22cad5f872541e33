/* SPDX-License-Identifier: Apache-2.0 */
/* Whole dialogues, cut, repeated, reordered and damaged in every way the network and the ring can. */
#include "unit.h"

#include <errno.h>

#include "records.h"

#define HOST     "Host: 169.254.169.254\r\n"
#define TOKEN    "X-aws-ec2-metadata-token: " SECRET "==\r\n"
#define OK(body) "HTTP/1.1 200 OK\r\nContent-Length: " body
#define GET_V1   "GET /latest/meta-data/ HTTP/1.1\r\n" HOST "User-Agent: curl/8.3.0\r\n\r\n"
#define GET_V2   "GET /latest/user-data HTTP/1.1\r\n" HOST TOKEN "\r\n"
#define PUT      "PUT /latest/api/token HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n"

/* '>' request bytes, '<' response bytes; in the order of the conversation. */
struct step {
	char direction;
	const char *text;
};

struct dialogue {
	const char *name;
	struct step step[8];
	const char *expected;
};

static const struct dialogue dialogues[] = {
	{"v1", {{'>', GET_V1}, {'<', OK("3\r\n\r\nabc")}}, "GET /latest/meta-data/ v1 metadata 200\n"},
	{"v2", {{'>', GET_V2}, {'<', OK("3\r\n\r\nabc")}}, "GET /latest/user-data v2 user-data 200\n"},
	{"token and use",
	 {{'>', PUT}, {'<', OK("6\r\n\r\nAQAE==")}, {'>', GET_V2}, {'<', OK("2\r\n\r\nhi")}},
	 "PUT /latest/api/token v2 token 200\nGET /latest/user-data v2 user-data 200\n"},
	{"dated token path",
	 {{'>', "PUT /2021-07-15//api/./t%6fken?x HTTP/1.1\r\n\r\n"}, {'<', OK("0\r\n\r\n")}},
	 "PUT /2021-07-15//api/./t%6fken v2 token 200\n"},
	{"get on the token path is no token request",
	 {{'>', "GET /latest/api/token HTTP/1.1\r\n\r\n"}, {'<', "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"}},
	 "GET /latest/api/token v1 token 405\n"},
	{"refused token is v2",
	 {{'>', GET_V2}, {'<', "HTTP/1.1 401 Unauthorized\r\nContent-Length: 1\r\n\r\nx"}},
	 "GET /latest/user-data v2 user-data 401\n"},
	{"empty token value is v2",
	 {{'>', "GET / HTTP/1.1\r\nx-AWS-ec2-metadata-TOKEN:\r\n\r\n"}, {'<', OK("0\r\n\r\n")}},
	 "GET / v2 other 200\n"},
	{"header name in value, target, fold, longer name",
	 {{'>', "GET /latest/meta-data/X-aws-ec2-metadata-token: HTTP/1.1\r\nA: X-aws-ec2-metadata-token: x\r\n"
		"B: c\r\n X-aws-ec2-metadata-token: x\r\nX-aws-ec2-metadata-tokens: x\r\n"
		"X-aws-ec2-metadata-token : x\r\n\r\n"},
	  {'<', OK("0\r\n\r\n")}},
	 "GET /latest/meta-data/X-aws-ec2-metadata-token: v1 metadata 200\n"},
	{"pipelined",
	 {{'>', PUT GET_V2 GET_V1}, {'<', OK("2\r\n\r\nab") "HTTP/1.1 204 No\r\n\r\n" OK("1\r\n\r\nc")}},
	 "PUT /latest/api/token v2 token 200\nGET /latest/user-data v2 user-data 204\n"
	 "GET /latest/meta-data/ v1 metadata 200\n"},
	{"body like a request",
	 {{'>', "POST /latest/user-data HTTP/1.1\r\nContent-Length: 35\r\n\r\n" TOKEN}, {'<', OK("0\r\n\r\n")}},
	 NULL},
	{"body that is a request",
	 {{'>', "POST /x HTTP/1.1\r\n" TOKEN "Content-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"},
	  {'<', OK("0\r\n\r\n")},
	  {'>', GET_V1},
	  {'<', OK("19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")},
	  {'>', GET_V2},
	  {'<', OK("0\r\n\r\n")}},
	 "POST /x v2 other 200\nGET /latest/meta-data/ v1 metadata 200\nGET /latest/user-data v2 user-data 200\n"},
	{"chunked both ways",
	 {{'>', "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n12;a=\"b\"\r\nGET / HTTP/1.1\r\n\r\n\r\n"
		"0\r\nX-aws-ec2-metadata-token: x\r\n\r\n" GET_V2},
	  {'<', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nHTTP/1.1 2\r\n0\r\n\r\n" OK("0\r\n\r\n")}},
	 "POST /x v1 other 200\nGET /latest/user-data v2 user-data 200\n"},
	{"HTTP/1.0 until close",
	 {{'>', "\r\n\nGET /latest/meta-data/ HTTP/1.0\n\n"}, {'<', "HTTP/1.0 200 OK\n\nHTTP/1.1 404 x\r\n\r\n"}},
	 "GET /latest/meta-data/ v1 metadata 200\n"},
	{"HTTP/0.9", {{'>', "GET /latest/meta-data/\r\n"}, {'<', "ami-id\n"}}, "GET /latest/meta-data/ v1 metadata\n"},
	{"HEAD",
	 {{'>', "HEAD /latest/meta-data/ HTTP/1.1\r\n\r\n"},
	  {'<', OK("500\r\n\r\n")},
	  {'>', GET_V2},
	  {'<', OK("0\r\n\r\n")}},
	 "HEAD /latest/meta-data/ v1 metadata 200\nGET /latest/user-data v2 user-data 200\n"},
	{"absolute form",
	 {{'>', "GET http://169.254.169.254/latest/dynamic/instance-identity/document HTTP/1.1\r\n\r\n"},
	  {'<', OK("0\r\n\r\n")}},
	 "GET /latest/dynamic/instance-identity/document v1 identity 200\n"},
	{"100-continue",
	 {{'>', "POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"},
	  {'<', "HTTP/1.1 100 Continue\r\n\r\n"},
	  {'>', "abc"},
	  {'<', "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n"},
	  {'>', GET_V1},
	  {'<', OK("0\r\n\r\n")}},
	 "POST /x v1 other 304\nGET /latest/meta-data/ v1 metadata 200\n"},
	{"upgrade",
	 {{'>', "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"},
	  {'<', "HTTP/1.1 101 Switching\r\n\r\nraw"},
	  {'>', GET_V1},
	  {'<', OK("0\r\n\r\n")}},
	 "GET / v1 other 101\n"},
	{"no response", {{'>', GET_V1}}, "GET /latest/meta-data/ v1 metadata\n"},
	{"half a request", {{'>', "GET / HTTP/1.1\r\nHost: a\r\n"}}, "connect incomplete request\n"},
	{"half a second request",
	 {{'>', GET_V1 "GET / HT"}, {'<', OK("0\r\n\r\n")}},
	 "GET /latest/meta-data/ v1 metadata 200\n"},
	{"not HTTP", {{'>', "\x16\x03\x01\x02"}}, "connect not HTTP\n"},
	{"HTTP/2", {{'>', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}}, "connect HTTP/2\n"},
	{"nothing", {{0, NULL}}, "connect no request\n"},
	{"early 400 to half a request",
	 {{'>', "GET / HTTP/1.1\r\nHost"}, {'<', "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"}},
	 "connect incomplete request\n"},
	{"408 on an idle connection",
	 {{'>', GET_V1}, {'<', OK("0\r\n\r\n")}, {'<', "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"}},
	 "GET /latest/meta-data/ v1 metadata 200\n"},
};
#define DIALOGUES (sizeof(dialogues) / sizeof(*dialogues))

/* One record to be fed. */
struct packet {
	bool ingress;
	uint32_t offset;
	size_t length;
	const char *data;
};

#define PACKETS_MAX 4096
struct packets {
	size_t count;
	struct packet list[PACKETS_MAX];
};

static void packets_add(struct packets *p, bool ingress, uint32_t offset, const char *data, size_t length)
{
	assert_true(p->count < PACKETS_MAX);
	if (length)
		p->list[p->count++] = (struct packet){ingress, offset, length, data};
}

/* Cuts every step at `cut` (when it is inside) and every `every` bytes (0: not). */
static void packets_init(struct packets *p, const struct dialogue *d, size_t cut, size_t every)
{
	uint32_t offset[2] = {0, 0};

	p->count = 0;
	for (const struct step *s = d->step; s < d->step + 8 && s->direction; s++) {
		size_t length = strlen(s->text), at = 0, n;
		bool ingress = s->direction == '<';

		for (; at < length; at += n) {
			n = length - at;
			if (cut > at && cut < length)
				n = cut - at;
			if (every && n > every)
				n = every;
			packets_add(p, ingress, offset[ingress] + (uint32_t)at, s->text + at, n);
		}
		offset[ingress] += (uint32_t)length;
	}
}

static void feed_packet(struct feeder *f, const struct packet *p, uint16_t flags)
{
	feed_stream(f, 7, (uint16_t)(flags | (p->ingress ? RECORD_F_INGRESS : 0)), p->offset, p->data, p->length, 0x18);
}

static void begin(struct feeder *f)
{
	feeder_reset(f);
	feed_connect(f, 7);
	feed_open(f, 7);
	feed_established(f, 7);
}

static void end(struct feeder *f, const struct dialogue *d, const char *how, size_t detail)
{
	feed_close(f, 7, 0, 0);
	if (strcmp(feeder_lines(f), d->expected) != 0)
		fail_msg("%s, %s %zu:\n%sinstead of\n%s", d->name, how, detail, feeder_lines(f), d->expected);
	assert_int_equal(f->heads_with_secret, 0);
}

static struct packets packets;

static void feed_all(struct feeder *f, const struct dialogue *d, const char *how, size_t detail)
{
	begin(f);
	for (size_t i = 0; i < packets.count; i++)
		feed_packet(f, &packets.list[i], 0);
	end(f, d, how, detail);
}

static size_t longest_step(const struct dialogue *d)
{
	size_t longest = 1;

	for (const struct step *s = d->step; s < d->step + 8 && s->direction; s++)
		if (strlen(s->text) > longest)
			longest = strlen(s->text);
	return longest;
}

static void assert_nothing_missed(struct feeder *f)
{
	struct conversations_counts counts;

	conversations_count(f->table, &counts);
	assert_int_equal(counts.truncated, 0);
	assert_int_equal(counts.active, 0);
}

static void cut_at_every_byte(void **state)
{
	struct feeder f;

	feeder_init(&f);
	for (const struct dialogue *d = dialogues; d < dialogues + DIALOGUES; d++) {
		if (!d->expected)
			continue;
		for (size_t cut = 0; cut < longest_step(d); cut++) {
			packets_init(&packets, d, cut, 0);
			feed_all(&f, d, "cut at", cut);
		}
	}
	assert_nothing_missed(&f);
	feeder_done(&f);
}

static void byte_by_byte(void **state)
{
	struct feeder f;

	feeder_init(&f);
	for (const struct dialogue *d = dialogues; d < dialogues + DIALOGUES; d++)
		for (size_t every = 1; d->expected && every < 8; every++) {
			packets_init(&packets, d, 0, every);
			feed_all(&f, d, "pieces of", every);
		}
	assert_nothing_missed(&f);
	feeder_done(&f);
}

/* Packets begin with bytes already sent, come twice, and old ones come again. */
static void retransmissions_change_nothing(void **state)
{
	struct feeder f;

	feeder_init(&f);
	for (const struct dialogue *d = dialogues; d < dialogues + DIALOGUES; d++)
		for (size_t every = 1; d->expected && every < 40; every += 3) {
			packets_init(&packets, d, 0, every);
			begin(&f);
			for (size_t i = 0; i < packets.count; i++) {
				struct packet p = packets.list[i];
				const struct packet *before = i ? &packets.list[i - 1] : &p;
				uint32_t back = (uint32_t)(i % 6);

				if (before->data + before->length == p.data && before->length >= back)
					p = (struct packet){p.ingress, p.offset - back, p.length + back, p.data - back};
				feed_packet(&f, &p, 0);
				feed_packet(&f, &p, 0);
				feed_packet(&f, &packets.list[i / 2], 0);
			}
			end(&f, d, "retransmitted, pieces of", every);
		}
	assert_nothing_missed(&f);
	feeder_done(&f);
}

/* Neighbouring responses' packets change places. */
static void reordered_ingress(void **state)
{
	struct feeder f;

	feeder_init(&f);
	for (const struct dialogue *d = dialogues; d < dialogues + DIALOGUES; d++)
		for (size_t every = 1; d->expected && every < 40; every += 3) {
			packets_init(&packets, d, 0, every);
			for (size_t i = 0; i + 1 < packets.count; i += 1 + i % 2)
				if (packets.list[i].ingress && packets.list[i + 1].ingress) {
					struct packet p = packets.list[i];

					packets.list[i] = packets.list[i + 1];
					packets.list[i + 1] = p;
				}
			feed_all(&f, d, "reordered, pieces of", every);
		}
	assert_nothing_missed(&f);
	feeder_done(&f);
}

struct tally {
	unsigned v1, v2, none;
};

static struct tally expected_tally(const struct dialogue *d)
{
	struct tally t = {0};

	for (const char *line = d->expected; *line; line = strchr(line, '\n') + 1) {
		const char *line_end = strchr(line, '\n');

		t.v1 += memmem(line, (size_t)(line_end - line), " v1 ", 4) != NULL;
		t.v2 += memmem(line, (size_t)(line_end - line), " v2 ", 4) != NULL;
		t.none += strncmp(line, "connect", 7) == 0;
	}
	return t;
}

/*
 * Record `drop` is lost. No call may claim a version it did not have, none may vanish silently, and what is not known
 * is counted.
 */
static void check_drop(struct feeder *f, const struct dialogue *d, size_t drop, size_t every)
{
	struct tally t = expected_tally(d);
	struct conversations_counts before, after;

	conversations_count(f->table, &before);
	begin(f);
	for (size_t i = 0; i < packets.count; i++)
		if (i != drop)
			feed_packet(f, &packets.list[i], i == drop + 1 ? RECORD_F_LOST : 0);
	feed_close(f, 7, 0, drop + 1 == packets.count ? RECORD_F_LOST : 0);
	conversations_count(f->table, &after);
	if (f->v1 > t.v1 || f->v2 > t.v2)
		fail_msg("%s, pieces of %zu, without %zu: wrong version:\n%s", d->name, every, drop, feeder_lines(f));
	if (f->calls + (after.truncated - before.truncated) < t.v1 + t.v2)
		fail_msg("%s, pieces of %zu, without %zu: a call is missing:\n%s", d->name, every, drop,
			 feeder_lines(f));
	if (f->v1 + f->v2 < t.v1 + t.v2 && after.truncated == before.truncated)
		fail_msg("%s, pieces of %zu, without %zu: not counted:\n%s", d->name, every, drop, feeder_lines(f));
	if (f->calls + f->connects == 0)
		fail_msg("%s, pieces of %zu, without %zu: no event", d->name, every, drop);
	assert_int_equal(f->heads_with_secret, 0);
}

static void each_record_lost_once(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 7, 20, 50};
	struct feeder f;

	feeder_init(&f);
	for (const struct dialogue *d = dialogues; d < dialogues + DIALOGUES; d++)
		for (size_t s = 0; d->expected && s < sizeof(sizes) / sizeof(*sizes); s++) {
			packets_init(&packets, d, 0, sizes[s]);
			for (size_t drop = 0; drop < packets.count; drop++)
				check_drop(&f, d, drop, sizes[s]);
		}
	feeder_done(&f);
}

/* A tail of several records lost, then the conversation goes on. */
static void ranges_lost(void **state)
{
	struct feeder f;

	feeder_init(&f);
	for (const struct dialogue *d = dialogues; d < dialogues + DIALOGUES; d++) {
		if (!d->expected)
			continue;
		packets_init(&packets, d, 0, 30);
		for (size_t from = 0; from < packets.count; from++)
			for (size_t to = from + 1; to <= packets.count; to++) {
				struct tally t = expected_tally(d);

				begin(&f);
				for (size_t i = 0; i < packets.count; i++)
					if (i < from || i >= to)
						feed_packet(&f, &packets.list[i], i == to ? RECORD_F_LOST : 0);
				feed_close(&f, 7, 0, to == packets.count ? RECORD_F_LOST : 0);
				if (f.v1 > t.v1 || f.v2 > t.v2)
					fail_msg("%s without %zu to %zu:\n%s", d->name, from, to, feeder_lines(&f));
				assert_true(f.calls + f.connects > 0);
			}
	}
	feeder_done(&f);
}

/* 100 KB of headers before the one that matters. */
static void huge_heads(void **state)
{
	static const size_t sizes[] = {4096, 1448, 13};
	struct buffer text = {0};
	struct feeder f;

	feeder_init(&f);
	buffer_string(&text, "GET /latest/meta-data/ HTTP/1.1\r\n");
	for (int i = 0; i < 1000; i++)
		buffer_printf(&text, "Header-%d: %0100d\r\n", i, i);
	buffer_string(&text,
		      "Copy: " SECRET "-IN-A-LONG-HEAD\r\nx-aws-ec2-metadata-token: " SECRET "-IN-A-LONG-HEAD\r\n\r\n");
	for (size_t s = 0; s < 3; s++) {
		begin(&f);
		for (size_t at = 0, n; at < text.length; at += n) {
			n = text.length - at < sizes[s] ? text.length - at : sizes[s];
			feed_stream(&f, 7, 0, (uint32_t)at, text.data + at, n, 0x18);
		}
		feed_stream(&f, 7, RECORD_F_INGRESS, 0, OK("0\r\n\r\n"), strlen(OK("0\r\n\r\n")), 0x18);
		assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v2 metadata 200\n");
		assert_int_equal(f.last->request_bytes, text.length);
		assert_true(f.last->head.length <= 16384 + 32);
		feed_close(&f, 7, 0, 0);
	}
	assert_int_equal(f.heads_with_secret, 0);
	buffer_done(&text);
	feeder_done(&f);
}

static void offsets_wrap(void **state)
{
	size_t step = 1U << 30;
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, 0, "POST / HTTP/1.1\r\nContent-Length: 4294967200\r\n\r\n", 47, 0x18);
	for (int i = 1; i < 4; i++)
		feed_stream(&f, 7, 0, (uint32_t)(i * step), "x", 1, 0x18);
	feed_stream(&f, 7, 0, (uint32_t)(47 + 4294967200U - 1), "x" GET_V2, 1 + strlen(GET_V2), 0x18);
	feed_stream(&f, 7, RECORD_F_INGRESS, 0, OK("0\r\n\r\n") OK("0\r\n\r\n"), 2 * strlen(OK("0\r\n\r\n")), 0x18);
	assert_string_equal(feeder_lines(&f),
			    "POST / v1 other 200 incomplete\nGET /latest/user-data v2 user-data 200\n");
	assert_int_equal(f.v2, 1);
	feeder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(retransmissions_change_nothing),
		cmocka_unit_test(reordered_ingress),
		cmocka_unit_test(each_record_lost_once),
		cmocka_unit_test(ranges_lost),
		cmocka_unit_test(huge_heads),
		cmocka_unit_test(offsets_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
