/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch status: asks the running service how it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "config/config.h"
#include "serve/socket.h"

struct asking {
	const char *socket;
	bool json;
};

static int set_json(void *target, const char *value, const char **ret_error)
{
	((struct asking *)target)->json = true;
	return 0;
}

static int set_socket(void *target, const char *value, const char **ret_error)
{
	*ret_error = "expected an absolute path of at most 107 bytes";
	if (value[0] != '/' || strlen(value) > 107)
		return -EINVAL;
	((struct asking *)target)->socket = value;
	return 0;
}

static const struct option_spec options[] = {
	{"json", NULL, "the whole answer, as one JSON object", set_json},
	{"socket", "PATH", "where the service listens\n(default /run/imdsnitch/status.sock)", set_socket},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {options, NULL};

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Of our own service, but whoever sits on the socket may write anything: nothing moves the cursor. */
static const char *text(const json_t *object, const char *key, char room[static 256])
{
	const char *value = json_string_value(json_object_get(object, key));

	snprintf(room, 256, "%s", value ? value : "?");
	for (char *c = room; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return room;
}

static void show_time(json_int_t s)
{
	if (s >= 86400)
		printf("%" PRId64 " d %" PRId64 " h", (int64_t)s / 86400, (int64_t)s / 3600 % 24);
	else if (s >= 3600)
		printf("%" PRId64 " h %" PRId64 " min", (int64_t)s / 3600, (int64_t)s / 60 % 60);
	else
		printf("%" PRId64 " min %" PRId64 " s", (int64_t)s / 60, (int64_t)s % 60);
}

static void show_service(const json_t *d)
{
	const json_t *calls = json_object_get(d, "calls"), *lost = json_object_get(d, "lost");
	const json_t *probe = json_object_get(d, "probe"), *rate = json_object_get(calls, "last_minute");
	char a[256], b[256];

	printf("imdsnitch %s, pid %lld, up ", text(d, "version", a), (long long)number(d, "pid"));
	show_time(number(d, "uptime_seconds"));
	printf(", since %s\n", text(d, "started", b));
	printf("Calls      %lld: v1 %lld, v2 %lld, unknown %lld; connections without a request %lld; denied %lld, "
	       "would "
	       "be denied %lld\n",
	       (long long)number(calls, "total"), (long long)number(calls, "v1"), (long long)number(calls, "v2"),
	       (long long)number(calls, "unknown"), (long long)number(calls, "connects"),
	       (long long)number(calls, "denied"), (long long)number(calls, "would_deny"));
	if (rate)
		printf("Rate       %lld in the last minute\n", (long long)json_integer_value(rate));
	printf("Lost       ring %lld, truncated %lld, evicted %lld, sinks %lld; open at start %lld\n",
	       (long long)number(lost, "ring"), (long long)number(lost, "truncated"),
	       (long long)number(lost, "evicted"), (long long)number(lost, "sinks"),
	       (long long)number(lost, "open_at_start"));
	printf("Probe      %zu programs attached for ", json_array_size(json_object_get(probe, "attached")));
	show_time(number(probe, "attached_seconds"));
	printf(", ring %lld KiB\n", (long long)number(probe, "ring_bytes") / 1024);
	printf("Memory     %lld KiB\n", (long long)number(d, "resident_bytes") / 1024);
	printf("Config     %s\n", text(d, "config", a));
}

static void show_guard(const json_t *guard)
{
	char a[256], b[256], c[256];

	if (!guard)
		return;
	if (json_object_get(guard, "mode"))
		printf("Guard      %s, %lld rules of %s, since %s\n", text(guard, "mode", a),
		       (long long)number(guard, "count"), text(guard, "rules", b), text(guard, "applied", c));
	if (json_object_get(guard, "failure"))
		printf("           %s is not in force: %s\n", text(guard, "rules", a), text(guard, "failure", b));
}

static void show_sinks(const json_t *sinks)
{
	const json_t *s;
	size_t i;
	char a[256], b[256], c[256];

	printf("\n%-16s %-9s %10s %8s %10s %8s  %s\n", "SINK", "STATE", "WRITTEN", "LOST", "QUEUED KiB", "RSS KiB",
	       "WHERE");
	json_array_foreach(sinks, i, s)
	{
		printf("%-16s %-9s %10lld %8lld %10lld %8lld  %s\n", text(s, "name", a), text(s, "state", b),
		       (long long)number(s, "written"), (long long)number(s, "lost"),
		       (long long)number(s, "queue_bytes") / 1024, (long long)number(s, "resident_bytes") / 1024,
		       text(s, "target", c));
		if (json_object_get(s, "failure"))
			printf("%16s %s\n", "", text(s, "failure", a));
	}
}

/* Something was lost, or is being lost: EXIT_INCOMPLETE, so that a check can go by the status. */
static int status_of(const json_t *d)
{
	const json_t *lost = json_object_get(d, "lost"), *s;
	size_t i;

	if (number(lost, "ring") || number(lost, "truncated") || number(lost, "evicted") || number(lost, "sinks"))
		return EXIT_INCOMPLETE;
	if (json_object_get(json_object_get(d, "guard"), "failure"))
		return EXIT_INCOMPLETE;
	json_array_foreach(json_object_get(d, "sinks"), i, s)
	{
		char room[256];

		if (text(s, "state", room)[0] != 'r')
			return EXIT_INCOMPLETE;
	}
	return EXIT_FINE;
}

static int show(const struct asking *a, const struct buffer *document)
{
	json_error_t error;
	json_t *d = json_loadb(document->data, document->length, 0, &error);
	int status;

	if (!json_is_object(d)) {
		json_decref(d);
		log_line("what answers on %s is no imdsnitch service", a->socket);
		return EXIT_RIGHTS;
	}
	if (a->json) {
		fwrite(document->data, 1, document->length, stdout);
	} else {
		show_service(d);
		show_guard(json_object_get(d, "guard"));
		show_sinks(json_object_get(d, "sinks"));
	}
	status = status_of(d);
	json_decref(d);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct asking a = {.socket = "/run/imdsnitch/status.sock"};
	struct buffer document = {0};
	struct problem problem;
	int status = EXIT_RIGHTS;
	int r = options_parse(command, argc, argv, &a);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_FINE;
	if (status_ask(a.socket, &document, &problem) < 0)
		log_line("%s", problem.text);
	else
		status = show(&a, &document);
	buffer_done(&document);
	return status;
}

const struct command command_status = {
	.name = "status",
	.summary = "Ask the running service how it is",
	.details = "Uptime, calls, what was lost, the guard, sinks with their queues, memory. Exit\n"
		   "status 0 when nothing was lost, the configured rules are in force and every sink\n"
		   "runs, 4 when not, 3 when no service answers.",
	.options = tables,
	.run = run,
};
