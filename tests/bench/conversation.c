/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one keep-alive call costs in user space: decode, reassembly, both heads, judging, the call and its release.
 *   build/tests/bench/bench-conversation [CALLS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "call/conversation.h"

static const char request[] = "GET /latest/meta-data/iam/info HTTP/1.1\r\nHost: 169.254.169.254\r\n"
			      "User-Agent: aws-sdk-go-v2/1.32.5 os/linux lang/go#1.23 md/GOOS#linux\r\n"
			      "X-aws-ec2-metadata-token: AQAEAGJ7dXN0LWFuLWV4YW1wbGUtdG9rZW4tb2YtNTYtY2hhcnM=\r\n"
			      "Accept-Encoding: gzip\r\n\r\n";
static const char response[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccept-Ranges: none\r\n"
	"Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Length: 132\r\n"
	"Date: Sun, 22 Nov 2026 10:10:10 GMT\r\nServer: EC2ws\r\n\r\n"
	"{ \"Code\" : \"Success\", \"InstanceProfileArn\" : \"arn:aws:iam::123456789012:instance-profile/x\","
	" \"InstanceProfileId\" : \"AIPAEXAMPLE\" }  ";

static unsigned long calls;

static void on_call(void *context, struct call *c)
{
	(void)context;
	calls += c->action == CALL_REQUEST && c->version == VERSION_V2 && c->has_response;
	call_free(c);
}

static void feed(struct conversations *t, void *bytes, const void *data, uint32_t length, uint32_t offset,
		 uint16_t flags)
{
	static const uint8_t address[16] = {[10] = 0xff, 0xff, 169, 254, 169, 254};
	struct stream_record *s = bytes;
	struct record r;

	*s = (struct stream_record){.header = {RECORD_STREAM, flags, (uint32_t)sizeof(*s) + length, 1, 1},
				    .offset = offset,
				    .data = length,
				    .source = 4000,
				    .port = 80,
				    .tcp_flags = 0x18};
	memcpy(s->destination, address, 16);
	memcpy(s + 1, data, length);
	if (record_decode(bytes, sizeof(*s) + length, &r) > 0)
		(void)conversations_feed(t, &r);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	static struct endpoints endpoints;
	struct conversations_config config = {.max = 1000,
					      .max_buffered = 1 << 20,
					      .endpoints = &endpoints,
					      .caller = {.proc = -1},
					      .on_call = on_call};
	_Alignas(8) static char bytes[sizeof(struct connect_record) + STREAM_CHUNK];
	struct connect_record *connect = (struct connect_record *)bytes;
	struct conversations *t;
	struct record r;
	uint32_t out = 0, in = 0;
	double start;

	endpoints_init(&endpoints);
	t = conversations_new(&config);
	*connect = (struct connect_record){.header = {RECORD_CONNECT, 0, sizeof(*connect), 1, 1}};
	memcpy(connect->destination.ip, endpoints.list[0].address.ip, 16);
	connect->destination.port = 80;
	connect->process.pid = 5;
	if (record_decode(bytes, sizeof(bytes), &r) > 0)
		(void)conversations_feed(t, &r);
	start = seconds();
	for (unsigned long i = 0; i < n; i++) {
		feed(t, bytes, request, sizeof(request) - 1, out, 0);
		feed(t, bytes, response, sizeof(response) - 1, in, RECORD_F_INGRESS);
		out += sizeof(request) - 1;
		in += sizeof(response) - 1;
	}
	printf("%lu calls, %.0f ns each (request %zu bytes, response %zu)\n", calls,
	       (seconds() - start) * 1e9 / (double)n, sizeof(request) - 1, sizeof(response) - 1);
	conversations_free(t);
	return calls == n ? 0 : 1;
}
