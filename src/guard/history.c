/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/history.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/escape.h"

#define SECOND 1000000000ULL
#define PIECE  65536

static const json_t *member(const json_t *o, const char *outer, const char *inner)
{
	return json_object_get(json_object_get(o, outer), inner);
}

/* Absent: there is none, or it is no string. */
static struct span text_of(const json_t *value)
{
	return (struct span){json_string_value(value), json_string_length(value)};
}

static bool is(const json_t *value, const char *text)
{
	struct span s = text_of(value);

	return s.data && span_equal(s, span_of(text));
}

/*
 * Bytes outside UTF-8 are logged as the characters U+0080 to U+00FF: which of both it was cannot be told.
 */
static bool is_exact(struct span s)
{
	uint32_t c = 0;

	for (size_t n; s.length; s = (struct span){s.data + n, s.length - n}) {
		n = utf8_decode(s, &c);
		if (n == 0 || (c >= 0x80 && c <= 0xff))
			return false;
	}
	return true;
}

/* An absolute path whose bytes are known; else absent. No path of the kernel's has a NUL. */
static struct span path_of(const json_t *value)
{
	struct span s = text_of(value);

	return s.length && s.data[0] == '/' && !memchr(s.data, '\0', s.length) && is_exact(s) ? s : (struct span){0};
}

/* "2026-11-22T07:36:27.281660Z" */
static bool read_time(const json_t *value, uint64_t *ret_time)
{
	const char *text = json_string_value(value);
	struct tm tm = {0};
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	uint64_t fraction = 0, unit = SECOND;
	time_t s = rest ? timegm(&tm) : -1;

	if (!rest || s < 0 || (uint64_t)s > UINT64_MAX / SECOND - 1)
		return false;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			unit /= 10;
			fraction += (uint64_t)(*rest - '0') * unit;
		}
	*ret_time = (uint64_t)s * SECOND + fraction;
	return strcmp(rest, "Z") == 0;
}

static bool read_address(const json_t *event, struct call_address *a)
{
	const char *ip = json_string_value(member(event, "destination", "ip"));
	json_int_t port = json_integer_value(member(event, "destination", "port"));

	*a = (struct call_address){.port = port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0};
	if (!ip)
		return false;
	if (inet_pton(AF_INET, ip, a->ip + 12) == 1) {
		memset(a->ip + 10, 0xff, 2);
		return true;
	}
	return inet_pton(AF_INET6, ip, a->ip) == 1;
}

/* process.user.id, process.group.id: a number as a string. */
static bool read_id(const json_t *process, const char *whose, uint32_t *ret_id)
{
	struct span s = text_of(member(process, whose, "id"));
	uint64_t id = 0;

	if (!s.data || !span_take_decimal(&s, &id) || s.length || id > UINT32_MAX)
		return false;
	*ret_id = (uint32_t)id;
	return true;
}

/* /proc marks the path of a program that was replaced; the guard sees the path without. */
static struct span without_mark(struct span exe)
{
	static const struct span mark = SPAN_LITERAL(" (deleted)");

	if (exe.length > mark.length && memcmp(exe.data + exe.length - mark.length, mark.data, mark.length) == 0)
		exe.length -= mark.length;
	return exe;
}

static void read_caller(const json_t *event, struct observation *o)
{
	const json_t *process = json_object_get(event, "process");
	struct question *q = &o->question;

	q->groups_cut = true;
	o->has_caller = read_id(process, "user", &q->uid);
	if (read_id(process, "group", &o->group)) {
		q->groups = &o->group;
		q->group_count = 1;
	}
	q->exe = without_mark(path_of(json_object_get(process, "executable")));
	q->cgroup = path_of(member(event, "cgroup", "path"));
	o->user = text_of(member(process, "user", "name"));
	o->unit = text_of(member(event, "systemd", "unit"));
	o->container = text_of(member(event, "container", "id"));
}

/* What a request shows by which the services tell their versions, and the one of Azure its own requests. */
static const struct {
	const char *service, *version, *line; /* version NULL: whichever */
} signs[] = {
	{"ec2", "v2", "X-aws-ec2-metadata-token: x\r\n"}, {"alibaba", "v2", "X-aliyun-ecs-metadata-token: x\r\n"},
	{"huawei", "v2", "X-Metadata-Token: x\r\n"},      {"gcp", "v2", "Metadata-Flavor: Google\r\n"},
	{"yandex", "v2", "Metadata-Flavor: Google\r\n"},  {"oracle", "v2", "Authorization: Bearer Oracle\r\n"},
	{"azure-imds", NULL, "Metadata: true\r\n"},
};

static void add_signs(struct buffer *head, const json_t *imds, struct span method)
{
	bool token = is(json_object_get(imds, "class"), "token") && span_equal(method, SPAN_LITERAL("PUT"));

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (is(json_object_get(imds, "service"), signs[i].service) &&
		    (!signs[i].version || (is(json_object_get(imds, "version"), signs[i].version) && !token)))
			buffer_string(head, signs[i].line);
}

/* As it stood in the start line. Bytes that end a target there are written as escapes, which mean the same. */
static void add_target(struct buffer *head, struct span target)
{
	bool query = false;

	for (size_t i = 0; i < target.length; i++) {
		unsigned char c = (unsigned char)target.data[i];

		query |= c == '?' || c == '#';
		if (c > 0x20 && c < 0x7f)
			buffer_byte(head, (char)c);
		else if (query)
			buffer_byte(head, 'x');
		else
			buffer_printf(head, "%%%02x", c);
	}
}

static bool is_word(struct span s)
{
	for (size_t i = 0; i < s.length; i++)
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f)
			return false;
	return s.length > 0;
}

/* "/café" may have been sent in two ways, and "/a?b=é" as well, which does not matter. */
static bool is_target(struct span s)
{
	size_t n = 0;

	while (n < s.length && s.data[n] != '?' && s.data[n] != '#')
		n++;
	return n > 0 && is_exact((struct span){s.data, n});
}

/* An empty head is one that cannot be read: that a request was made is all that is known. */
static struct span make_head(struct buffer *head, const json_t *event)
{
	struct span method = text_of(json_object_get(member(event, "http", "request"), "method"));
	struct span target = text_of(member(event, "url", "original"));
	const json_t *imds = json_object_get(event, "imds");

	buffer_reset(head);
	if (!is_word(method) || !is_target(target) || is(json_object_get(imds, "version"), "unknown"))
		return SPAN_LITERAL("");
	buffer_span(head, method);
	buffer_byte(head, ' ');
	add_target(head, target);
	buffer_string(head, " HTTP/1.1\r\n");
	add_signs(head, imds, method);
	buffer_string(head, "\r\n");
	return head->failed ? SPAN_LITERAL("") : buffer_view(head);
}

static void reach(struct history_counts *c, uint64_t time)
{
	if (!c->reach || time < c->reach)
		c->reach = time;
}

static void count_call(struct history_counts *c, uint64_t time)
{
	c->calls++;
	if (!c->first || time < c->first)
		c->first = time;
	if (time > c->last)
		c->last = time;
}

/* False: it is no event. */
static bool read_event(struct history *h, const json_t *event)
{
	const json_t *action = member(event, "event", "action");
	const json_t *transport = member(event, "network", "transport");
	struct observation o = {0};

	if (!json_is_string(action) || !read_time(json_object_get(event, "@timestamp"), &o.time))
		return false;
	reach(&h->counts, o.time);
	o.request = is(action, "imds-request");
	if (!o.request && !is(action, "imds-connect"))
		return true;
	if (!read_address(event, &o.question.address))
		return false;
	if (o.time < h->since)
		return true;
	o.question.datagram = !o.request && transport && !is(transport, "tcp");
	read_caller(event, &o);
	if (o.request)
		o.question.head = make_head(&h->head, event);
	count_call(&h->counts, o.time);
	h->call(h->context, &o);
	return true;
}

/* False: it is no event. */
static bool read_line(struct history *h, struct span line)
{
	json_t *event = json_loadb(line.data, line.length, JSON_ALLOW_NUL, NULL);
	bool fine = json_is_object(event) && read_event(h, event);

	json_decref(event);
	return fine;
}

static void take_line(void *context, const struct span *line)
{
	struct history *h = context;

	if (line && !line->length)
		return;
	h->counts.lines++;
	if (!line || !read_line(h, *line))
		h->counts.unusable++;
}

int history_feed(struct history *h, struct span bytes)
{
	h->lines.max = HISTORY_LINE_MAX;
	h->lines.take = take_line;
	h->lines.context = h;
	return lines_feed(&h->lines, bytes);
}

int history_end(struct history *h)
{
	bool torn = h->lines.kept.failed;
	struct span rest = lines_rest(&h->lines);

	/* The last line may be one that is being written. */
	if (rest.length && read_line(h, rest))
		h->counts.lines++;
	return torn ? -ENOMEM : 0;
}

void history_done(struct history *h)
{
	lines_done(&h->lines);
	buffer_done(&h->head);
}

static int read_pieces(struct history *h, FILE *f, const char *path, struct problem *problem)
{
	_cleanup_free_ char *piece = malloc(PIECE);
	size_t n;
	int r = piece ? 0 : -ENOMEM;

	while (r == 0 && (n = fread(piece, 1, PIECE, f)) > 0)
		r = history_feed(h, (struct span){piece, n});
	if (r == 0 && ferror(f))
		r = problem_set(problem, errno ? -errno : -EIO, "%s cannot be read: %s", path, strerror(errno));
	else if (r == 0)
		r = history_end(h);
	if (r == -ENOMEM)
		problem_set(problem, r, "%s: out of memory", path);
	return r;
}

int history_read(struct history *h, const char *path, struct problem *problem)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f)
		return problem_set(problem, -errno, "%s cannot be opened: %s", path, strerror(errno));
	h->counts.files++;
	return read_pieces(h, f, path, problem);
}

/* Was it written to since then? */
static bool is_new_enough(const struct history *h, const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || (uint64_t)st.st_mtim.tv_sec >= h->since / SECOND;
}

/* NAME.1, NAME.2 …: what rotation makes. */
static bool is_older(const char *entry, const char *name)
{
	size_t length = strlen(name);
	const char *number = entry + length + 1;

	return strncmp(entry, name, length) == 0 && entry[length] == '.' && *number &&
	       strspn(number, "0123456789") == strlen(number);
}

static int read_older(struct history *h, DIR *dir, const char *folder, const char *name, struct problem *problem)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(dir))) {
		_cleanup_free_ char *older = NULL;

		if (!is_older(entry->d_name, name))
			continue;
		if (asprintf(&older, "%s%s", folder, entry->d_name) < 0)
			return problem_set(problem, -ENOMEM, "%s%s: out of memory", folder, entry->d_name);
		if (is_new_enough(h, older))
			r = history_read(h, older, problem);
		else
			reach(&h->counts, h->since);
	}
	return r;
}

int history_read_rotated(struct history *h, const char *path, struct problem *problem)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	/* A rotation meanwhile shows lines twice, and hides none. */
	int r = history_read(h, path, problem);
	char folder[PATH_MAX];
	DIR *dir;

	if (r < 0)
		return r;
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 2, slash ? path : "./");
	dir = opendir(folder);
	if (dir) {
		r = read_older(h, dir, folder, name, problem);
		closedir(dir);
	}
	return r;
}
