/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch-metrics: counts for Prometheus, as a textfile and over HTTP. */
#include "metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/sandbox.h"
#include "deliver/program.h"
#include "metrics/server.h"
#include "metrics/textfile.h"

#define RETRY_MS 5000 /* after a failure, when the interval is longer */

struct state {
	struct metrics_settings settings;
	struct metrics metrics;
	struct textfile textfile;
	struct server server;
	uint64_t due; /* ms: when the textfile is written next */
	uint64_t events, unread;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Before the first counts there is nothing to say: zeros would look like counters that began anew. */
static void content(const void *context, struct buffer *b)
{
	const struct metrics *m = context;

	if (m->counts.time)
		metrics_write(m, b);
	else
		b->failed = true;
}

static void end(struct state *s)
{
	server_close(&s->server);
	textfile_done(&s->textfile);
	metrics_done(&s->metrics);
	free(s);
}

static int open_state(struct state *s, struct problem *problem)
{
	int r = 0;

	if (s->settings.listen[0])
		r = server_open(&s->server, s->settings.listen, problem);
	s->server.content = content;
	s->server.context = &s->metrics;
	if (r == 0 && s->settings.textfile[0] && textfile_init(&s->textfile, s->settings.textfile) < 0)
		r = problem_set(problem, -ENOMEM, "the metrics: out of memory");
	return r;
}

static int metrics_open(const struct settings *settings, void **ret_state, struct problem *problem)
{
	struct state *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return problem_set(problem, -ENOMEM, "the metrics: out of memory");
	s->settings = settings->metrics;
	s->server.fd = -1;
	for (unsigned i = 0; i < SERVER_CLIENTS; i++)
		s->server.client[i].fd = -1;
	metrics_init(&s->metrics);
	s->due = UINT64_MAX;
	r = open_state(s, problem);
	if (r < 0)
		end(s);
	else
		*ret_state = s;
	return r;
}

static void metrics_event(void *state, const struct frame *frame, struct span payload)
{
	struct state *s = state;
	struct row row;

	s->events++;
	if (row_read(payload, &row) < 0 || !metrics_take(&s->metrics, &row))
		s->unread++;
}

static void write_textfile(struct state *s)
{
	uint64_t wait = s->settings.interval / 1000000;
	struct buffer b = {0};

	if (!s->textfile.path)
		return;
	metrics_write(&s->metrics, &b);
	if (b.failed)
		s->textfile.failure = ENOMEM;
	else
		textfile_write(&s->textfile, buffer_view(&b));
	buffer_done(&b);
	if (s->textfile.failure && wait > RETRY_MS)
		wait = RETRY_MS;
	s->due = now() + wait;
}

/* The first file waits for the first counts: before them, it could not say whether the probe is attached. */
static void metrics_on_counts(void *state, const struct feed_counts *counts)
{
	struct state *s = state;

	metrics_counts(&s->metrics, counts);
	if (s->due == UINT64_MAX || counts->last)
		s->due = 0;
}

static int metrics_idle(void *state)
{
	struct state *s = state;
	int wait = server_expire(&s->server, now());
	uint64_t at = now();

	if (at >= s->due)
		write_textfile(s);
	if (s->due != UINT64_MAX && s->textfile.path) {
		uint64_t left = s->due > at ? s->due - at : 0;

		if (wait < 0 || left < (uint64_t)wait)
			wait = left > INT32_MAX ? INT32_MAX : (int)left;
	}
	return wait;
}

static void metrics_reopen(void *state)
{
	struct state *s = state;

	if (s->due != UINT64_MAX)
		s->due = 0;
}

static unsigned metrics_watch(void *state, struct pollfd *fds, unsigned max)
{
	struct state *s = state;

	return max < SERVER_FDS ? 0 : server_watch(&s->server, fds, now());
}

static void metrics_ready(void *state, const struct pollfd *fds, unsigned count)
{
	struct state *s = state;

	server_ready(&s->server, fds, count, now());
}

static void metrics_report(const void *state, struct feed_state *ret_state)
{
	const struct state *s = state;

	ret_state->written = s->events - s->unread;
	ret_state->unwritten = s->unread;
	if (s->textfile.failure)
		snprintf(ret_state->failure, sizeof(ret_state->failure), "textfile: %s", strerror(s->textfile.failure));
}

static void metrics_close(void *state)
{
	struct state *s = state;

	metrics_end(&s->metrics);
	write_textfile(s);
	end(s);
}

static const struct program program_metrics = {
	.kind = SETTINGS_METRICS,
	.sandbox = SANDBOX_WRITE_FILES,
	.open = metrics_open,
	.event = metrics_event,
	.counts = metrics_on_counts,
	.reopen = metrics_reopen,
	.idle = metrics_idle,
	.watch = metrics_watch,
	.ready = metrics_ready,
	.report = metrics_report,
	.close = metrics_close,
};

int main(int argc, char **argv)
{
	return program_main(&program_metrics, argc, argv);
}
