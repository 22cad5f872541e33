/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a conversation: fields, secrets, ends, losses, bounds. dialogue.c damages whole dialogues. */
#include "unit.h"

#include <errno.h>

#include "records.h"

#define HOST     "Host: 169.254.169.254\r\n"
#define TOKEN    "X-aws-ec2-metadata-token: " SECRET "==\r\n"
#define OK(body) "HTTP/1.1 200 OK\r\nContent-Length: " body
#define GET_V1   "GET /latest/meta-data/ HTTP/1.1\r\n" HOST "User-Agent: curl/8.3.0\r\n\r\n"
#define GET_V2   "GET /latest/user-data HTTP/1.1\r\n" HOST TOKEN "\r\n"
#define PUT      "PUT /latest/api/token HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n"

static void exchange_ok(struct feeder *f, uint64_t id, const char *request, const char *response)
{
	feed_connect(f, id);
	feed_stream(f, id, 0, 0, request, strlen(request), 0x18);
	feed_stream(f, id, RECORD_F_INGRESS, 0, response, strlen(response), 0x18);
	feed_close(f, id, 0, 0);
}

static void call_fields(void **state)
{
	static const char request[] = "\r\nPUT /latest/api/token?a=b HTTP/1.1\r\n" HOST
				      "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nX-Forwarded-For: 1.2.3.4\r\n"
				      "User-Agent: aws-sdk-go/1.25.37 (go1)\r\n\r\n";
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 1);
	feed_open(&f, 1);
	feed_stream(&f, 1, 0, 0, request, strlen(request), 0x18);
	feed_stream(&f, 1, RECORD_F_INGRESS, 0, OK("2\r\n\r\nab"), strlen(OK("2\r\n\r\nab")), 0x18);
	assert_non_null(f.last);
	assert_string_equal(f.last->provider, "aws");
	assert_string_equal(f.last->service, "ec2");
	assert_true(f.last->forwarded && f.last->has_token_ttl && f.last->complete);
	assert_int_equal(f.last->token_ttl, 60);
	assert_int_equal(f.last->hop_limit, 1);
	assert_int_equal(f.last->request_bytes, strlen(request));
	assert_int_equal(f.last->response_bytes, strlen(OK("2\r\n\r\nab")));
	assert_int_equal(f.last->time, RECORDS_REALTIME + 1000000 + 3000);
	assert_int_equal(f.last->duration, 1000);
	assert_int_equal(f.last->outcome, OUTCOME_SUCCESS);
	assert_true(span_equal(f.last->query, SPAN_LITERAL("a=b")));
	assert_true(span_equal(f.last->http_version, SPAN_LITERAL("1.1")));
	assert_true(span_equal(f.last->user_agent, SPAN_LITERAL("aws-sdk-go/1.25.37 (go1)")));
	assert_true(span_equal(f.last->sdk.name, SPAN_LITERAL("aws-sdk-go")));
	assert_true(f.last->sdk.has_supports_v2 && !f.last->sdk.supports_v2);
	assert_true(span_equal(f.last->head, (struct span){request + 2, strlen(request) - 4}));
	assert_int_equal(f.last->source.port, 40000);
	assert_int_equal(f.last->destination.port, 80);
	feeder_done(&f);
}

static void secrets_are_masked(void **state)
{
	static const char request[] =
		"GET /x/" SECRET "12345/y?X-Amz-Security-Token=" SECRET "&a=" SECRET "12345&tok%65n=" SECRET
		" HTTP/1.1\r\n"
		"User-Agent: a " SECRET "12345 b\r\nCookie: " SECRET "\r\nAuthorization: Bearer " SECRET "\r\n"
		"Proxy-Authorization: " SECRET "\r\nX-aws-ec2-metadata-token: " SECRET "12345\r\n"
		"X-aws-ec2-metadata-token : " SECRET "12345\r\nX-aws-ec2-metadata-token:\r\n " SECRET "\r\n\r\n";
	static const char args[] = "curl\0-H\0X-aws-ec2-metadata-token: " SECRET "12345\0u";
	struct feeder f;

	feeder_init(&f);
	feed_connect_as(&f, 1, 5, 5, (struct span){args, sizeof(args)}, 0);
	feed_stream(&f, 1, 0, 0, request, strlen(request), 0x18);
	feed_close(&f, 1, 0, 0);
	assert_int_equal(f.calls, 1);
	assert_int_equal(f.heads_with_secret, 0);
	assert_true(span_equal(f.last->path, SPAN_LITERAL("/x/**token redacted**/y")));
	assert_true(
		span_equal(f.last->query, SPAN_LITERAL("X-Amz-Security-Token=**token redacted**&a=**token redacted**"
						       "&tok%65n=**token redacted**")));
	assert_true(span_equal(f.last->user_agent, SPAN_LITERAL("a **token redacted** b")));
	assert_int_equal(f.last->version, VERSION_V2);
	feeder_done(&f);
}

#define BODY                                                                                                           \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAEXAMPLEEXAMPLE00\",\"SecretAccessKey\":\"" SECRET                 \
	"\",\"Token\":\"" SECRET "\",\"Expiration\":\"2026-11-22T12:00:00Z\"}"

static void credentials_keep_the_key_id(void **state)
{
	static const char request[] = "GET /latest/meta-data/iam/security-credentials/web-role HTTP/1.1\r\n\r\n";
	char response[1024], half[64];
	struct feeder f;

	feeder_init(&f);
	snprintf(response, sizeof(response), OK("%zu\r\n\r\n%s"), strlen(BODY), BODY);
	exchange_ok(&f, 1, request, response);
	assert_true(span_equal(f.last->credentials.role, SPAN_LITERAL("web-role")));
	assert_true(span_equal(f.last->credentials.access_key_id, SPAN_LITERAL("ASIAEXAMPLEEXAMPLE00")));
	assert_true(span_equal(f.last->credentials.expiration, SPAN_LITERAL("2026-11-22T12:00:00Z")));
	assert_true(call_is_alert(f.last));
	snprintf(response, sizeof(response),
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n%.16s\r\n%zx\r\n%s\r\n0\r\n\r\n", BODY,
		 strlen(BODY) - 16, &BODY[16]);
	exchange_ok(&f, 2, request, response);
	assert_true(span_equal(f.last->credentials.access_key_id, SPAN_LITERAL("ASIAEXAMPLEEXAMPLE00")));
	snprintf(half, sizeof(half), OK("%d\r\n\r\n%.9s"), 300, BODY);
	exchange_ok(&f, 3, request, half);
	assert_null(f.last->credentials.access_key_id.data);
	exchange_ok(&f, 4, request, "HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\n{}");
	assert_null(f.last->credentials.access_key_id.data);
	feeder_done(&f);
}

static void connections_without_request(void **state)
{
	static const struct {
		uint32_t error;
		uint16_t flags;
		uint8_t tcp_flags;
		const char *expected;
	} cases[] = {
		{0, RECORD_F_RELEASED, 0, "connect not sent\n"},
		{ECONNREFUSED, 0, 0, "connect ECONNREFUSED\n"},
		{ETIMEDOUT, 0, 0, "connect ETIMEDOUT\n"},
		{EHOSTUNREACH, 0, 0, "connect EHOSTUNREACH\n"},
		{0, 0, TCP_F_RST | TCP_F_ACK, "connect ECONNREFUSED\n"},
		{0, 0, TCP_F_SYN | TCP_F_ACK, "connect no request\n"},
		{0, 0, 0, "connect no answer\n"},
	};
	struct feeder f;

	feeder_init(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		feeder_reset(&f);
		feed_connect(&f, 7);
		if (cases[i].tcp_flags)
			feed_stream(&f, 7, RECORD_F_INGRESS, 0, NULL, 0, cases[i].tcp_flags);
		feed_close(&f, 7, cases[i].error, cases[i].flags);
		assert_string_equal(feeder_lines(&f), cases[i].expected);
	}
	feeder_done(&f);
}

static void socket_connects_again(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_connect(&f, 7);
	assert_string_equal(feeder_lines(&f), "connect no answer\n");
	feed_stream(&f, 7, 0, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_connect(&f, 7);
	feed_close(&f, 7, 0, RECORD_F_RELEASED);
	assert_string_equal(feeder_lines(&f),
			    "connect no answer\nGET /latest/meta-data/ v1 metadata\nconnect not sent\n");
	feeder_done(&f);
}

static void fast_open(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, 0, GET_V1, strlen(GET_V1), TCP_F_SYN);
	feed_close(&f, 7, ECONNREFUSED, 0);
	assert_string_equal(feeder_lines(&f), "connect ECONNREFUSED\n");
	feeder_reset(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, 0, GET_V1, strlen(GET_V1), TCP_F_SYN);
	feed_established(&f, 7);
	feed_stream(&f, 7, 0, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_stream(&f, 7, RECORD_F_INGRESS, 0, OK("0\r\n\r\n"), strlen(OK("0\r\n\r\n")), 0x18);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v1 metadata 200\n");
	feeder_done(&f);
}

static void open_before_start(void **state)
{
	uint16_t flags = RECORD_F_UNANNOUNCED | RECORD_F_NO_OFFSET;
	uint32_t out = 0xfffffff0, in = 0x7ffffff0;
	struct conversations_counts counts;
	struct feeder f;

	feeder_init(&f);
	feed_stream(&f, 7, flags, out, "rest of a body", 14, 0x18);
	out += 14;
	for (int i = 0; i < 2; i++) {
		feed_stream(&f, 7, flags, out, GET_V1, strlen(GET_V1), 0x18);
		out += (uint32_t)strlen(GET_V1);
		feed_stream(&f, 7, flags | RECORD_F_INGRESS, in, OK("0\r\n\r\n"), strlen(OK("0\r\n\r\n")), 0x18);
		in += (uint32_t)strlen(OK("0\r\n\r\n"));
	}
	feed_close(&f, 7, 0, flags);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ unknown metadata 200 incomplete\n"
					      "GET /latest/meta-data/ v1 metadata 200\n");
	conversations_count(f.table, &counts);
	assert_int_equal(counts.open_at_start, 1);
	assert_int_equal(counts.truncated, 0);
	feeder_done(&f);
}

/* MPTCP: all bytes are seen, the caller is not. */
static void connect_not_seen(void **state)
{
	struct conversations_counts counts;
	struct feeder f;

	feeder_init(&f);
	feed_stream(&f, 7, RECORD_F_NO_CONNECT | RECORD_F_INGRESS, 0, NULL, 0, TCP_F_SYN | TCP_F_ACK);
	feed_stream(&f, 7, RECORD_F_NO_CONNECT, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_stream(&f, 7, RECORD_F_NO_CONNECT | RECORD_F_INGRESS, 0, OK("0\r\n\r\n"), strlen(OK("0\r\n\r\n")), 0x18);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v1 metadata 200\n");
	assert_true(span_equal(f.last->reason, SPAN_LITERAL("the caller was not seen")));
	conversations_count(f.table, &counts);
	assert_int_equal(counts.open_at_start + counts.truncated, 0);
	feeder_done(&f);
}

/* Kernels to 6.x send the reset of an abort after the state change. */
static void reset_after_close(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_close(&f, 7, 0, 0);
	feed_stream(&f, 7, 0, (uint32_t)strlen(GET_V1), NULL, 0, TCP_F_RST | TCP_F_ACK);
	conversations_end(f.table);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v1 metadata\n");
	feeder_done(&f);
}

static void response_cut(void **state)
{
	struct feeder f;

	feeder_init(&f);
	exchange_ok(&f, 7, GET_V1, "HTTP/1.1 200 OK\r\nContent-");
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v1 metadata\n");
	assert_true(span_equal(f.last->reason, SPAN_LITERAL("incomplete response")));
	assert_int_equal(f.last->answer, ANSWER_CUT);
	feeder_done(&f);
}

/* What the service makes of an urgent byte is not on the wire. */
static void urgent_data(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, 0, GET_V1, 10, 0x18);
	feed_stream(&f, 7, 0, 10, GET_V1 + 10, strlen(GET_V1) - 10, 0x18 | TCP_F_URG);
	feed_stream(&f, 7, RECORD_F_INGRESS, 0, OK("0\r\n\r\n"), strlen(OK("0\r\n\r\n")), 0x18);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ unknown metadata 200 incomplete\n");
	assert_true(span_equal(f.last->reason, SPAN_LITERAL("urgent data in the request")));
	feeder_done(&f);
}

/* The offset passes 2^32 in the middle of a head. */
/* A response is lost: which of the open requests it answered is not known, so none of them gets a status. */
static void lost_response(void **state)
{
	static const char ok[] = OK("0\r\n\r\n");
	uint32_t out = 0;
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	for (uint32_t i = 0; i < 4; i++) {
		feed_stream(&f, 7, i == 1 ? RECORD_F_LOST : 0, out, GET_V1, strlen(GET_V1), 0x18);
		out += (uint32_t)strlen(GET_V1);
		if (i > 0)
			feed_stream(&f, 7, RECORD_F_INGRESS, i * (uint32_t)strlen(ok), ok, strlen(ok), 0x18);
	}
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v1 metadata incomplete\n"
					      "GET /latest/meta-data/ v1 metadata incomplete\n"
					      "GET /latest/meta-data/ v1 metadata 200 incomplete\n"
					      "GET /latest/meta-data/ v1 metadata 200\n");
	feeder_done(&f);
}

/* A request is lost between two others: it shows by its response. */
static void lost_request(void **state)
{
	static const char ok[] = OK("0\r\n\r\n");
	struct conversations_counts counts;
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	for (uint32_t i = 0; i < 4; i++) {
		if (i != 1)
			feed_stream(&f, 7, 0, i * (uint32_t)strlen(GET_V1), GET_V1, strlen(GET_V1), 0x18);
		feed_stream(&f, 7, RECORD_F_INGRESS | (i == 1 ? RECORD_F_LOST : 0), i * (uint32_t)strlen(ok), ok,
			    strlen(ok), 0x18);
	}
	feed_stream(&f, 7, 0, 4 * (uint32_t)strlen(GET_V1), NULL, 0, TCP_F_FIN | TCP_F_ACK);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ v1 metadata 200\n"
					      "  unknown - 200 incomplete\n"
					      "GET /latest/meta-data/ unknown metadata 200 incomplete\n"
					      "GET /latest/meta-data/ v1 metadata 200\n");
	conversations_count(f.table, &counts);
	assert_int_equal(counts.truncated, 2);
	feeder_done(&f);
}

/* The last request is lost and never answered: the FIN's offset tells. */
static void lost_tail(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_established(&f, 7);
	feed_stream(&f, 7, RECORD_F_LOST, 200, NULL, 0, TCP_F_FIN | TCP_F_ACK);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "connect bytes were lost incomplete\n");
	feeder_done(&f);
}

static void feed_loss(struct feeder *f, uint64_t streams)
{
	struct loss_record r = {.header = {RECORD_LOSS, 0, sizeof(r), 0, 0}, .lost = {[RECORD_STREAM] = streams}};

	feed_bytes(f, &r, sizeof(r));
}

/* An aborted socket's RST leaves after its close was told. */
static void flags_after_the_end(void **state)
{
	struct conversations_counts counts;
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_established(&f, 7);
	feed_close(&f, 7, 0, 0);
	feed_stream(&f, 7, 0, 0, NULL, 0, TCP_F_RST | TCP_F_ACK);
	conversations_count(f.table, &counts);
	assert_int_equal(counts.active, 0);
	assert_string_equal(feeder_lines(&f), "connect no request\n");
	feeder_done(&f);
}

/* A response tells of a lost request before its hole shows: that is one event, not two. */
static void lost_request_told_by_its_response(void **state)
{
	static const char ok[] = OK("0\r\n\r\n");
	uint32_t request = (uint32_t)strlen(GET_V1), response = (uint32_t)strlen(ok);
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_established(&f, 7);
	feed_stream(&f, 7, RECORD_F_INGRESS, 0, ok, response, 0x18);
	feed_stream(&f, 7, RECORD_F_LOST, request, GET_V1, request, 0x18);
	feed_stream(&f, 7, 0, 2 * request, GET_V1, request, 0x18);
	feed_stream(&f, 7, RECORD_F_INGRESS | RECORD_F_LOST, 2 * response, ok, response, 0x18);
	feed_close(&f, 7, 0, 0);
	assert_int_equal(f.calls, 3);
	feeder_done(&f);
}

/* Nothing that came after it tells whose record was lost: all that was open then is in doubt, what began later is not.
 */
static void lost_end(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_loss(&f, 1);
	feed_connect(&f, 7);
	feed_connect(&f, 8);
	feed_stream(&f, 8, 0, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_connect(&f, 9);
	feed_close(&f, 9, 0, 0);
	feed_loss(&f, 2);
	feed_connect(&f, 10);
	f.now -= 3000; /* made before the loss was read, and read after it */
	feed_connect(&f, 11);
	for (uint64_t id = 7; id <= 11; id++)
		feed_close(&f, id, 0, 0);
	assert_string_equal(feeder_lines(&f), "connect no answer\n"
					      "connect records were lost incomplete\n"
					      "GET /latest/meta-data/ v1 metadata incomplete\n"
					      "connect no answer\n"
					      "connect records were lost incomplete\n");
	feeder_done(&f);
}

/* The end of a head may be what was lost: the service may have received it, so it is a request, of no version. */
static void lost_end_of_head(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_connect(&f, 7);
	feed_stream(&f, 7, 0, 0, GET_V1, strlen(GET_V1) - 2, 0x18);
	feed_loss(&f, 1);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ unknown metadata incomplete\n");
	feeder_done(&f);
}

/* A token request may have been among what was lost. */
static void loss_hides_the_cause(void **state)
{
	struct feeder f;

	feeder_init(&f);
	f.config.attached_since = 1;
	conversations_free(f.table);
	f.table = conversations_new(&f.config);
	exchange_ok(&f, 7, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_NO_TOKEN_SUPPORT);
	feed_loss(&f, 1);
	exchange_ok(&f, 8, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_UNKNOWN);
	feeder_done(&f);
}

static void too_many_conversations(void **state)
{
	struct conversations_counts counts;
	struct feeder f;

	feeder_init(&f);
	f.config.max = 10;
	conversations_free(f.table);
	f.table = conversations_new(&f.config);
	for (uint64_t id = 1; id <= 10; id++)
		feed_connect(&f, id);
	feed_stream(&f, 1, 0, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_connect(&f, 11);
	assert_string_equal(feeder_lines(&f), "connect evicted incomplete\n");
	conversations_count(f.table, &counts);
	assert_int_equal(counts.evicted, 1);
	assert_int_equal(counts.active, 10);
	feeder_done(&f);
}

/* The table forgot a keep-alive connection; what it says next is not trusted at once. */
static void evicted_comes_back(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_stream(&f, 7, 0, 500, GET_V1, strlen(GET_V1), 0x18);
	feed_stream(&f, 7, RECORD_F_INGRESS, 900, OK("0\r\n\r\n"), strlen(OK("0\r\n\r\n")), 0x18);
	feed_stream(&f, 7, 0, 500 + (uint32_t)strlen(GET_V1), GET_V2, strlen(GET_V2), 0x18);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/meta-data/ unknown metadata 200 incomplete\n"
					      "GET /latest/user-data v2 user-data\n");
	feeder_done(&f);
}

/* What looks like a request after a loss may be part of a body: its token decides nothing until an answer confirms it.
 */
static void candidate_with_token(void **state)
{
	struct feeder f;

	feeder_init(&f);
	feed_stream(&f, 7, 0, 500, GET_V2, strlen(GET_V2), 0x18);
	feed_close(&f, 7, 0, 0);
	assert_string_equal(feeder_lines(&f), "GET /latest/user-data unknown user-data incomplete\n");
	feeder_done(&f);
}

static void memory_is_bounded(void **state)
{
	char junk[4096];
	struct feeder f;

	feeder_init(&f);
	f.config.max_buffered = 65536;
	conversations_free(f.table);
	f.table = conversations_new(&f.config);
	memset(junk, 'a', sizeof(junk));
	for (uint64_t id = 1; id <= 100; id++) {
		feed_connect(&f, id);
		feed_stream(&f, id, 0, 0, "GET /x HTTP/1.1\r\nA: ", 20, 0x18);
		for (uint32_t i = 0; i < 10; i++) {
			feed_stream(&f, id, 0, 20 + i * 4096, junk, sizeof(junk), 0x18);
			feed_stream(&f, id, RECORD_F_INGRESS, 100 + i * 5000, junk, sizeof(junk), 0x18);
		}
	}
	for (uint64_t id = 1; id <= 100; id++) {
		feed_stream(&f, id, 0, 20 + 10 * 4096, "\r\n" TOKEN "\r\n", strlen("\r\n" TOKEN "\r\n"), 0x18);
		feed_close(&f, id, 0, 0);
	}
	assert_int_equal(f.v2, 100);
	assert_int_equal(f.v1 + f.unknown, 0);
	feeder_done(&f);
}

static void causes(void **state)
{
	static const char refused[] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
	struct feeder f;

	feeder_init(&f);
	f.config.attached_since = 100;
	conversations_free(f.table);
	f.table = conversations_new(&f.config);
	exchange_ok(&f, 1, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_UNKNOWN);
	feed_connect_as(&f, 2, 10, 200, (struct span){0}, 0);
	feed_stream(&f, 2, 0, 0, GET_V1, strlen(GET_V1), 0x18);
	feed_close(&f, 2, 0, 0);
	assert_int_equal(f.last->cause, CAUSE_NO_TOKEN_SUPPORT);
	exchange_ok(&f, 3, PUT, refused);
	assert_int_equal(f.last->cause, CAUSE_NONE);
	exchange_ok(&f, 4, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_TOKEN_REFUSED);
	feed_connect(&f, 5);
	feed_stream(&f, 5, 0, 0, PUT, strlen(PUT), 0x18);
	exchange_ok(&f, 6, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_TOKEN_UNANSWERED);
	feed_close(&f, 5, 0, 0);
	exchange_ok(&f, 6, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_TOKEN_UNANSWERED);
	exchange_ok(&f, 7, PUT, OK("1\r\n\r\na"));
	exchange_ok(&f, 8, GET_V1, OK("0\r\n\r\n"));
	assert_int_equal(f.last->cause, CAUSE_UNKNOWN);
	feeder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_fields),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(credentials_keep_the_key_id),
		cmocka_unit_test(connections_without_request),
		cmocka_unit_test(socket_connects_again),
		cmocka_unit_test(fast_open),
		cmocka_unit_test(open_before_start),
		cmocka_unit_test(connect_not_seen),
		cmocka_unit_test(urgent_data),
		cmocka_unit_test(reset_after_close),
		cmocka_unit_test(response_cut),
		cmocka_unit_test(lost_response),
		cmocka_unit_test(lost_request),
		cmocka_unit_test(lost_tail),
		cmocka_unit_test(flags_after_the_end),
		cmocka_unit_test(lost_end),
		cmocka_unit_test(lost_end_of_head),
		cmocka_unit_test(loss_hides_the_cause),
		cmocka_unit_test(lost_request_told_by_its_response),
		cmocka_unit_test(too_many_conversations),
		cmocka_unit_test(evicted_comes_back),
		cmocka_unit_test(candidate_with_token),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
