/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sink/rotation.h"

#define NS_PER_S      1000000000ULL
#define NS_PER_MS     1000000ULL
#define BEHIND_MS     250
#define AGE_MS        60000 /* the clock may be set: age is looked at now and then */
#define ROTATE_AGAIN  (10 * NS_PER_S)
#define LOCK_WAIT_MS  1000 /* for the program before us, which may still be writing its last lines */
#define LOCK_PAUSE_MS 50
#define NEVER         UINT64_MAX
#define TAIL_MAX      ((size_t)FRAME_PAYLOAD_MAX + 4096)

static uint64_t clock_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static struct logfile *of(struct output *o)
{
	return (struct logfile *)o;
}

/* The time a line begins with, ns since the epoch; 0: it has none. As sink/json.c and sink/aws.c write it. */
static uint64_t line_time(const char *line)
{
	struct tm t = {.tm_isdst = -1};
	time_t seconds;

	if (strptime(line, "{\"@timestamp\":\"%Y-%m-%dT%H:%M:%S", &t))
		seconds = timegm(&t);
	else if (strptime(line, "[%Y-%m-%dT%H:%M:%S]", &t))
		seconds = mktime(&t);
	else
		return 0;
	return seconds > 0 ? (uint64_t)seconds * NS_PER_S : 0;
}

static uint64_t stamp_ns(struct statx_timestamp t)
{
	return t.tv_sec > 0 ? (uint64_t)t.tv_sec * NS_PER_S + t.tv_nsec : 0;
}

/* Of its first line; where that does not say, since the file was made, or at least since it was last written. */
static uint64_t file_begun(const struct output *o)
{
	_cleanup_close_ int fd = open(o->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char line[64] = {0};
	struct statx st;
	uint64_t time;

	if (fd >= 0 && pread(fd, line, sizeof(line) - 1, 0) > 0) {
		time = line_time(line);
		if (time != 0)
			return time;
	}
	if (statx(o->fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &st) < 0)
		return clock_now(CLOCK_REALTIME);
	return stamp_ns(st.stx_mask & STATX_BTIME ? st.stx_btime : st.stx_mtime);
}

static void sync_folder(const char *path)
{
	char folder[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	_cleanup_close_ int fd = -1;

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash + 1 - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

/* After a failure the kernel may have forgotten what it could not bring to the disk: it counts as lost. */
static void sync_failed(struct logfile *l, int failure)
{
	l->unsynced += l->out.written - l->synced;
	if (l->sync_failure == 0)
		log_line("the log %s cannot be brought to the disk: %s; what was written last counts as lost",
			 l->out.path, strerror(failure));
	l->sync_failure = failure;
}

static void sync_now(struct logfile *l)
{
	if (l->dirty_since == 0 || !l->out.regular)
		return;
	if (fdatasync(l->out.fd) < 0)
		sync_failed(l, errno);
	else
		l->sync_failure = 0;
	l->synced = l->out.written;
	l->dirty_since = 0;
}

static bool is_ours(const struct output *o)
{
	struct stat open_one, named;

	return fstat(o->fd, &open_one) == 0 && lstat(o->path, &named) == 0 && open_one.st_dev == named.st_dev &&
	       open_one.st_ino == named.st_ino;
}

/* Another program has renamed the file and not told us yet: that was a rotation. */
static int follow(struct logfile *l)
{
	struct output fresh;
	int r = output_open_exclusive(&fresh, l->out.path);

	if (r < 0)
		return r;
	free(TAKE_PTR(fresh.path));
	if (!fresh.regular) {
		close(fresh.fd);
		return -ENOTSUP;
	}
	output_exchange(&l->out, fresh.fd);
	l->out.size = fresh.size;
	l->out.torn = fresh.torn;
	return 0;
}

static int exchange(struct logfile *l)
{
	int fd, r;

	if (l->settings.fsync != NEVER)
		sync_now(l);
	if (!is_ours(&l->out)) {
		r = follow(l);
	} else {
		r = rotation_make(l->out.path, l->settings.keep, &fd);
		if (r == 0)
			output_exchange(&l->out, fd);
	}
	if (r == 0 && l->settings.fsync != NEVER)
		sync_folder(l->out.path);
	return r;
}

static int rotate(struct logfile *l)
{
	int r;

	if (clock_now(CLOCK_MONOTONIC) < l->rotate_at)
		return -EAGAIN;
	r = exchange(l);
	if (r < 0) {
		if (l->rotation_failure == 0)
			log_line("the log %s cannot be rotated: %s; it grows until it can", l->out.path, strerror(-r));
		l->rotation_failure = -r;
		l->rotate_at = clock_now(CLOCK_MONOTONIC) + ROTATE_AGAIN;
		return r;
	}
	if (l->rotation_failure != 0)
		log_line("the log %s can be rotated again", l->out.path);
	l->rotation_failure = 0;
	l->rotate_at = 0;
	l->begun = 0;
	return 0;
}

/* Of the first line, ns; 0 for an empty file. A clock that was set back does not make a file young for ever. */
static uint64_t age(struct logfile *l)
{
	uint64_t time = clock_now(CLOCK_REALTIME);

	if (l->begun == 0 || l->out.size == 0)
		return 0;
	if (l->begun > time)
		l->begun = time;
	return time - l->begun;
}

static void rotate_by_age(struct logfile *l)
{
	if (l->settings.max_age > 0 && l->out.regular && l->out.done == 0 && age(l) >= l->settings.max_age)
		rotate(l);
}

static int on_turn(struct output *o)
{
	struct logfile *l = of(o);
	int r = rotate(l);

	if (r == 0) {
		l->begun = clock_now(CLOCK_REALTIME);
		l->dirty_since = clock_now(CLOCK_MONOTONIC);
	}
	return r;
}

static int on_look(struct output *o)
{
	struct logfile *l = of(o);
	struct stat st;
	int r;

	if (fstat(o->fd, &st) < 0)
		return -errno;
	o->size = (uint64_t)st.st_size;
	if (st.st_nlink == 0 && o->done == 0) {
		r = follow(l);
		if (r < 0)
			return r;
		log_line("the log %s was removed; it is begun again", o->path);
		l->begun = o->size > 0 ? file_begun(o) : 0;
	}
	rotate_by_age(l);
	if (o->size == 0 || l->begun == 0)
		l->begun = clock_now(CLOCK_REALTIME);
	if (l->dirty_since == 0)
		l->dirty_since = clock_now(CLOCK_MONOTONIC);
	return 0;
}

static const struct output_hooks hooks = {on_look, on_turn};

/* Does the rest of a line begin as a line of ours, or is it what a file system leaves after a power failure? */
static bool is_own_rest(const struct logfile *l, const char *rest, size_t length)
{
	bool json = strcmp(l->settings.format, "json") == 0, aws = strcmp(l->settings.format, "aws") == 0;
	const struct span prefix = json ? SPAN_LITERAL("{\"@timestamp\":\"2") : SPAN_LITERAL("[2");

	if (rest[0] == '\0')
		return true;
	return (json || aws) && memcmp(rest, prefix.data, length < prefix.length ? length : prefix.length) == 0;
}

/* Of the last `length` bytes of the file, those behind the last line end, if they are ours to remove; else 0. */
static size_t rest_in(const struct logfile *l, const char *tail, size_t length)
{
	const char *end = memrchr(tail, '\n', length);
	size_t rest = end ? (size_t)(tail + length - (end + 1)) : length;

	if (!end && length < l->out.size)
		return 0;
	return rest > 0 && is_own_rest(l, tail + length - rest, rest) ? rest : 0;
}

/* Bytes of the unfinished line at the end of the file, if it is ours to remove; else 0. */
static size_t own_rest(const struct logfile *l)
{
	size_t length = l->out.size < TAIL_MAX ? (size_t)l->out.size : TAIL_MAX, rest = 0;
	_cleanup_close_ int fd = open(l->out.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *tail = malloc(length);

	if (fd >= 0 && tail && pread(fd, tail, length, (off_t)(l->out.size - length)) == (ssize_t)length)
		rest = rest_in(l, tail, length);
	free(tail);
	return rest;
}

static void mend(struct logfile *l)
{
	size_t rest = l->out.torn ? own_rest(l) : 0;

	if (rest == 0 || ftruncate(l->out.fd, (off_t)(l->out.size - rest)) < 0)
		return;
	l->out.size -= rest;
	l->out.torn = false;
	log_line("the log %s ended within a line, as after a crash; %zu bytes of it were removed", l->out.path, rest);
}

static int open_locked(struct output *o, const char *path)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * (long)NS_PER_MS};
	int r = output_open_exclusive(o, path);

	for (int waited = 0; r == -EWOULDBLOCK && waited < LOCK_WAIT_MS; waited += LOCK_PAUSE_MS) {
		nanosleep(&pause, NULL);
		r = output_open_exclusive(o, path);
	}
	return r;
}

int logfile_open(struct logfile *l, const struct log_settings *s, struct problem *problem)
{
	int r;

	*l = (struct logfile){.settings = *s};
	r = open_locked(&l->out, s->path);
	if (r == -EWOULDBLOCK)
		return problem_set(problem, r,
				   "the log %s is written by another section or service; give each its own path",
				   s->path);
	if (r < 0)
		return problem_set(problem, r, "the log %s cannot be opened for appending: %s", s->path, strerror(-r));
	if (!l->out.regular || !l->out.path)
		return 0;
	rotation_clean(s->path);
	mend(l);
	l->begun = l->out.size > 0 ? file_begun(&l->out) : 0;
	l->out.limit = s->max_size;
	l->out.hooks = &hooks;
	if (s->fsync != NEVER)
		sync_folder(s->path);
	return 0;
}

void logfile_put(struct logfile *l, struct span line)
{
	buffer_span(&l->out.lines, line);
	l->events++;
	l->bytes += line.length;
	output_commit(&l->out);
}

static bool sync_is_due(const struct logfile *l)
{
	return l->settings.fsync != NEVER && l->dirty_since != 0 &&
	       clock_now(CLOCK_MONOTONIC) - l->dirty_since >= l->settings.fsync;
}

static int sooner(int a, uint64_t ns)
{
	int ms = ns / NS_PER_MS >= INT_MAX ? INT_MAX : (int)(ns / NS_PER_MS + 1);

	return a < 0 || ms < a ? ms : a;
}

/* When something is due without an event. */
static int next_call(struct logfile *l)
{
	uint64_t since, old = age(l);
	int wait = output_is_behind(&l->out) ? BEHIND_MS : -1;

	if (l->settings.max_age > 0 && old > 0) {
		wait = sooner(wait, AGE_MS * NS_PER_MS);
		if (l->rotation_failure != 0)
			wait = sooner(wait, ROTATE_AGAIN);
		else if (old < l->settings.max_age)
			wait = sooner(wait, l->settings.max_age - old);
	}
	if (l->settings.fsync != NEVER && l->dirty_since != 0) {
		since = clock_now(CLOCK_MONOTONIC) - l->dirty_since;
		wait = sooner(wait, since < l->settings.fsync ? l->settings.fsync - since : 0);
	}
	return wait;
}

int logfile_idle(struct logfile *l)
{
	output_flush(&l->out);
	rotate_by_age(l);
	if (sync_is_due(l))
		sync_now(l);
	return next_call(l);
}

void logfile_reopen(struct logfile *l)
{
	int r;

	if (!l->out.path || (l->out.hooks && is_ours(&l->out)))
		return;
	output_flush(&l->out);
	if (l->settings.fsync != NEVER)
		sync_now(l);
	r = output_reopen(&l->out);
	if (r < 0)
		log_line("the log %s cannot be opened again: %s; the file open so far stays in use", l->out.path,
			 r == -EWOULDBLOCK ? "somebody else writes it" : strerror(-r));
	else if (l->out.hooks)
		l->begun = l->out.size > 0 ? file_begun(&l->out) : 0;
}

void logfile_report(const struct logfile *l, struct feed_state *ret_state)
{
	int failure = l->out.failure ? l->out.failure : l->sync_failure ? l->sync_failure : l->rotation_failure;

	ret_state->unwritten = l->out.unwritten + l->unsynced;
	ret_state->held = output_held(&l->out);
	if (l->settings.fsync == 0 && l->out.regular)
		ret_state->held += l->out.written - l->synced;
	ret_state->written = l->events - ret_state->unwritten - ret_state->held;
	ret_state->bytes = l->bytes;
	if (failure)
		snprintf(ret_state->failure, sizeof(ret_state->failure), "%s%s",
			 failure == l->rotation_failure ? "cannot be rotated: " : "", strerror(failure));
}

void logfile_close(struct logfile *l)
{
	l->out.retry_at = 0;
	output_flush(&l->out);
	if (l->settings.fsync != NEVER)
		sync_now(l);
	output_close(&l->out);
}
