/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/feeds.h"

#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "base/log.h"
#include "feed/launcher.h"
#include "sink/level.h"

#define ENDING_NS 10000000000ULL /* for a sink that a reload takes away */

void feeds_init(struct feeds *f, struct launcher *launcher, const struct sink_context *sink)
{
	*f = (struct feeds){.launcher = launcher, .sink = sink};
}

static void remove_feed(struct feeds *f, unsigned i)
{
	struct feed *gone = f->feed[i];

	f->feed[i] = f->feed[--f->count];
	feed_done(gone);
	f->lost_before += feed_lost(gone);
	free(gone);
}

void feeds_done(struct feeds *f)
{
	while (f->count > 0)
		remove_feed(f, 0);
	for (unsigned i = 0; i < f->texts; i++)
		buffer_done(&f->text[i].bytes);
}

/* What a sink of these settings is fed with. */
static const struct format *format_of(const struct settings *s)
{
	switch (s->kind) {
	case SETTINGS_LOG:
		return format_find(s->log.format);
	case SETTINGS_SYSLOG:
		return format_find(s->syslog.format);
	case SETTINGS_JOURNAL:
		return &format_journal;
	default:
		return &format_row;
	}
}

static bool is_same(const struct buffer *a, const struct buffer *b)
{
	return span_equal(buffer_view(a), buffer_view(b));
}

static const struct section *section_of(const struct feed *feed, const struct config *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		const struct settings *s = &c->section[i].settings;

		if (s->kind == feed->settings.kind && strcmp(s->name, feed->settings.name) == 0 && s->enabled &&
		    is_same(&c->section[i].pairs, &feed->pairs))
			return &c->section[i];
	}
	return NULL;
}

static struct feed *find(const struct feeds *f, const struct settings *s, bool ending)
{
	for (unsigned i = 0; i < f->count; i++) {
		const struct settings *own = &f->feed[i]->settings;

		if (own->kind == s->kind && strcmp(own->name, s->name) == 0 && (f->feed[i]->end_by != 0) == ending)
			return f->feed[i];
	}
	return NULL;
}

static void add(struct feeds *f, const struct section *s, size_t max)
{
	struct problem problem;
	struct buffer pairs = {0};
	struct feed *feed;

	if (launcher_check(f->launcher, s->settings.kind, &problem) < 0) {
		log_line("%s", problem.text);
		return;
	}
	feed = f->count < FEEDS_MAX ? malloc(sizeof(*feed)) : NULL;
	buffer_span(&pairs, buffer_view(&s->pairs));
	if (!feed || pairs.failed) {
		log_line("the sink [%s] cannot be started: out of memory", settings_kind_name(s->settings.kind));
		buffer_done(&pairs);
		free(feed);
		return;
	}
	feed_init(feed, &s->settings, &pairs, f->launcher, max);
	f->feed[f->count++] = feed;
}

void feeds_apply(struct feeds *f, const struct config *c, uint64_t now)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (f->feed[i]->end_by)
			continue;
		f->feed[i]->max = config_service(c)->queue;
		if (section_of(f->feed[i], c))
			feed_tell(f->feed[i], FRAME_REOPEN, NULL, 0);
		else
			feed_end(f->feed[i], now, ENDING_NS);
	}
	for (unsigned i = 0; i < c->count; i++) {
		const struct settings *s = &c->section[i].settings;

		if (settings_kind_is_sink(s->kind) && s->enabled && !find(f, s, false))
			add(f, &c->section[i], config_service(c)->queue);
	}
	feeds_turn(f, now);
}

/* One of the places in f->text for this format. */
static unsigned text_for(struct feeds *f, const struct format *format)
{
	unsigned i = 0;

	while (i < f->texts && f->text[i].format != format)
		i++;
	if (i == f->texts) {
		f->text[i].format = format;
		f->texts++;
	}
	return i;
}

static void begin_event(struct feeds *f)
{
	for (unsigned i = 0; i < f->texts; i++)
		f->text[i].filled = false;
}

static void give(struct feeds *f, struct feed *feed, uint16_t level, uint64_t time, struct span payload)
{
	if (f->patience)
		f->patience = feed_make_room(feed, payload.length, f->patience);
	feed_event(feed, level, time, payload);
}

static int on_call(void *context, const struct call *c, uint64_t sequence)
{
	struct feeds *f = context;

	begin_event(f);
	for (unsigned i = 0; i < f->count; i++) {
		struct feed *feed = f->feed[i];
		unsigned t = text_for(f, format_of(&feed->settings));

		if (feed->end_by)
			continue;
		if (!f->text[t].filled) {
			buffer_reset(&f->text[t].bytes);
			f->text[t].format->call(f->sink, c, sequence, &f->text[t].bytes);
			f->text[t].filled = true;
		}
		if (f->text[t].bytes.failed)
			feed->taken++, feed->dropped++;
		else
			give(f, feed, call_level(c), c->time, buffer_view(&f->text[t].bytes));
	}
	return 0;
}

static int on_stats(void *context, const struct stats *s, uint64_t time, uint64_t sequence)
{
	struct feeds *f = context;

	for (unsigned i = 0; i < f->count; i++) {
		struct feed *feed = f->feed[i];
		unsigned t = text_for(f, format_of(&feed->settings));
		struct buffer *b = &f->text[t].bytes;

		if (feed->end_by || !f->text[t].format->stats)
			continue;
		buffer_reset(b);
		f->text[t].format->stats(f->sink, s, time, sequence, b);
		if (b->length)
			give(f, feed, LEVEL_INFO, time, buffer_view(b));
	}
	return 0;
}

static int on_flush(void *context)
{
	feeds_turn(context, host_boottime());
	return 0;
}

static uint64_t on_unwritten(const void *context)
{
	return feeds_lost(context);
}

struct outlet feeds_outlet(struct feeds *f)
{
	return (struct outlet){f, on_call, on_stats, on_flush, on_unwritten};
}

static bool takes_counts(const struct feed *feed)
{
	return format_of(&feed->settings) == &format_row;
}

bool feeds_want_counts(const struct feeds *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->feed[i]->fd >= 0 && f->feed[i]->fresh && takes_counts(f->feed[i]))
			return true;
	return false;
}

void feeds_counts(struct feeds *f, struct feed_counts *counts)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (!takes_counts(f->feed[i]))
			continue;
		f->feed[i]->fresh = false;
		counts->dropped = f->feed[i]->dropped;
		feed_tell(f->feed[i], FRAME_COUNTS, counts, sizeof(*counts));
	}
}

/* One that takes another's place begins when that has brought everything out. */
void feeds_turn(struct feeds *f, uint64_t now)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct feed *feed = f->feed[i];

		if (feed->fd >= 0 || feed->end_by || !find(f, &feed->settings, true))
			feed_turn(feed, now);
	}
	for (unsigned i = f->count; i > 0; i--)
		if (feed_is_gone(f->feed[i - 1]))
			remove_feed(f, i - 1);
}

void feeds_rest(struct feeds *f)
{
	for (unsigned i = 0; i < f->count; i++)
		feed_rest(f->feed[i]);
	for (unsigned i = 0; i < f->texts; i++)
		buffer_done(&f->text[i].bytes);
}

unsigned feeds_poll(const struct feeds *f, struct pollfd *fds, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count && n < max; i++)
		if (f->feed[i]->fd >= 0)
			fds[n++] = feed_poll(f->feed[i]);
	return n;
}

uint64_t feeds_until(const struct feeds *f)
{
	uint64_t until = UINT64_MAX;

	for (unsigned i = 0; i < f->count; i++) {
		const struct feed *feed = f->feed[i];
		bool waits = feed->fd < 0 && !feed->end_by && find(f, &feed->settings, true);
		uint64_t at = waits ? UINT64_MAX : feed_until(feed);

		if (at < until)
			until = at;
	}
	return until;
}

bool feeds_are_behind(const struct feeds *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->feed[i]->fd >= 0 && feed_poll(f->feed[i]).events & POLLOUT)
			return true;
	return false;
}

void feeds_end(struct feeds *f, uint64_t patience)
{
	struct pollfd fds[FEEDS_MAX];
	uint64_t now = host_boottime();

	for (unsigned i = 0; i < f->count; i++)
		feed_end(f->feed[i], now, patience);
	for (;;) {
		feeds_turn(f, now);
		if (f->count == 0)
			return;
		poll(fds, feeds_poll(f, fds, FEEDS_MAX), 100);
		now = host_boottime();
	}
}

uint64_t feeds_lost(const struct feeds *f)
{
	uint64_t lost = f->lost_before;

	for (unsigned i = 0; i < f->count; i++)
		lost += feed_lost(f->feed[i]);
	return lost;
}
