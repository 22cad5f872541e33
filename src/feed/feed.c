/* SPDX-License-Identifier: Apache-2.0 */
#include "feed/feed.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "feed/launcher.h"

#define NS_PER_S     1000000000ULL
#define BACKOFF_MAX  60ULL
#define KEEP_AT_REST ((size_t)256 * 1024)

void feed_init(struct feed *f, const struct settings *s, struct buffer *pairs, struct launcher *launcher, size_t max)
{
	*f = (struct feed){.settings = *s, .pairs = *pairs, .launcher = launcher, .max = max, .fd = -1};
	*pairs = (struct buffer){0};
}

void feed_label(const struct feed *f, char text[static SETTINGS_NAME * 2])
{
	snprintf(text, (size_t)SETTINGS_NAME * 2, "%s%s%s", settings_kind_name(f->settings.kind),
		 f->settings.name[0] ? " " : "", f->settings.name);
}

static void append_frame(struct buffer *b, const struct frame *frame, struct span payload)
{
	if (!buffer_reserve(b, sizeof(*frame) + payload.length))
		return;
	buffer_append(b, frame, sizeof(*frame));
	buffer_span(b, payload);
}

static size_t queued(const struct feed *f)
{
	return f->queue.length - f->head;
}

#define LABEL_SIZE ((size_t)SETTINGS_NAME * 2 + 16)

static const char *label(const struct feed *f, char text[static LABEL_SIZE])
{
	char name[(size_t)SETTINGS_NAME * 2];

	feed_label(f, name);
	snprintf(text, LABEL_SIZE, "the sink [%s]", name);
	return text;
}

static void fails(struct feed *f, const char *why)
{
	char where[LABEL_SIZE];

	outage_begin(&f->outage, label(f, where), why, feed_lost(f));
}

void feed_event(struct feed *f, uint16_t level, uint64_t time, struct span payload)
{
	const struct frame frame = {(uint32_t)payload.length, FRAME_EVENT, level, time};

	f->taken++;
	if (payload.length > FRAME_PAYLOAD_MAX || queued(f) + payload.length > f->max) {
		fails(f, "it is too slow");
		f->dropped++;
		return;
	}
	append_frame(&f->queue, &frame, payload);
	if (f->queue.failed) {
		f->dropped++;
		f->queue.failed = false;
	}
}

void feed_tell(struct feed *f, enum frame_kind kind, const void *payload, size_t length)
{
	const struct frame frame = {.length = (uint32_t)length, .kind = (uint16_t)kind};

	if (f->fd < 0 || f->end_by || queued(f) + length > f->max)
		return;
	append_frame(&f->queue, &frame, (struct span){payload, length});
	f->queue.failed = false;
}

uint64_t feed_make_room(struct feed *f, size_t length, uint64_t patience)
{
	uint64_t now = host_boottime(), until = now + patience;

	while (f->fd >= 0 && queued(f) + length > f->max && now < until) {
		struct pollfd p = feed_poll(f);

		poll(&p, 1, (int)((until - now) / 1000000) + 1);
		feed_turn(f, now);
		now = host_boottime();
	}
	return now < until ? until - now : 0;
}

/* What the program reads first; put before all that waits. */
static bool put_settings(struct feed *f)
{
	const uint32_t version = FRAME_VERSION;
	const char *kind = settings_kind_name(f->settings.kind);
	struct frame frame = {.kind = FRAME_SETTINGS};
	struct buffer b = {0};

	frame.length = (uint32_t)(sizeof(version) + strlen(kind) + 1 + strlen(f->settings.name) + 1 + f->pairs.length);
	buffer_append(&b, &frame, sizeof(frame));
	buffer_append(&b, &version, sizeof(version));
	buffer_append(&b, kind, strlen(kind) + 1);
	buffer_append(&b, f->settings.name, strlen(f->settings.name) + 1);
	buffer_span(&b, buffer_view(&f->pairs));
	if (queued(f))
		buffer_append(&b, f->queue.data + f->head, queued(f));
	if (b.failed) {
		buffer_done(&b);
		return false;
	}
	buffer_done(&f->queue);
	f->queue = b;
	f->head = 0;
	return true;
}

static struct frame frame_at(const struct buffer *b, size_t at)
{
	struct frame frame;

	memcpy(&frame, b->data + at, sizeof(frame));
	return frame;
}

/* Room of what is out is given back when it is worth the copying. */
static void compact(struct feed *f)
{
	if (f->head < queued(f))
		return;
	if (queued(f))
		memmove(f->queue.data, f->queue.data + f->head, queued(f));
	f->queue.length -= f->head;
	f->head = 0;
	if (f->queue.length == 0 && f->queue.capacity > KEEP_AT_REST)
		buffer_done(&f->queue);
}

/* `n` further bytes are out: whole frames leave the queue. */
static void advance(struct feed *f, size_t n)
{
	f->out += n;
	while (queued(f)) {
		struct frame frame = frame_at(&f->queue, f->head);
		size_t size = sizeof(frame) + frame.length;

		if (f->out < size)
			break;
		f->sent += frame.kind == FRAME_EVENT;
		f->head += size;
		f->out -= size;
	}
	compact(f);
}

/* Frames of a program that is gone mean nothing to the next one: settings and counts. */
static void keep_events(struct feed *f)
{
	size_t from = f->head, to = 0;

	while (from < f->queue.length) {
		struct frame frame = frame_at(&f->queue, from);
		size_t size = sizeof(frame) + frame.length;

		if (frame.kind == FRAME_EVENT) {
			memmove(f->queue.data + to, f->queue.data + from, size);
			to += size;
		}
		from += size;
	}
	f->queue.length = to;
	f->head = 0;
	f->out = 0;
}

static void sum_up(struct feed *f)
{
	uint64_t known = f->state.written + f->state.unwritten;

	f->before.written += f->state.written;
	f->before.unwritten += f->state.unwritten;
	f->before.bytes += f->state.bytes;
	/* What it took and did not answer for may have been written or not. */
	if (f->sent > known)
		f->dropped += f->sent - known;
	f->state = (struct feed_state){0};
	f->sent = 0;
}

static uint64_t backoff(unsigned failures)
{
	uint64_t s = failures < 7 ? 1ULL << failures : BACKOFF_MAX;

	return (s < BACKOFF_MAX ? s : BACKOFF_MAX) * NS_PER_S;
}

static void on_gone(struct feed *f, uint64_t now)
{
	bool lasted = now - f->started_at > BACKOFF_MAX * NS_PER_S;

	close(take_fd(&f->fd));
	buffer_done(&f->in);
	sum_up(f);
	keep_events(f);
	if (f->shut)
		return;
	f->failures = lasted ? 0 : f->failures;
	f->start_at = now + backoff(f->failures++);
	fails(f, "it ended, and is started again");
}

static void start(struct feed *f, uint64_t now)
{
	int fd = launcher_start(f->launcher, f->settings.kind);

	f->started_at = now;
	if (fd < 0 || !put_settings(f)) {
		fails(f, strerror(fd < 0 ? -fd : ENOMEM));
		f->start_at = now + backoff(f->failures++);
		if (fd >= 0)
			close(fd);
		return;
	}
	f->fd = fd;
	f->starts++;
	f->shut = false;
	f->fresh = true;
}

/* -EPIPE: the program is gone. */
static int send_queue(struct feed *f)
{
	while (queued(f)) {
		ssize_t n =
			send(f->fd, f->queue.data + f->head + f->out, queued(f) - f->out, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
		advance(f, (size_t)n);
	}
	return 0;
}

static void heed_state(struct feed *f)
{
	char where[LABEL_SIZE];

	if (f->state.failure[0])
		fails(f, f->state.failure);
	else if (queued(f) == 0)
		outage_end(&f->outage, label(f, where), feed_lost(f));
}

static void take_states(struct feed *f)
{
	const size_t size = sizeof(struct frame) + sizeof(struct feed_state);

	while (f->in.length >= size) {
		struct frame frame = frame_at(&f->in, 0);

		if (frame.kind != FRAME_STATE || frame.length != sizeof(struct feed_state)) {
			f->in.length = 0; /* a program that talks nonsense is not heard */
			return;
		}
		memcpy(&f->state, f->in.data + sizeof(frame), sizeof(f->state));
		f->state.failure[sizeof(f->state.failure) - 1] = '\0';
		memmove(f->in.data, f->in.data + size, f->in.length - size);
		f->in.length -= size;
		heed_state(f);
	}
}

/* -EPIPE: the program is gone. */
static int read_states(struct feed *f)
{
	for (;;) {
		ssize_t n;

		if (!buffer_reserve(&f->in, 1024))
			return -EPIPE;
		n = recv(f->fd, f->in.data + f->in.length, 1024, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
		if (n == 0)
			return -EPIPE;
		f->in.length += (size_t)n;
		take_states(f);
	}
}

static void turn_running(struct feed *f, uint64_t now)
{
	int r = read_states(f);

	if (r == 0 && !f->shut)
		r = send_queue(f);
	/* A program that ended may have told its last state before. */
	if (r < 0 || (f->end_by && now >= f->end_by)) {
		read_states(f);
		on_gone(f, now);
		return;
	}
	if (f->end_by && !f->shut && queued(f) == 0) {
		shutdown(f->fd, SHUT_WR);
		f->shut = true;
	}
}

void feed_turn(struct feed *f, uint64_t now)
{
	if (f->fd < 0 && !feed_is_gone(f) && now >= f->start_at)
		start(f, now);
	if (f->fd >= 0)
		turn_running(f, now);
}

void feed_rest(struct feed *f)
{
	if (f->queue.length == 0)
		buffer_done(&f->queue);
	if (f->in.length == 0)
		buffer_done(&f->in);
}

void feed_end(struct feed *f, uint64_t now, uint64_t patience)
{
	f->end_by = now + patience;
	feed_turn(f, now);
}

bool feed_is_gone(const struct feed *f)
{
	return f->fd < 0 && f->end_by != 0;
}

struct pollfd feed_poll(const struct feed *f)
{
	return (struct pollfd){f->fd, (short)(POLLIN | (queued(f) && !f->shut ? POLLOUT : 0)), 0};
}

uint64_t feed_until(const struct feed *f)
{
	if (f->fd < 0)
		return feed_is_gone(f) ? UINT64_MAX : f->start_at;
	return f->end_by ? f->end_by : UINT64_MAX;
}

uint64_t feed_lost(const struct feed *f)
{
	return f->dropped + f->before.unwritten + f->state.unwritten;
}

uint64_t feed_written(const struct feed *f)
{
	return f->before.written + f->state.written;
}

static uint64_t queued_events(const struct feed *f)
{
	uint64_t n = 0;

	for (size_t at = f->head; at < f->queue.length;) {
		struct frame frame = frame_at(&f->queue, at);

		n += frame.kind == FRAME_EVENT;
		at += sizeof(frame) + frame.length;
	}
	return n;
}

void feed_done(struct feed *f)
{
	if (f->fd >= 0)
		close(take_fd(&f->fd));
	sum_up(f);
	f->dropped += queued_events(f);
	buffer_done(&f->queue);
	buffer_done(&f->in);
	buffer_done(&f->pairs);
}
