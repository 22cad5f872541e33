// SPDX-License-Identifier: Apache-2.0
/* Requests of awkward content, sent in one go. */
#include <stdlib.h>
#include <string.h>

#include "act.h"

/* Sends what `write` composes and prints what comes back. */
static int exchange(const struct act *a, void (*write)(struct buffer *b, const struct act *a))
{
	struct buffer b = {0};
	int fd = connected(a);

	write(&b, a);
	send_all(fd, buffer_view(&b));
	buffer_done(&b);
	print_rest(fd);
	return 0;
}

#define MODE(name, format, ...)                                                                                        \
	static void write_##name(struct buffer *b, const struct act *a)                                                \
	{                                                                                                              \
		buffer_printf(b, format, __VA_ARGS__);                                                                 \
	}                                                                                                              \
	static int run_##name(const struct act *a)                                                                     \
	{                                                                                                              \
		return exchange(a, write_##name);                                                                      \
	}

#define TOKEN(a)  ((a)->token ? (a)->token : "wrong")
#define END       "Connection: close\r\n\r\n"
#define HOST      "Host: 169.254.169.254\r\n"
#define LAST      "GET /latest/meta-data/mac HTTP/1.1\r\n" HOST END
#define BODY_TEXT "GET /latest/user-data HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token: body\r\n\r\n"

MODE(lower, "GET %s HTTP/1.1\r\nhost: x\r\nx-aws-ec2-metadata-token: %s\r\nconnection: close\r\n\r\n", a->path,
     TOKEN(a))
MODE(upper, "GET %s HTTP/1.1\r\nHOST: x\r\nX-AWS-EC2-METADATA-TOKEN: %s\r\nCONNECTION: close\r\n\r\n", a->path,
     TOKEN(a))
MODE(mixed, "GET %s HTTP/1.1\r\nHost: x\r\nx-AwS-eC2-MeTaDaTa-ToKeN:\t %s \t\r\n" END, a->path, TOKEN(a))
MODE(no_space, "GET %s HTTP/1.1\r\nHost:x\r\nX-aws-ec2-metadata-token:%s\r\nConnection:close\r\n\r\n", a->path,
     TOKEN(a))
MODE(bare_lf, "GET %s HTTP/1.1\nHost: x\nX-aws-ec2-metadata-token: %s\nConnection: close\n\n", a->path, TOKEN(a))
MODE(leading_crlf, "\r\n\r\nGET %s HTTP/1.1\r\n" HOST END, a->path)
MODE(empty_token, "GET %s HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token:\r\n" END, a->path)
MODE(token_twice, "GET %s HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token: no\r\nX-aws-ec2-metadata-token: %s\r\n" END,
     a->path, TOKEN(a))
MODE(in_value, "GET %s HTTP/1.1\r\n" HOST "X-Note: X-aws-ec2-metadata-token: %s\r\n" END, a->path, TOKEN(a))
MODE(in_name, "GET %s HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-tokens: %s\r\nNo-X-aws-ec2-metadata-token: x\r\n" END,
     a->path, TOKEN(a))
MODE(in_query, "GET %s?X-aws-ec2-metadata-token:=1&HTTP/1.1 HTTP/1.1\r\n" HOST END, a->path)
MODE(in_agent,
     "GET %s HTTP/1.1\r\n" HOST "User-Agent: GET /latest/user-data HTTP/1.1\\r\\nX-aws-ec2-metadata-token: 1\r\n" END,
     a->path)
MODE(http10, "GET %s HTTP/1.0\r\n\r\n", a->path)
MODE(http10_token, "GET %s HTTP/1.0\r\nX-aws-ec2-metadata-token: %s\r\n\r\n", a->path, TOKEN(a))
MODE(http10_keep, "GET %s HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET %s HTTP/1.0\r\n\r\n", a->path, a->path)
MODE(http09, "GET %s\r\n", a->path)
MODE(head, "HEAD %s HTTP/1.1\r\n" HOST "\r\n" LAST, a->path)
MODE(absolute, "GET http://169.254.169.254%s HTTP/1.1\r\n" HOST END, a->path)
MODE(options, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n" LAST "%s", "")
MODE(forwarded, "GET %s HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.7\r\n" END, a->path)
MODE(put_forwarded,
     "PUT %s HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nX-Forwarded-For: 192.0.2.7\r\n" END,
     "/latest/api/token")
MODE(put_ttl, "PUT /latest/api/token HTTP/1.1\r\n" HOST "X-aws-ec2-metadata-token-ttl-seconds: %u\r\n" END, a->count)
MODE(put_no_ttl, "PUT %s HTTP/1.1\r\n" HOST END, "/latest/api/token")
MODE(put_dated, "PUT %s HTTP/1.1\r\n" HOST "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n" END,
     "/2021-01-03/api/token")
MODE(body_length, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s" LAST, a->path, strlen(BODY_TEXT),
     BODY_TEXT)
MODE(body_chunked,
     "POST %s HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n%zx;x=y\r\n%s\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n" LAST,
     a->path, strlen(BODY_TEXT), BODY_TEXT)
MODE(folded, "GET %s HTTP/1.1\r\n" HOST "X-Note: one\r\n X-aws-ec2-metadata-token: two\r\n" END, a->path)
MODE(expect, "POST %s HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd" LAST, a->path)
MODE(auth, "GET %s HTTP/1.1\r\n" HOST "Authorization: Bearer SECRETMARKERauth\r\n" END, a->path)
MODE(no_http, "SSH-2.0-act_1.0%s", "\r\nkexinit\r\n\r\n")
MODE(tls, "\x16\x03\x01\x02%s", "hello\r\n\r\n")
MODE(bad_version, "GET %s HTTP/3.9\r\n" HOST END, a->path)
MODE(bad_method, "get %s HTTP/1.1\r\n" HOST END, a->path)

static void fill(struct buffer *b, size_t size, const char *what)
{
	for (size_t i = 0, end = b->length + size; b->length < end; i++)
		buffer_printf(b, "X-Filler-%06zu: %s\r\n", i, what);
}

/* --size bytes of headers (100 KB unless said) before the one that matters, which is there with --token. */
static void write_big(struct buffer *b, const struct act *a)
{
	buffer_printf(b, "GET %s HTTP/1.1\r\n" HOST, a->path);
	fill(b, a->size ? a->size : 102400, "HTTP/1.1 GET / X-aws-ec2-metadata-token");
	if (a->token)
		buffer_printf(b, "X-aws-ec2-metadata-token: %s\r\n", a->token);
	buffer_string(b, END);
}

static int run_big(const struct act *a)
{
	return exchange(a, write_big);
}

/* One header line of 100 KB. */
static void write_long_line(struct buffer *b, const struct act *a)
{
	buffer_printf(b, "GET %s HTTP/1.1\r\nX-Long: ", a->path);
	for (size_t i = 0; i < 102400; i++)
		buffer_byte(b, 'x');
	buffer_printf(b, "\r\nX-aws-ec2-metadata-token: %s\r\n" END, TOKEN(a));
}

static int run_long_line(const struct act *a)
{
	return exchange(a, write_long_line);
}

static void write_long_path(struct buffer *b, const struct act *a)
{
	buffer_string(b, "GET /latest/meta-data/");
	for (size_t i = 0; i < 8000; i++)
		buffer_byte(b, 'p');
	buffer_string(b, " HTTP/1.1\r\n" HOST END);
}

static int run_long_path(const struct act *a)
{
	return exchange(a, write_long_path);
}

/* NUL, escape sequences and high bytes in the path, a header name and a header value. */
static void write_controls(struct buffer *b, const struct act *a)
{
	static const char head[] = "GET /latest/meta-data/\0nul\x1b[31mred\x7f\xff\xc3\x28\"<>\\ HTTP/1.1\r\n" HOST
				   "User-Agent: a\0b\x1b]0;title\x07\xe2\x82\r\nX-\x1b: \0\r\n" END;

	buffer_append(b, head, sizeof(head) - 1);
}

static int run_controls(const struct act *a)
{
	return exchange(a, write_controls);
}

/* Random bytes, the same ones at each run; --size. */
static void write_noise(struct buffer *b, const struct act *a)
{
	unsigned seed = 1;

	for (unsigned i = 0; i < (a->size ? a->size : 20000); i++) {
		seed = seed * 1103515245 + 12345;
		buffer_byte(b, (char)(seed >> 16));
	}
	buffer_string(b, "\r\n\r\n");
}

static int run_noise(const struct act *a)
{
	return exchange(a, write_noise);
}

/* A head that never ends, --size bytes (4 MB unless said). The service may hang up: that is fine. */
static int run_endless(const struct act *a)
{
	struct buffer b = {0};
	int fd = connected(a);

	buffer_printf(&b, "GET %s HTTP/1.1\r\n" HOST, a->path);
	fill(&b, a->size ? a->size : 4U << 20, "and so on");
	send_some(fd, buffer_view(&b));
	buffer_done(&b);
	shutdown(fd, SHUT_WR);
	print_rest(fd);
	return 0;
}

const struct mode byte_modes[] = {
	{"lower", run_lower},
	{"upper", run_upper},
	{"mixed", run_mixed},
	{"no-space", run_no_space},
	{"bare-lf", run_bare_lf},
	{"leading-crlf", run_leading_crlf},
	{"empty-token", run_empty_token},
	{"token-twice", run_token_twice},
	{"in-value", run_in_value},
	{"in-name", run_in_name},
	{"in-query", run_in_query},
	{"in-agent", run_in_agent},
	{"http10", run_http10},
	{"http10-token", run_http10_token},
	{"http10-keep", run_http10_keep},
	{"http09", run_http09},
	{"head", run_head},
	{"absolute", run_absolute},
	{"options", run_options},
	{"forwarded", run_forwarded},
	{"put-forwarded", run_put_forwarded},
	{"put-ttl", run_put_ttl},
	{"put-no-ttl", run_put_no_ttl},
	{"put-dated", run_put_dated},
	{"body-length", run_body_length},
	{"body-chunked", run_body_chunked},
	{"folded", run_folded},
	{"expect", run_expect},
	{"auth", run_auth},
	{"no-http", run_no_http},
	{"tls", run_tls},
	{"bad-version", run_bad_version},
	{"bad-method", run_bad_method},
	{"big", run_big},
	{"long-line", run_long_line},
	{"long-path", run_long_path},
	{"controls", run_controls},
	{"noise", run_noise},
	{"endless", run_endless},
	{0},
};
