/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/history.h"

#define EVENT(action, more)                                                                                            \
	"{\"@timestamp\":\"2026-11-22T07:36:15.508470Z\",\"event\":{\"action\":\"" action "\"},"                       \
	"\"destination\":{\"ip\":\"169.254.169.254\",\"port\":80}," more "}\n"
#define REQUEST(imds, method, target)                                                                                  \
	EVENT("imds-request", "\"imds\":{" imds "},\"http\":{\"request\":{\"method\":\"" method                        \
			      "\"}},\"url\":{\"original\":\"" target "\"}")
#define TIME 1795332975508470000ULL

struct seen {
	unsigned calls;
	struct observation last;
	char head[4096];
	char exe[64], cgroup[64], user[64];
};

static void copy(char *to, size_t size, struct span s)
{
	snprintf(to, size, "%.*s", s.data ? (int)s.length : 1, s.data ? s.data : "-");
}

static void take(void *context, const struct observation *o)
{
	struct seen *s = context;

	s->calls++;
	s->last = *o;
	copy(s->head, sizeof(s->head), o->question.head);
	copy(s->exe, sizeof(s->exe), o->question.exe);
	copy(s->cgroup, sizeof(s->cgroup), o->question.cgroup);
	copy(s->user, sizeof(s->user), o->user);
}

static struct history_counts feed(struct seen *s, struct span text, size_t piece, uint64_t since)
{
	struct history h = {.call = take, .context = s, .since = since};

	*s = (struct seen){0};
	for (size_t at = 0; at < text.length; at += piece)
		assert_int_equal(history_feed(&h, (struct span){text.data + at,
								text.length - at < piece ? text.length - at : piece}),
				 0);
	assert_int_equal(history_end(&h), 0);
	history_done(&h);
	return h.counts;
}

static const char *head_of(struct seen *s, const char *line)
{
	feed(s, span_of(line), 1 << 20, 0);
	assert_int_equal(s->calls, 1);
	return s->head;
}

static void heads(void **state)
{
	struct seen s;

	assert_string_equal(head_of(&s, REQUEST("\"service\":\"ec2\",\"version\":\"v1\"", "GET", "/a?b=c d")),
			    "GET /a?b=cxd HTTP/1.1\r\n\r\n");
	assert_string_equal(head_of(&s, REQUEST("\"service\":\"ec2\",\"version\":\"v2\"", "GET", "/a")),
			    "GET /a HTTP/1.1\r\nX-aws-ec2-metadata-token: x\r\n\r\n");
	assert_string_equal(head_of(&s, REQUEST("\"service\":\"ec2\",\"version\":\"v2\",\"class\":\"token\"", "PUT",
						"/latest/api/token")),
			    "PUT /latest/api/token HTTP/1.1\r\n\r\n");
	assert_string_equal(head_of(&s, REQUEST("\"service\":\"ec2\",\"version\":\"v2\",\"class\":\"token\"", "GET",
						"/latest/api/token")),
			    "GET /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token: x\r\n\r\n");
	assert_string_equal(head_of(&s, REQUEST("\"service\":\"gcp\",\"version\":\"v2\"", "GET", "/a")),
			    "GET /a HTTP/1.1\r\nMetadata-Flavor: Google\r\n\r\n");
	assert_string_equal(head_of(&s, REQUEST("\"service\":\"azure-imds\"", "GET", "/metadata")),
			    "GET /metadata HTTP/1.1\r\nMetadata: true\r\n\r\n");
	assert_string_equal(head_of(&s, REQUEST("\"service\":\"ecs\"", "GET", "/v2/a\\u0000b c\\u007f\\u20ac")),
			    "GET /v2/a%00b%20c%7f%e2%82%ac HTTP/1.1\r\n\r\n");
}

/* That a request was made is known then, and no more. */
static void unknown_heads(void **state)
{
	static const char *const lines[] = {
		REQUEST("\"version\":\"unknown\"", "GET", "/a"),
		REQUEST("\"version\":\"v1\"", "GET", "/caf\\u00e9"),
		REQUEST("\"version\":\"v1\"", "GET", ""),
		REQUEST("\"version\":\"v1\"", "GET", "?a"),
		REQUEST("\"version\":\"v1\"", "G T", "/a"),
		REQUEST("\"version\":\"v1\"", "", "/a"),
		EVENT("imds-request", "\"imds\":{\"version\":\"v1\"}"),
	};
	struct seen s;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_string_equal(head_of(&s, lines[i]), "");
		assert_true(s.last.request && s.last.question.head.data);
	}
	head_of(&s, EVENT("imds-connect", "\"a\":1"));
	assert_false(s.last.request);
	assert_null(s.last.question.head.data);
}

static void callers(void **state)
{
	struct seen s;

	head_of(&s, EVENT("imds-connect", "\"process\":{\"executable\":\"/usr/bin/curl (deleted)\",\"user\":{\"id\":"
					  "\"33\",\"name\":\"www\"},\"group\":{\"id\":\"34\"}},\"cgroup\":{\"path\":"
					  "\"/system.slice/a.service\"},\"systemd\":{\"unit\":\"a.service\"}"));
	assert_true(s.last.has_caller);
	assert_int_equal(s.last.question.uid, 33);
	assert_int_equal(s.last.question.group_count, 1);
	assert_int_equal(s.last.group, 34);
	assert_true(s.last.question.groups_cut);
	assert_string_equal(s.exe, "/usr/bin/curl");
	assert_string_equal(s.cgroup, "/system.slice/a.service");
	assert_string_equal(s.user, "www");
	assert_int_equal(s.last.time, TIME);
	assert_int_equal(s.last.question.address.port, 80);
	assert_int_equal(s.last.question.address.ip[10], 0xff);
	assert_int_equal(s.last.question.address.ip[15], 254);
	assert_false(s.last.question.datagram);
	head_of(&s, EVENT("imds-connect", "\"network\":{\"transport\":\"udp\"}"));
	assert_true(s.last.question.datagram);
}

/* Bytes that may be others, ids that are none. */
static void unknown_callers(void **state)
{
	static const char *const ids[] = {"\"\"", "\"-1\"", "\"4294967296\"", "\"1x\"", "1", "null", "{}"};
	struct seen s;
	char line[512];

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		snprintf(line, sizeof(line), EVENT("imds-connect", "\"process\":{\"user\":{\"id\":%s}}"), ids[i]);
		head_of(&s, line);
		assert_false(s.last.has_caller);
	}
	head_of(&s, EVENT("imds-connect", "\"process\":{\"executable\":\"/caf\\u00e9\"},\"cgroup\":{\"path\":"
					  "\"/a\\u0000b\"}"));
	assert_string_equal(s.exe, "-");
	assert_string_equal(s.cgroup, "-");
	head_of(&s, EVENT("imds-connect", "\"process\":{\"executable\":\"curl\"},\"cgroup\":{\"path\":7}"));
	assert_string_equal(s.exe, "-");
	assert_string_equal(s.cgroup, "-");
}

static const char good[] = EVENT("imds-request", "\"a\":1");

static void lines(void **state)
{
	static const char *const bad[] = {
		"x\n",
		"[]\n",
		"{}\n",
		"{\"event\":{\"action\":\"imds-request\"}}\n",
		"{\"@timestamp\":\"2026-11-22T07:36:15Z\",\"event\":{\"action\":\"imds-connect\"}}\n",
		"{\"@timestamp\":\"2026-11-22 07:36:15Z\",\"event\":{\"action\":\"imds-stats\"}}\n",
		"{\"@timestamp\":\"1926-11-22T07:36:15Z\",\"event\":{\"action\":\"imds-stats\"}}\n",
		"{\"@timestamp\":\"2026-11-22T07:36:15.5\",\"event\":{\"action\":\"imds-stats\"}}\n",
	};
	struct history_counts c;
	char text[2048];
	struct seen s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "%s%s\n%s", good, bad[i], good);
		for (size_t piece = 1; piece < 2048; piece += 97) {
			c = feed(&s, span_of(text), piece, 0);
			assert_int_equal(c.lines, 3);
			assert_int_equal(c.unusable, 1);
			assert_int_equal(c.calls, 2);
			assert_int_equal(s.calls, 2);
		}
	}
	c = feed(&s, span_of("{\"@timestamp\":\"2026-11-22T07:36:15Z\",\"event\":{\"action\":\"imds-stats\"}}\n"), 9,
		 0);
	assert_int_equal(c.unusable + c.calls, 0);
	assert_int_equal(c.reach, TIME / 1000000000 * 1000000000);
}

static void torn_line(void **state)
{
	struct history_counts c;
	struct seen s;

	for (size_t cut = 1; cut < sizeof(good); cut++) {
		c = feed(&s, (struct span){good, sizeof(good) - 1 - cut}, 64, 0);
		assert_int_equal(c.unusable, 0);
		assert_int_equal(c.calls, cut == 1); /* only the newline is missing */
	}
}

static void long_line(void **state)
{
	size_t length = HISTORY_LINE_MAX + 1;
	char *text = malloc(length + sizeof(good));
	struct history_counts c;
	struct seen s;

	memset(text, 'x', length);
	text[length - 1] = '\n';
	memcpy(text + length, good, sizeof(good));
	c = feed(&s, (struct span){text, length + sizeof(good) - 1}, 65536, 0);
	assert_int_equal(c.lines, 2);
	assert_int_equal(c.unusable, 1);
	memset(text, ' ', length - 1);
	memcpy(text + length - sizeof(good), good, sizeof(good) - 1);
	c = feed(&s, (struct span){text, length}, 65536, 0);
	assert_int_equal(c.calls, 1); /* as long as a line may be */
	memset(text, ' ', length);
	c = feed(&s, (struct span){text, length}, 65536, 0);
	assert_int_equal(c.lines, 0);
	free(text);
}

static void deep_line(void **state)
{
	struct history_counts c;
	char *text = malloc(1000001);
	struct seen s;

	memset(text, '[', 1000000);
	text[1000000] = '\n';
	c = feed(&s, (struct span){text, 1000001}, 65536, 0);
	assert_int_equal(c.unusable, 1);
	free(text);
}

static void since(void **state)
{
	struct history_counts c;
	struct seen s;

	c = feed(&s, span_of(good), 64, TIME);
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.first, TIME);
	assert_int_equal(c.last, TIME);
	c = feed(&s, span_of(good), 64, TIME + 1);
	assert_int_equal(c.calls, 0);
	assert_int_equal(c.reach, TIME);
}

static void write_file(const char *folder, const char *name, time_t time)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(good, f);
	fclose(f);
	if (time)
		assert_int_equal(utimensat(0, path, (struct timespec[2]){{time, 0}, {time, 0}}, 0), 0);
}

static void files(void **state)
{
	static const char *const names[] = {"c.jsonl",  "c.jsonl.1", "c.jsonl.20", "c.jsonl.gz",
					    "c.jsonl.", "c.jsonlx1", "d.1"};
	char folder[] = "/tmp/historyXXXXXX", path[256];
	struct problem problem = {0};
	struct seen s = {0};
	struct history h = {.call = take, .context = &s};

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/c.jsonl", folder);
	assert_int_equal(history_read_rotated(&h, path, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "c.jsonl cannot be opened: No such file"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		write_file(folder, names[i], 0);
	assert_int_equal(history_read_rotated(&h, path, &problem), 0);
	assert_int_equal(h.counts.files, 3);
	assert_int_equal(h.counts.calls, 3);
	assert_int_equal(history_read(&h, path, &problem), 0);
	assert_int_equal(h.counts.calls, 4);
	assert_int_equal(history_read(&h, folder, &problem), -EISDIR);
	/* What ended before is not read. */
	write_file(folder, "c.jsonl.20", 1000);
	h.counts = (struct history_counts){0};
	h.since = TIME;
	assert_int_equal(history_read_rotated(&h, path, &problem), 0);
	assert_int_equal(h.counts.files, 2);
	assert_int_equal(h.counts.reach, TIME);
	history_done(&h);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),           cmocka_unit_test(unknown_heads), cmocka_unit_test(callers),
		cmocka_unit_test(unknown_callers), cmocka_unit_test(lines),         cmocka_unit_test(torn_line),
		cmocka_unit_test(long_line),       cmocka_unit_test(deep_line),     cmocka_unit_test(since),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
