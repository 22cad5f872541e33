/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "call/http.h"

static struct head scan(enum head_kind kind, const char *text)
{
	enum head_result r = HEAD_MORE;
	struct head h;

	head_init(&h, kind);
	while (*text && r == HEAD_MORE)
		r = head_step(&h, (uint8_t)*text++);
	assert_int_equal(r, HEAD_DONE);
	return h;
}

static struct http request(const char *headers)
{
	char text[256];
	struct http h = {0};
	struct head head;

	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s\r\n", headers);
	head = scan(HEAD_REQUEST, text);
	http_begin_request(&h, &head);
	return h;
}

static struct http response(const char *text, enum head_method method)
{
	struct head head = scan(HEAD_RESPONSE, text);
	struct http h = {0};

	http_begin_response(&h, &head, method);
	return h;
}

/* Feeds all in pieces; returns the bytes taken before the message ended, and collects the content. */
static size_t feed(struct http *h, const char *text, size_t piece, char *content)
{
	size_t length = strlen(text), at = 0;
	struct span s;

	*content = '\0';
	while (at < length && http_in_body(h)) {
		at += http_feed(h, text + at, length - at < piece ? length - at : piece, &s);
		strncat(content, s.data, s.length);
	}
	return at;
}

static void request_framing(void **state)
{
	struct head simple = scan(HEAD_REQUEST, "GET /\r\n"), old;
	struct http h;

	assert_int_equal(request("").state, HTTP_HEAD);
	assert_int_equal(request("Content-Length: 0\r\n").state, HTTP_HEAD);
	assert_int_equal(request("Content-Length: 7\r\n").left, 7);
	assert_int_equal(request("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n").state, HTTP_CHUNK_SIZE);
	assert_int_equal(request("Content-Length: x\r\n").state, HTTP_LOST);
	assert_int_equal(request("Transfer-Encoding: gzip\r\n").state, HTTP_LOST);
	http_begin_request(&h, &simple);
	assert_int_equal(h.state, HTTP_OPAQUE);
	old = scan(HEAD_REQUEST, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
	http_begin_request(&h, &old);
	assert_int_equal(h.state, HTTP_LOST);
}

static void response_framing(void **state)
{
	static const char length[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

	assert_int_equal(response(length, METHOD_GET).left, 5);
	assert_int_equal(response(length, METHOD_HEAD).state, HTTP_HEAD);
	assert_int_equal(response(length, METHOD_CONNECT).state, HTTP_OPAQUE);
	assert_int_equal(response("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", METHOD_GET).state, HTTP_HEAD);
	assert_int_equal(response("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", METHOD_GET).state, HTTP_HEAD);
	assert_int_equal(response("HTTP/1.1 101 x\r\n\r\n", METHOD_GET).state, HTTP_OPAQUE);
	assert_int_equal(response("HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\n", METHOD_CONNECT).left, 5);
	assert_int_equal(response("HTTP/1.0 200 x\r\n\r\n", METHOD_GET).state, HTTP_UNTIL_CLOSE);
	assert_int_equal(response("HTTP/1.0 200 x\r\nContent-Length: -\r\n\r\n", METHOD_GET).state, HTTP_UNTIL_CLOSE);
	assert_int_equal(response("HTTP/1.1 200 x\r\nTransfer-Encoding: gzip\r\n\r\n", METHOD_GET).state,
			 HTTP_UNTIL_CLOSE);
}

static void chunked_in_any_pieces(void **state)
{
	static const char text[] =
		"5\r\nhello\r\n1;ext=\"\r;\"\r\n \r\nA ; b\r\n0123456789\r\n00\r\nTrailer: x\r\n\r\nNEXT";
	char content[64];

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct http h = request("Transfer-Encoding: chunked\r\n");

		assert_int_equal(feed(&h, text, piece, content), sizeof(text) - 1 - 4);
		assert_int_equal(h.state, HTTP_HEAD);
		assert_string_equal(content, "hello 0123456789");
	}
}

static void broken_chunks(void **state)
{
	static const char *const broken[] = {"x\r\n", "\r\n", "5\r\nhelloX", ";\r\n", "11111111111111111\r\n"};
	char content[64];

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct http h = request("Transfer-Encoding: chunked\r\n");

		feed(&h, broken[i], 1, content);
		assert_int_equal(h.state, HTTP_LOST);
	}
}

static void skipping(void **state)
{
	struct http h = request("Content-Length: 10\r\n");
	char content[64];

	assert_false(http_skip(&h, 11));
	assert_true(http_skip(&h, 9));
	assert_int_equal(h.left, 1);
	assert_true(http_skip(&h, 1));
	assert_int_equal(h.state, HTTP_HEAD);
	assert_false(http_skip(&h, 1));
	h = request("Transfer-Encoding: chunked\r\n");
	assert_false(http_skip(&h, 1));
	feed(&h, "8\r\nab", 10, content);
	assert_true(http_skip(&h, 6));
	assert_int_equal(h.state, HTTP_CHUNK_END);
	assert_false(http_skip(&h, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_framing),
		cmocka_unit_test(response_framing),
		cmocka_unit_test(chunked_in_any_pieces),
		cmocka_unit_test(broken_chunks),
		cmocka_unit_test(skipping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
