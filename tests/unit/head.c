/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "../fuzz/head_reference.h"

static enum head_result scan(struct head *h, enum head_kind kind, const char *text, size_t length)
{
	enum head_result r = HEAD_MORE;

	head_init(h, kind);
	for (size_t i = 0; i < length && r == HEAD_MORE; i++)
		r = head_step(h, (uint8_t)text[i]);
	return r;
}

static struct head request(const char *text)
{
	struct head h;

	assert_int_equal(scan(&h, HEAD_REQUEST, text, strlen(text)), HEAD_DONE);
	assert_int_equal(h.leading + h.length, strlen(text));
	return h;
}

static struct head response(const char *text)
{
	struct head h;

	assert_int_equal(scan(&h, HEAD_RESPONSE, text, strlen(text)), HEAD_DONE);
	return h;
}

static void is_error(const char *text)
{
	struct head h;

	if (scan(&h, HEAD_REQUEST, text, strlen(text)) != HEAD_ERROR)
		fail_msg("accepted: %s", text);
}

static void assert_span(const char *text, const struct head *h, struct head_span s, const char *expected)
{
	assert_int_equal(s.length, strlen(expected));
	assert_memory_equal(text + h->leading + s.offset, expected, s.length);
}

static void table_matches_the_names(void **state)
{
	static const char *const names[] = HEAD_NAME_LIST;

	for (unsigned p = 0; p < HEAD_NAME_MAX; p++)
		for (int c = 0; c < 256; c++) {
			uint32_t expected = 0;

			for (unsigned k = 0; k < HEAD_NAMES; k++)
				if (p < strlen(names[k]) && names[k][p] == tolower(c))
					expected |= 1U << k;
			assert_int_equal(head_letters[p][head_symbol((uint8_t)c)], expected);
		}
	for (unsigned length = 0; length <= HEAD_NAME_MAX; length++)
		for (unsigned k = 0; k < HEAD_NAMES; k++)
			assert_int_equal(head_ends[length] >> k & 1, strlen(names[k]) == length);
}

static void reads_request_line(void **state)
{
	static const char text[] = "\r\n\nGET /latest/meta-data/?a=b HTTP/1.0\r\nHost: 169.254.169.254\r\n"
				   "User-Agent:\tcurl/8.3.0 \r\n\r\n";
	struct head h = request(text);

	assert_int_equal(h.leading, 3);
	assert_int_equal(h.method_kind, METHOD_GET);
	assert_int_equal(h.major * 10 + h.minor, 10);
	assert_span(text, &h, h.method, "GET");
	assert_span(text, &h, h.target, "/latest/meta-data/?a=b");
	assert_span(text, &h, h.value[VALUE_HOST], "169.254.169.254");
	assert_span(text, &h, h.value[VALUE_USER_AGENT], "curl/8.3.0");
	assert_int_equal(h.seen, HEADER_HOST | HEADER_USER_AGENT);
}

static void lenient_where_servers_are(void **state)
{
	static const char spaces[] = "GET  /a b HTT  c   HTTP/1.1 \n\n";
	struct head h = request(spaces);

	assert_span(spaces, &h, h.target, "/a b HTT  c");
	assert_true(h.flags & HEAD_F_SPACES);
	assert_int_equal(request("X-!#$%&'*+.^_`|~ * HTTP/1.1\r\n\r\n").method_kind, METHOD_OTHER);
	assert_int_equal(request("CONNECT a:80 HTTP/1.1\r\n\r\n").method_kind, METHOD_CONNECT);
	assert_int_equal(request("HEAD http://h/x HTTP/1.1\r\n\n").method_kind, METHOD_HEAD);
	assert_int_equal(request("PUT\t/\tHTTP/1.1\n\r\n").method_kind, METHOD_PUT);
	assert_int_equal(request("get / HTTP/1.1\n\r\n").method_kind, METHOD_OTHER);
	assert_int_equal(request("POST / HTTP/1.1\n\r\n").method_kind, METHOD_POST);
	request("GET / HTTP/1.1\r\n:\r\nno colon\r\n \r\n\rx\r\n\r\n");
}

static void simple_request(void **state)
{
	static const char text[] = "GET /x\r\n";
	struct head h = request(text);

	assert_int_equal(h.major * 10 + h.minor, 9);
	assert_span(text, &h, h.target, "/x");
	request("GET /x\n");
	request("GET /x \n");
	is_error("POST /x\r\n");
	is_error("GET /x y\r\n");
}

static void rejects_what_is_no_http(void **state)
{
	struct head h;

	is_error("\x16\x03\x01\x02");
	is_error("SSH-2.0-OpenSSH_9.2p1\r\n");
	is_error("GET\r\n");
	is_error("GET / HTTP/1.1\rX");
	is_error("GET / HTTP/1.1x\r\n");
	is_error("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	is_error("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	assert_int_equal(scan(&h, HEAD_REQUEST, "PRI * HTTP/2.0\r\n", 16), HEAD_ERROR);
	assert_true(head_is_http2(&h));
	assert_int_equal(head_step(&h, 'x'), HEAD_ERROR);
}

#define LINE "GET / HTTP/1.1\r\n"

static void header_is_a_whole_name_at_line_start(void **state)
{
	static const char *const with[] = {
		LINE "X-aws-ec2-metadata-token: a\r\n\r\n",
		LINE "x-AWS-EC2-metadata-TOKEN:\r\n\r\n",
		LINE "A: b\nX-aws-ec2-metadata-token:a\n\n",
		LINE "junk\r\nX-aws-ec2-metadata-token: a\r\n\r\n",
		LINE " folded\r\nX-aws-ec2-metadata-token: a\r\n\r\n",
	};
	static const char *const without[] = {
		LINE "X-aws-ec2-metadata-token : a\r\n\r\n",
		LINE " X-aws-ec2-metadata-token: a\r\n\r\n",
		LINE "A: b\r\n\tX-aws-ec2-metadata-token: a\r\n\r\n",
		LINE "A: X-aws-ec2-metadata-token: a\r\n\r\n",
		LINE "X-aws-ec2-metadata-tokens: a\r\n\r\n",
		LINE "X-aws-ec2-metadata-toke: a\r\n\r\n",
		LINE "X-aws-ec2-metadata-token-ttl-seconds: 5\r\n\r\n",
		LINE "X-aws-ec2-metadata-token\r\n\r\n",
		LINE "XX-aws-ec2-metadata-token: a\r\n\r\n",
		LINE "X_aws_ec2_metadata_token: a\r\n\r\n",
		"GET /X-aws-ec2-metadata-token: HTTP/1.1\r\n\r\n",
		LINE "A\rX-aws-ec2-metadata-token: a\r\n\r\n",
		LINE "X-aws-ec2-metadata-token-ttl-seconds-and-much-more-than-any-name-has: 5\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(with) / sizeof(*with); i++)
		assert_true(request(with[i]).seen & HEADER_AWS_TOKEN);
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		if (request(without[i]).seen & HEADER_AWS_TOKEN)
			fail_msg("token seen in: %s", without[i]);
}

static void content_length(void **state)
{
	struct head h = request(LINE "Content-Length: 42 \r\ncontent-length:\t42\r\n\r\n");

	assert_true(h.flags & HEAD_F_LENGTH && !(h.flags & HEAD_F_BAD_LENGTH));
	assert_int_equal(h.content_length, 42);
	h = request(LINE "Content-Length: 5, 5\r\n\r\n");
	assert_int_equal(h.content_length, 5);
	assert_false(h.flags & HEAD_F_BAD_LENGTH);
	h = request(LINE "Content-Length: 18446744073709551615\r\n\r\n");
	assert_true(h.content_length == UINT64_MAX && !(h.flags & HEAD_F_BAD_LENGTH));
	h = request(LINE "Content-Length:\r\n 7\r\n\r\n");
	assert_int_equal(h.content_length, 7);
}

static void bad_content_length(void **state)
{
	static const char *const bad[] = {
		LINE "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		LINE "Content-Length: 18446744073709551616\r\n\r\n",
		LINE "Content-Length: -1\r\n\r\n",
		LINE "Content-Length: 1 2\r\n\r\n",
		LINE "Content-Length: 5, 6\r\n\r\n",
		LINE "Content-Length:\r\n\r\n",
		LINE "Content-Length: 0x10\r\n\r\n",
		LINE "Content-Length: 1\r\n 2\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!(request(bad[i]).flags & HEAD_F_BAD_LENGTH))
			fail_msg("taken: %s", bad[i]);
}

static void transfer_encoding(void **state)
{
	assert_true(request(LINE "Transfer-Encoding: Chunked\r\n\r\n").flags & HEAD_F_CHUNKED);
	assert_true(request(LINE "Transfer-Encoding: gzip, chunked\r\n\r\n").flags & HEAD_F_CHUNKED);
	assert_true(request(LINE "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n").flags &
		    HEAD_F_CHUNKED);
	assert_false(request(LINE "Transfer-Encoding: chunked, gzip\r\n\r\n").flags & HEAD_F_CHUNKED);
	assert_false(request(LINE "Transfer-Encoding: chunked x\r\n\r\n").flags & HEAD_F_CHUNKED);
	assert_false(request(LINE "Transfer-Encoding: xchunked\r\n\r\n").flags & HEAD_F_CHUNKED);
	assert_true(request(LINE "Transfer-Encoding:\r\n chunked\r\n\r\n").flags & HEAD_F_CHUNKED);
	assert_false(request(LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n").flags &
		     HEAD_F_CHUNKED);
}

static void cloud_headers(void **state)
{
	assert_true(request(LINE "Metadata: True\r\n\r\n").flags & HEAD_F_METADATA_TRUE);
	assert_false(request(LINE "Metadata: false\r\n\r\n").flags & HEAD_F_METADATA_TRUE);
	assert_true(request(LINE "Metadata-Flavor: Google\r\n\r\n").flags & HEAD_F_GOOGLE);
	assert_false(request(LINE "Metadata-Flavor: ibm\r\n\r\n").flags & HEAD_F_GOOGLE);
	assert_true(request(LINE "X-Google-Metadata-Request: True\r\n\r\n").flags & HEAD_F_GOOGLE);
	assert_int_equal(request(LINE "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n").ttl, 21600);
	assert_false(request(LINE "X-aws-ec2-metadata-token-ttl-seconds: 99999999999\r\n\r\n").flags & HEAD_F_TTL);
	assert_false(request(LINE "X-aws-ec2-metadata-token-ttl-seconds: abc\r\n\r\n").flags & HEAD_F_TTL);
}

/* Which bytes a reader must not keep. */
static void hides_secret_values(void **state)
{
	static const char text[] = LINE "Accept: open\r\nX-aws-ec2-metadata-token: hid\r\n\thid\r\nCookie:hid hid\r\n"
					"Authorization : hid\r\nA: open\r\n open\r\n\r\n";
	char kept[sizeof(text)] = "";
	size_t n = 0;
	struct head h;

	head_init(&h, HEAD_REQUEST);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		head_step(&h, (uint8_t)text[i]);
		if (!(h.flags & HEAD_F_HIDING))
			kept[n++] = text[i];
	}
	kept[n] = '\0';
	assert_null(strstr(kept, "hid"));
	assert_non_null(strstr(kept, "A: open\r\n open"));
	assert_non_null(strstr(kept, "Accept: open"));
}

static void reads_responses(void **state)
{
	struct head h = response("HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\n");

	assert_int_equal(h.status, 401);
	assert_int_equal(h.content_length, 3);
	assert_int_equal(response("HTTP/1.0 200\r\n\r\n").status, 200);
	assert_int_equal(response("HTTP/1.1 204 \n\n").status, 204);
	assert_int_equal(scan(&h, HEAD_RESPONSE, "HTTP/1.1 20 OK\r\n", 16), HEAD_ERROR);
	assert_int_equal(scan(&h, HEAD_RESPONSE, "HTTP/1.1 2000 OK\r\n", 18), HEAD_ERROR);
	assert_int_equal(scan(&h, HEAD_RESPONSE, "SSH-2.0", 7), HEAD_ERROR);
}

static void any_size(void **state)
{
	char *text = NULL;
	struct head h;

	assert_true(asprintf(&text, LINE "A: %0200000d\r\nx-aws-ec2-metadata-token: t\r\n\r\n", 7) > 200000);
	h = request(text);
	assert_true(h.seen & HEADER_AWS_TOKEN);
	assert_span(text, &h, h.value[VALUE_TOKEN], "t");
	free(text);
}

static const char *const samples[] = {
	LINE "Host: a\r\n\r\n",
	("PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"
	 "Content-Length: 0\r\nUser-Agent: aws-sdk-go/1.34.26\r\n\r\n"),
	"GET /latest/meta-data/ HTTP/1.1\r\nX-aws-ec2-metadata-token: AQAE==\r\nAccept: */*\r\n\r\n",
	"POST http://h:80/x?y=z HTTP/1.0\r\nTransfer-Encoding: chunked\r\nA: b\r\n c\r\n\td\r\n\r\n",
	"\r\n\r\nHEAD / HTTP/1.1\nHost:a\nAuthorization: Bearer x\n\n",
	"GET /computeMetadata/v1/ HTTP/1.1\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n",
	"CONNECT a:443 HTTP/1.1\r\nContent-Length: 10\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\nUpgrade: h2c\r\nMetadata:true\r\n\r\n",
	"DELETE /a HTTP/1.1\r\nContent-Length: 5 \r\nForwarded: for=x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
};

/* What http-parser forgets: the list is one list over all its lines, an empty element and white space are nothing. */
static const char *const forgotten[] = {
	LINE "Transfer-Encoding: chunked\r\n \r\n\r\n",
	LINE "Transfer-Encoding: chunked \r\n  \r\nA: b\r\n\r\n",
	LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n",
	LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n \r\n\r\n",
	LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding-X: y\r\n\r\n",
};

static void compare(const char *text, size_t length, unsigned *accepted)
{
	bool taken;
	const char *what = head_compare(text, length, &taken);

	*accepted += taken;
	if (what)
		fail_msg("%s differs for %.*s", what, (int)length, text);
}

static void agrees_with_http_parser(void **state)
{
	unsigned accepted = 0;

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		compare(samples[i], strlen(samples[i]), &accepted);
	assert_int_equal(accepted, sizeof(samples) / sizeof(*samples));
}

static void remembers_what_http_parser_forgets(void **state)
{
	unsigned accepted = 0;

	for (size_t i = 0; i < sizeof(forgotten) / sizeof(*forgotten); i++) {
		if (!(request(forgotten[i]).flags & HEAD_F_CHUNKED))
			fail_msg("not chunked: %s", forgotten[i]);
		compare(forgotten[i], strlen(forgotten[i]), &accepted);
	}
	assert_int_equal(accepted, sizeof(forgotten) / sizeof(*forgotten));
}

static size_t mutate(char *text, size_t length, unsigned *seed)
{
	static const char alphabet[] = " \t\r\n:,;/?a0A-=\x01\x80";
	size_t at = (size_t)rand_r(seed) % length;
	char c = alphabet[(size_t)rand_r(seed) % (sizeof(alphabet) - 1)];

	switch (rand_r(seed) % 3) {
	case 0:
		text[at] = c;
		return length;
	case 1:
		memmove(text + at + 1, text + at, length - at);
		text[at] = c;
		return length + 1;
	default:
		memmove(text + at, text + at + 1, length - at - 1);
		return length - 1;
	}
}

static void agrees_on_mutations(void **state)
{
	unsigned seed = 1, accepted = 0;

	for (unsigned round = 0; round < 200000; round++) {
		const char *sample = samples[round % (sizeof(samples) / sizeof(*samples))];
		size_t length = strlen(sample);
		char text[512];

		memcpy(text, sample, length);
		for (int i = rand_r(&seed) % 4; i >= 0; i--)
			length = mutate(text, length, &seed);
		compare(text, length, &accepted);
	}
	assert_true(accepted > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_matches_the_names),
		cmocka_unit_test(reads_request_line),
		cmocka_unit_test(lenient_where_servers_are),
		cmocka_unit_test(simple_request),
		cmocka_unit_test(rejects_what_is_no_http),
		cmocka_unit_test(header_is_a_whole_name_at_line_start),
		cmocka_unit_test(content_length),
		cmocka_unit_test(bad_content_length),
		cmocka_unit_test(transfer_encoding),
		cmocka_unit_test(cloud_headers),
		cmocka_unit_test(hides_secret_values),
		cmocka_unit_test(reads_responses),
		cmocka_unit_test(any_size),
		cmocka_unit_test(agrees_with_http_parser),
		cmocka_unit_test(remembers_what_http_parser_forgets),
		cmocka_unit_test(agrees_on_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
