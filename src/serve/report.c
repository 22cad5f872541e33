/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/report.h"

#include <unistd.h>

#include "base/host.h"
#include "base/json.h"
#include "sink/stamp.h"

static void put_calls(struct json *j, const struct report *r)
{
	const struct stats *s = &r->stats;
	uint64_t first = r->rates ? r->rate[r->rates - 1] : 0;

	json_open_object(j, "calls");
	json_put_number(j, "total", s->calls);
	json_put_number(j, "v1", s->calls_v1);
	json_put_number(j, "v2", s->calls_v2);
	json_put_number(j, "unknown", s->calls_unknown);
	json_put_number(j, "connects", s->connects);
	json_put_number(j, "denied", s->denied);
	json_put_number(j, "would_deny", s->would_deny);
	if (r->rates > 1)
		json_put_number(j, "last_minute", r->rate[0] - first);
	json_close_object(j);
}

static void put_lost(struct json *j, const struct report *r)
{
	const struct stats *s = &r->stats;

	json_open_object(j, "lost");
	json_put_number(j, "ring", s->lost);
	json_put_number(j, "truncated", s->truncated);
	json_put_number(j, "evicted", s->evicted);
	json_put_number(j, "open_at_start", s->open_at_start);
	json_put_number(j, "sinks", s->unwritten);
	json_close_object(j);
}

static const char *target_of(const struct settings *s)
{
	switch (s->kind) {
	case SETTINGS_LOG:
		return s->log.path;
	case SETTINGS_JOURNAL:
		return s->journal.socket;
	case SETTINGS_SYSLOG:
		return s->syslog.to;
	case SETTINGS_INVENTORY:
		return s->inventory.path;
	case SETTINGS_METRICS:
		return s->metrics.textfile[0] ? s->metrics.textfile : s->metrics.listen;
	default:
		return NULL;
	}
}

static const char *state_of(const struct feed *f)
{
	if (f->end_by)
		return "ending";
	if (f->fd < 0)
		return "waiting";
	return f->state.failure[0] ? "failing" : "running";
}

static void put_sink(struct json *j, const struct feed *f)
{
	char label[SETTINGS_NAME * 2];

	feed_label(f, label);
	json_open_object(j, NULL);
	json_put_text(j, "name", label);
	json_put_text(j, "target", target_of(&f->settings));
	json_put_plain(j, "state", state_of(f));
	if (f->state.failure[0])
		json_put_text(j, "failure", f->state.failure);
	json_put_number(j, "taken", f->taken);
	json_put_number(j, "written", feed_written(f));
	json_put_number(j, "lost", feed_lost(f));
	json_put_number(j, "held", f->state.held);
	json_put_number(j, "queue_bytes", f->queue.length - f->head);
	json_put_number(j, "queue_max", f->max);
	json_put_number(j, "starts", f->starts);
	if (f->fd >= 0 && f->state.pid) {
		json_put_number(j, "pid", f->state.pid);
		json_put_number(j, "resident_bytes", f->state.resident);
	}
	json_close_object(j);
}

static void put_probe(struct json *j, const struct report *r)
{
	json_open_object(j, "probe");
	json_open_array(j, "attached");
	for (const char *const *name = r->programs; *name; name++)
		json_put_plain(j, NULL, *name);
	json_close_array(j);
	json_put_number(j, "attached_seconds", r->stats.attached_seconds);
	json_put_number(j, "ring_bytes", r->ring_size);
	json_close_object(j);
}

void report_write(const struct report *r, struct buffer *out)
{
	struct json j = json_into(out);
	char text[STAMP_UTC];

	json_open_object(&j, NULL);
	json_put_plain(&j, "version", IMDSNITCH_VERSION);
	json_put_number(&j, "pid", (uint64_t)getpid());
	json_put_plain(&j, "started", stamp_utc(r->started, text));
	json_put_number(&j, "uptime_seconds", r->uptime);
	json_put_text(&j, "run_id", r->run_id);
	json_put_text(&j, "config", r->config_path);
	json_put_number(&j, "resident_bytes", host_resident());
	put_calls(&j, r);
	put_lost(&j, r);
	put_probe(&j, r);
	guarding_report(r->guarding, &j);
	json_open_array(&j, "sinks");
	for (unsigned i = 0; i < r->feeds->count; i++)
		put_sink(&j, r->feeds->feed[i]);
	json_close_array(&j);
	json_close_object(&j);
	buffer_byte(out, '\n');
}
