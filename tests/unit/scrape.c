/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "metrics/scrape.h"

#include <stdlib.h>

static unsigned status_of(const char *request)
{
	struct scrape whole, bytes;
	struct span s = span_of(request);
	unsigned status, again = 0;

	scrape_init(&whole);
	scrape_init(&bytes);
	status = scrape_read(&whole, s);
	for (size_t i = 0; i < s.length && again == 0; i++)
		again = scrape_read(&bytes, (struct span){s.data + i, 1});
	assert_int_equal(status, again);
	return status;
}

#define HOST "Host: localhost\r\n\r\n"

static void requests_and_their_status(void **state)
{
	static const struct {
		const char *request;
		unsigned status;
	} cases[] = {
		{"GET /metrics HTTP/1.1\r\n" HOST, 200},
		{"GET /metrics HTTP/1.1\n" HOST, 200},
		{"\r\nGET /metrics HTTP/1.1\r\n" HOST, 200},
		{"HEAD /metrics HTTP/1.1\r\n" HOST, 200},
		{"GET /metrics HTTP/1.0\r\n\r\n", 200},
		{"GET /metrics?name[]=a HTTP/1.1\r\n" HOST, 200},
		{"GET http://localhost:9100/metrics HTTP/1.1\r\n" HOST, 200},
		{"GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n" HOST, 200},
		{"GET /metrics HTTP/1.1\r\n", 0},
		{"GET /metrics HTTP/1.1\r\nHost: localhost\r\n", 0},
		{"", 0},
		{"\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\n" HOST, 404},
		{"GET /metricsx HTTP/1.1\r\n" HOST, 404},
		{"GET /metrics/ HTTP/1.1\r\n" HOST, 404},
		{"GET /Metrics HTTP/1.1\r\n" HOST, 404},
		{"GET //metrics HTTP/1.1\r\n" HOST, 404},
		{"GET /../metrics HTTP/1.1\r\n" HOST, 404},
		{"GET http://localhost HTTP/1.1\r\n" HOST, 404},
		{"GET http:///metric HTTP/1.1\r\n" HOST, 404},
		{"POST /nothing HTTP/1.1\r\n" HOST, 404},
		{"POST /metrics HTTP/1.1\r\n" HOST, 405},
		{"get /metrics HTTP/1.1\r\n" HOST, 405},
		{"OPTIONS /metrics HTTP/1.1\r\n" HOST, 405},
		{"GET /metrics HTTP/1.1\r\n\r\n", 400}, /* no Host */
		{"GET /metrics\r\n", 400},              /* HTTP/0.9 */
		{"GET /a /metrics HTTP/1.1\r\n" HOST, 400},
		{"GET /metrics HTTP/2.0\r\n" HOST, 505},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
		{"\x16\x03\x01\x02", 400}, /* TLS */
		{"@", 400},
		{" GET /metrics HTTP/1.1\r\n" HOST, 400},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (status_of(cases[i].request) != cases[i].status)
			print_error("%s\n", cases[i].request);
		assert_int_equal(status_of(cases[i].request), cases[i].status);
	}
}

static unsigned read_many(struct scrape *s, const char *piece, unsigned times)
{
	unsigned status = 0;

	for (unsigned i = 0; i < times && status == 0; i++)
		status = scrape_read(s, span_of(piece));
	return status;
}

static void size_is_bounded(void **state)
{
	struct scrape s;

	scrape_init(&s);
	assert_int_equal(scrape_read(&s, SPAN_LITERAL("GET /metrics HTTP/1.1\r\n")), 0);
	assert_int_equal(read_many(&s, "X-Filling: something\r\n", 1000), 431);
	assert_in_range(s.head.length, SCRAPE_HEAD_MAX, SCRAPE_HEAD_MAX);
	scrape_init(&s);
	assert_int_equal(read_many(&s, "\r\n", 10000), 431);
	scrape_init(&s);
	assert_int_equal(scrape_read(&s, SPAN_LITERAL("GET /")), 0);
	assert_int_equal(read_many(&s, "aaaaaaaaaa", 1000), 431);
	scrape_init(&s);
	assert_int_equal(scrape_read(&s, SPAN_LITERAL("GET /metrics?")), 0);
	assert_int_equal(read_many(&s, "aaaaaaaaaa", 500), 0);
	assert_int_equal(scrape_read(&s, SPAN_LITERAL(" HTTP/1.0\r\n\r\n")), 200);
	scrape_init(&s);
	assert_int_equal(read_many(&s, "G", 40), 400); /* no method is that long */
}

static void expect(const char *request, struct span content, const char *expected)
{
	struct buffer b = {0};
	struct scrape s;

	scrape_init(&s);
	scrape_answer(&s, scrape_read(&s, span_of(request)), content, &b);
	buffer_byte(&b, '\0');
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

#define OK                                                                                                             \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 4\r\n"           \
	"Connection: close\r\n\r\n"

static void responses(void **state)
{
	const struct span content = SPAN_LITERAL("a 1\n");

	expect("GET /metrics HTTP/1.0\r\n\r\n", content, OK "a 1\n");
	expect("HEAD /metrics HTTP/1.0\r\n\r\n", content, OK);
	expect("GET / HTTP/1.0\r\n\r\n", content,
	       "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n"
	       "Connection: close\r\n\r\nNot Found\n");
	expect("PUT /metrics HTTP/1.0\r\n\r\n", content,
	       "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n"
	       "Allow: GET, HEAD\r\nConnection: close\r\n\r\nMethod Not Allowed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_their_status),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
