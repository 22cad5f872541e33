/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/program.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/host.h"
#include "base/log.h"
#include "base/sandbox.h"

#define FEED         STDIN_FILENO
#define READ_SIZE    ((size_t)64 * 1024)
#define STATE_NS     1000000000
#define KEEP_AT_REST ((size_t)256 * 1024)

struct session {
	const struct program *program;
	void *state;
	struct buffer in;
	uint64_t told_at;       /* ns, CLOCK_MONOTONIC: when the state was last sent */
	struct feed_state told; /* and what it was */
	bool ended;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The next NUL-terminated string; NULL: none. */
static const char *take_string(struct span *s)
{
	const char *text = s->data, *end = s->length ? memchr(s->data, '\0', s->length) : NULL;

	if (!end)
		return NULL;
	*s = (struct span){end + 1, s->length - (size_t)(end + 1 - text)};
	return text;
}

static int read_settings(struct span bytes, enum settings_kind expected, struct settings *ret_settings)
{
	const char *kind, *name, *key, *value, *error;
	uint32_t version;
	int r = 0;

	if (bytes.length < sizeof(version))
		return -EINVAL;
	memcpy(&version, bytes.data, sizeof(version));
	if (version != FRAME_VERSION)
		return -EPROTO;
	bytes = (struct span){bytes.data + sizeof(version), bytes.length - sizeof(version)};
	kind = take_string(&bytes);
	name = take_string(&bytes);
	if (!kind || !name || settings_kind_find(kind) != expected || strlen(name) >= SETTINGS_NAME)
		return -EINVAL;
	settings_init(ret_settings, expected, name);
	while (r == 0 && (key = take_string(&bytes))) {
		value = take_string(&bytes);
		r = value ? settings_set(ret_settings, key, value, &error) : -EINVAL;
	}
	return r == 0 ? settings_check(ret_settings, &error) : r;
}

/* -EPROTO: not of this version, or no frames at all. */
static int open_sink(struct session *s, struct span settings_bytes)
{
	static struct settings settings;
	struct problem problem = {0};
	int r = read_settings(settings_bytes, s->program->kind, &settings);

	if (r < 0) {
		log_errno(r, "what the service sent cannot be read; is it of another version? restart it");
		return r;
	}
	r = s->program->open(&settings, &s->state, &problem);
	if (r < 0) {
		log_line("%s", problem.text);
		return r;
	}
	r = sandbox_enter(s->program->sandbox);
	return r < 0 ? log_errno(r, "the sandbox cannot be entered") : 0;
}

static int on_frame(struct session *s, const struct frame *frame, struct span payload)
{
	if (!s->state)
		return frame->kind == FRAME_SETTINGS ? open_sink(s, payload) : -EPROTO;
	if (frame->kind == FRAME_EVENT) {
		s->program->event(s->state, frame, payload);
	} else if (frame->kind == FRAME_COUNTS && payload.length == sizeof(struct feed_counts)) {
		struct feed_counts counts;

		memcpy(&counts, payload.data, sizeof(counts));
		if (s->program->counts)
			s->program->counts(s->state, &counts);
	} else if (frame->kind == FRAME_REOPEN && s->program->reopen) {
		s->program->reopen(s->state);
	}
	return 0;
}

/* All whole frames in the buffer. */
static int take_frames(struct session *s)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && s->in.length - at >= sizeof(struct frame)) {
		struct frame frame;

		memcpy(&frame, s->in.data + at, sizeof(frame));
		if (frame.length > FRAME_PAYLOAD_MAX)
			return -EPROTO;
		if (s->in.length - at - sizeof(frame) < frame.length)
			break;
		r = on_frame(s, &frame, (struct span){s->in.data + at + sizeof(frame), frame.length});
		at += sizeof(frame) + frame.length;
	}
	memmove(s->in.data, s->in.data + at, s->in.length - at);
	s->in.length -= at;
	if (s->in.length == 0 && s->in.capacity > KEEP_AT_REST)
		buffer_done(&s->in);
	return r;
}

static int take_input(struct session *s)
{
	ssize_t n;

	if (!buffer_reserve(&s->in, READ_SIZE))
		return -ENOMEM;
	n = read(FEED, s->in.data + s->in.length, READ_SIZE);
	if (n < 0 && errno != ECONNRESET)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	/* A service that was killed leaves states it did not read; what it wrote was all read before (unix(7)). */
	if (n <= 0)
		s->ended = true;
	else
		s->in.length += (size_t)n;
	return take_frames(s);
}

/* One frame, never torn: where the service does not read, the next state says more anyway. */
static void tell_state(struct session *s)
{
	struct {
		struct frame frame;
		struct feed_state state;
	} message = {.frame = {.kind = FRAME_STATE, .length = sizeof(struct feed_state)}};

	s->program->report(s->state, &message.state);
	message.state.pid = (uint64_t)getpid();
	message.state.resident = host_resident();
	send(FEED, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
	s->told_at = now();
}

/* Nothing came for a while: what a burst took goes back to the kernel. */
static void rest(struct session *s)
{
	if (s->in.length > 0 || s->in.capacity == 0)
		return;
	buffer_done(&s->in);
	malloc_trim(0);
}

static int wait_for_input(struct session *s, int wait)
{
	struct pollfd fds[1 + PROGRAM_FDS] = {{.fd = FEED, .events = POLLIN}};
	unsigned more = s->state && s->program->watch ? s->program->watch(s->state, fds + 1, PROGRAM_FDS) : 0;
	int n = poll(fds, 1 + more, wait);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		rest(s);
	for (unsigned i = 1; i <= more; i++) {
		if (fds[i].revents) {
			s->program->ready(s->state, fds + 1, more);
			break;
		}
	}
	return fds[0].revents ? take_input(s) : 0;
}

static int turn(struct session *s, int *wait)
{
	int r = wait_for_input(s, *wait);

	*wait = -1;
	if (r < 0 || !s->state)
		return r;
	*wait = s->program->idle(s->state);
	if (now() >= s->told_at + STATE_NS)
		tell_state(s);
	else if (*wait < 0 || *wait > 1000)
		*wait = 1000;
	return 0;
}

/* SIGABRT is what systemd's watchdog sends to all of a service that hangs. abort(3) works all the same. */
static void hold_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGABRT, SIG_IGN);
}

int program_main(const struct program *p, int argc, char **argv)
{
	struct session s = {.program = p};
	int wait = -1, r = 0;

	if (argc != 1 || fcntl(FEED, F_GETFL) < 0 || isatty(FEED)) {
		log_line("%s is started by `imdsnitch serve`, not by hand", argv[0]);
		return 2;
	}
	hold_signals();
	/* What was long for once is given back: its memory is never taken from the heap. */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 128 * 1024);
	while (r == 0 && !s.ended)
		r = turn(&s, &wait);
	if (r < 0 && s.state)
		log_errno(r, "the feed of the service broke");
	if (s.state) {
		if (p->finish)
			p->finish(s.state);
		tell_state(&s);
		p->close(s.state);
	}
	buffer_done(&s.in);
	return r < 0 ? 1 : 0;
}
