// SPDX-License-Identifier: Apache-2.0
#include "demo/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_PREFIX "AQAEA" SECRET_MARKER "token"
#define FILLER_MAX   (256U * 1024 * 1024)

struct page {
	const char *path;
	const char *body;
};

#define CREDENTIALS                                                                                                    \
	"{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2036-11-22T12:00:00Z\",\n  \"Type\" : \"AWS-HMAC\",\n"    \
	"  \"AccessKeyId\" : \"" ANSWER_ACCESS_KEY_ID "\",\n"                                                          \
	"  \"SecretAccessKey\" : \"" SECRET_MARKER "/secret/access/key/0123\",\n"                                      \
	"  \"Token\" : \"IQoJb3JpZ2lu" SECRET_MARKER "sessiontoken==\",\n"                                             \
	"  \"Expiration\" : \"" ANSWER_EXPIRATION "\"\n}"

/* Behind /latest or a dated version. */
static const struct page ec2_pages[] = {
	{"/", "dynamic\nmeta-data\nuser-data"},
	{"/meta-data/", "ami-id\nhostname\niam/\ninstance-id\ninstance-type\nlocal-ipv4\nmac\nplacement/"},
	{"/meta-data/ami-id", "ami-0123456789abcdef0"},
	{"/meta-data/hostname", "ip-192-0-2-10.example.internal"},
	{"/meta-data/instance-id", "i-0123456789abcdef0"},
	{"/meta-data/instance-type", "m7i.large"},
	{"/meta-data/local-ipv4", "192.0.2.10"},
	{"/meta-data/mac", "0e:49:61:0f:c3:11"},
	{"/meta-data/placement/availability-zone", "xx-example-1a"},
	{"/meta-data/placement/region", "xx-example-1"},
	{"/meta-data/iam/info", "{\n  \"Code\" : \"Success\",\n  \"InstanceProfileId\" : \"AIPAEXAMPLE\"\n}"},
	{"/meta-data/iam/security-credentials/", "demo-role"},
	{"/user-data", "#!/bin/sh\npassword=" SECRET_MARKER "userdata\n"},
	{"/dynamic/instance-identity/document",
	 "{\n  \"accountId\" : \"000000000000\",\n  \"instanceId\" : \"i-0123456789abcdef0\",\n"
	 "  \"region\" : \"xx-example-1\"\n}"},
	{"/dynamic/instance-identity/signature", SECRET_MARKER "signature=="},
};

static const struct page other_pages[] = {
	{"/", "1.0\nlatest"},
	{"/v2/metadata", "{\"Cluster\":\"demo\",\"Family\":\"demo-task\",\"Revision\":\"1\"}"},
	{"/v3", "{\"Name\":\"demo\"}"},
	{"/v3/task", "{\"Cluster\":\"demo\"}"},
	{"/v4", "{\"Name\":\"demo\"}"},
	{"/v4/task", "{\"Cluster\":\"demo\"}"},
	{"/v1/credentials", "{\"AccessKeyId\":\"" ANSWER_ACCESS_KEY_ID "\",\"SecretAccessKey\":\"" SECRET_MARKER
			    "eks\",\"Token\":\"" SECRET_MARKER
			    "ekstoken\",\"AccountId\":\"000000000000\",\"Expiration\":\"" ANSWER_EXPIRATION "\"}"},
};

static const char task_credentials[] =
	"{\"RoleArn\":\"arn:aws:iam::000000000000:role/demo-task\",\"AccessKeyId\":\"" ANSWER_ACCESS_KEY_ID
	"\",\"SecretAccessKey\":\"" SECRET_MARKER "ecs\",\"Token\":\"" SECRET_MARKER
	"ecstoken\",\"Expiration\":\"" ANSWER_EXPIRATION "\"}";

static const char *find_page(const struct page *pages, size_t count, struct span path)
{
	for (size_t i = 0; i < count; i++)
		if (span_equal(span_of(pages[i].path), path))
			return pages[i].body;
	return NULL;
}

/* Cuts "/latest" or "/2021-01-03" off the front; false when the path has no version. */
static bool cut_version(struct span *path)
{
	const struct span latest = SPAN_LITERAL("/latest");
	size_t n = 0;

	if (span_starts(*path, latest))
		n = latest.length;
	else if (path->length >= 11 && path->data[0] == '/' && path->data[5] == '-' && path->data[8] == '-')
		n = 11;
	if (n == 0 || (path->length > n && path->data[n] != '/'))
		return false;
	*path = path->length > n ? (struct span){path->data + n, path->length - n} : SPAN_LITERAL("/");
	return true;
}

static const char *page_body(struct span path)
{
	const struct span role = SPAN_LITERAL("/meta-data/iam/security-credentials/");
	const struct span own = SPAN_LITERAL("/meta-data/identity-credentials/ec2/security-credentials/ec2-instance");
	const char *body;

	if (span_starts(path, SPAN_LITERAL("/v2/credentials/")))
		return task_credentials;
	if (!cut_version(&path))
		return find_page(other_pages, sizeof(other_pages) / sizeof(*other_pages), path);
	body = find_page(ec2_pages, sizeof(ec2_pages) / sizeof(*ec2_pages), path);
	if (!body && ((span_starts(path, role) && path.length > role.length) || span_equal(path, own)))
		body = CREDENTIALS;
	return body;
}

static bool is_versioned(struct span path)
{
	return cut_version(&path);
}

static bool token_valid(const struct tokens *t, struct span token, uint64_t now)
{
	const struct span prefix = SPAN_LITERAL(TOKEN_PREFIX);
	char digits[9] = "";
	unsigned long n;

	if (token.length != prefix.length + 10 || !span_starts(token, prefix))
		return false;
	memcpy(digits, token.data + prefix.length, 8);
	n = strtoul(digits, NULL, 10);
	return n < t->count && t->count - n <= TOKENS_MAX && now < t->expires[n % TOKENS_MAX];
}

/* The status of a token request, and the token when it is 200. */
static unsigned grant_token(struct tokens *t, const struct request *r, uint64_t now, struct buffer *body)
{
	unsigned long ttl = 0;

	for (size_t i = 0; i < r->ttl.length; i++) {
		if (r->ttl.data[i] < '0' || r->ttl.data[i] > '9' || i > 5)
			return 400;
		ttl = ttl * 10 + (unsigned long)(r->ttl.data[i] - '0');
	}
	if (ttl < 1 || ttl > 21600)
		return 400;
	if (r->forwarded)
		return 403;
	t->expires[t->count % TOKENS_MAX] = now + ttl * 1000;
	buffer_printf(body, TOKEN_PREFIX "%08u==", t->count++);
	return 200;
}

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Other";
	}
}

static void write_filler(struct buffer *body, unsigned size)
{
	static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";

	buffer_reset(body);
	if (size > FILLER_MAX)
		size = FILLER_MAX;
	for (unsigned done = 0; done < size; done += sizeof(line) - 1)
		buffer_append(body, line, size - done < sizeof(line) - 1 ? size - done : sizeof(line) - 1);
}

static void write_chunked(struct buffer *out, struct span body)
{
	const size_t piece = 1000;

	for (size_t i = 0; i < body.length; i += piece) {
		size_t n = body.length - i < piece ? body.length - i : piece;

		buffer_printf(out, "%zx\r\n", n);
		buffer_append(out, body.data + i, n);
		buffer_string(out, "\r\n");
	}
	buffer_string(out, "0\r\n\r\n");
}

static void write_answer(struct answer *a, const struct request *r, struct span body)
{
	const struct behaviour *b = &a->behaviour;
	struct buffer *out = &a->bytes;

	for (unsigned i = 0; i < b->interim; i++)
		buffer_printf(out, "HTTP/1.1 103 Early Hints\r\nX-Interim: HTTP/1.1 %u\r\n\r\n", i);
	a->interim_length = out->length;
	if (r && r->major == 0) {
		buffer_span(out, body);
		return;
	}
	buffer_printf(out, "HTTP/1.%d %u %s\r\nServer: EC2ws\r\nContent-Type: text/plain\r\n", b->undelimited ? 0 : 1,
		      a->status, reason_of(a->status));
	if (b->chunked)
		buffer_string(out, "Transfer-Encoding: chunked\r\n");
	else if (!b->undelimited && a->status != 204)
		buffer_printf(out, "Content-Length: %zu\r\n", body.length);
	buffer_printf(out, "Connection: %s\r\n\r\n", b->close ? "close" : "keep-alive");
	if ((r && span_equal(r->method, SPAN_LITERAL("HEAD"))) || a->status == 204 || a->status == 304)
		return;
	if (b->chunked)
		write_chunked(out, body);
	else
		buffer_span(out, body);
}

/* The status by the rules of the service, and the body that goes with it. */
static unsigned judge(const struct answer_rules *rules, struct tokens *tokens, const struct request *r,
		      bool wants_token, uint64_t now, struct buffer *body)
{
	const struct span path = request_path(r);
	const bool get = span_equal(r->method, SPAN_LITERAL("GET")) || span_equal(r->method, SPAN_LITERAL("HEAD"));
	const char *page = page_body(path);

	if (wants_token)
		return grant_token(tokens, r, now, body);
	if (!get)
		return 405;
	if (is_versioned(path) && (r->has_token ? !token_valid(tokens, r->token, now) : rules->require_v2))
		return 401;
	if (!page)
		return 404;
	buffer_string(body, page);
	return 200;
}

static bool is_token_request(const struct request *r)
{
	struct span path = request_path(r);

	return span_equal(r->method, SPAN_LITERAL("PUT")) && cut_version(&path) &&
	       span_equal(path, SPAN_LITERAL("/api/token"));
}

void answer_compose(struct answer *ret_answer, const struct answer_rules *rules, struct tokens *tokens,
		    const struct request *r, uint64_t now)
{
	const bool wants_token = r && is_token_request(r);
	struct answer a = {.status = 400, .behaviour = wants_token ? rules->token : rules->all};
	struct behaviour *b = &a.behaviour;
	struct buffer body = {0};

	if (r)
		(void)behaviour_read(b, request_query(r));
	b->close = b->close || !r || r->refused || !r->keep_alive || b->undelimited || b->garbage;
	if (b->status)
		a.status = b->status;
	else if (r && !r->refused)
		a.status = judge(rules, tokens, r, wants_token, now, &body);
	if (b->size)
		write_filler(&body, b->size);
	if (a.status != 200 && body.length == 0)
		buffer_printf(&body, "%u - %s\n", a.status, reason_of(a.status));
	if (b->garbage)
		buffer_string(&a.bytes, "\x16\x03\x01 this is no HTTP\r\n\r\nHTTP/1.1 299 Not The Status\r\n\r\n");
	else if (!b->silent && !b->reset)
		write_answer(&a, r, buffer_view(&body));
	if (b->cut && b->cut < a.bytes.length) {
		a.bytes.length = b->cut;
		b->close = true;
	}
	buffer_done(&body);
	*ret_answer = a;
}
