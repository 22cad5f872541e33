/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/output.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define NS_PER_S      1000000000ull
#define RETRY_NS      NS_PER_S
#define WAIT_MS       100  /* for a slow reader, when it begins to be slow */
#define LAST_WAIT_MS  2000 /* for a slow reader, when closing */
#define OPEN_FLAGS    (O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define OPEN_ATTEMPTS 8 /* the file may be created or removed between two looks */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static const char *name_of(const struct output *o)
{
	return o->path ? o->path : "standard output";
}

/* O_EXCL tells whether it is new. */
static int create_file(const char *path)
{
	_cleanup_close_ int fd = open(path, OPEN_FLAGS | O_CREAT | O_EXCL, OUTPUT_MODE);

	if (fd < 0 || fchmod(fd, OUTPUT_MODE) < 0)
		return -errno;
	return take_fd(&fd);
}

static int open_file(const char *path)
{
	int fd;

	for (int i = 0; i < OPEN_ATTEMPTS; i++) {
		fd = create_file(path);
		if (fd != -EEXIST)
			return fd;
		fd = open(path, OPEN_FLAGS);
		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			return -errno;
	}
	return -EAGAIN;
}

/* Does the file end in the middle of a line, as after a crash? */
static bool ends_within_line(const char *path, const struct stat *st)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat again;
	char last;

	if (fd < 0 || st->st_size == 0 || fstat(fd, &again) < 0)
		return false;
	if (again.st_dev != st->st_dev || again.st_ino != st->st_ino)
		return false;
	return pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* File systems without locks have none to respect. */
static int lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EWOULDBLOCK : 0;
}

static int open_path(struct output *o, const char *path)
{
	_cleanup_close_ int fd = open_file(path);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
	if (S_ISREG(st.st_mode) && o->exclusive && lock(fd) < 0)
		return -EWOULDBLOCK;
	o->regular = S_ISREG(st.st_mode);
	o->size = o->regular ? (uint64_t)st.st_size : 0;
	o->torn = o->regular && ends_within_line(path, &st);
	o->fd = take_fd(&fd);
	return 0;
}

/* Its open file is shared with others: O_NONBLOCK must not be set on it. */
static int take_stdout(struct output *o)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(STDOUT_FILENO, &st) < 0)
		return -errno;
	if ((flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	o->fd = STDOUT_FILENO;
	o->regular = S_ISREG(st.st_mode);
	o->blocking = !o->regular && !(flags & O_NONBLOCK);
	return 0;
}

static int open_output(struct output *o, const char *path)
{
	int r;

	if (!path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
		return take_stdout(o);
	r = open_path(o, path);
	if (r < 0)
		return r;
	o->path = strdup(path);
	if (!o->path) {
		close(take_fd(&o->fd));
		return -ENOMEM;
	}
	return 0;
}

int output_open(struct output *o, const char *path)
{
	*o = (struct output){.fd = -1};
	return open_output(o, path);
}

int output_open_exclusive(struct output *o, const char *path)
{
	*o = (struct output){.fd = -1, .exclusive = true};
	return open_output(o, path);
}

int output_create(const char *path)
{
	int fd = create_file(path);

	if (fd >= 0)
		lock(fd);
	return fd;
}

void output_exchange(struct output *o, int fd)
{
	close(o->fd);
	o->fd = fd;
	o->size = 0;
	o->regular = true;
	o->torn = false;
	o->retry_at = 0;
}

static uint64_t count_lines(const char *data, size_t length)
{
	const char *end = data + length;
	uint64_t n = 0;

	while (length > 0 && (data = memchr(data, '\n', (size_t)(end - data)))) {
		data++;
		n++;
	}
	return n;
}

/* `n` further bytes are out: whole lines leave the buffer, of a partial one is remembered how much is out. */
static void advance(struct output *o, size_t n)
{
	size_t out = o->done + n, whole = out;

	while (whole > 0 && o->lines.data[whole - 1] != '\n')
		whole--;
	o->written += count_lines(o->lines.data, whole);
	memmove(o->lines.data, o->lines.data + whole, o->lines.length - whole);
	o->lines.length -= whole;
	o->committed -= whole;
	o->done = out - whole;
}

/*
 * Takes a partial line off the end of the file again, if what follows our last write is the end of the file: a reader
 * then finds whole lines only, also if the program ends here. Where that cannot be, `done` stays.
 */
static void cut_partial_line(struct output *o)
{
	struct stat st;
	off_t end;

	if (o->done == 0 || !o->regular)
		return;
	end = lseek(o->fd, 0, SEEK_CUR);
	if (end < (off_t)o->done || fstat(o->fd, &st) < 0 || st.st_size != end)
		return;
	if (ftruncate(o->fd, end - (off_t)o->done) < 0)
		return;
	/* For a file that was not opened for appending: the next write must not leave a gap. */
	lseek(o->fd, end - (off_t)o->done, SEEK_SET);
	o->size -= o->done < o->size ? o->done : o->size;
	o->done = 0;
}

/* Waits until the reader takes something, until `deadline` (CLOCK_MONOTONIC, ns) at most. */
static bool wait_writable(int fd, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	uint64_t at = now();

	return at < deadline && poll(&p, 1, (int)((deadline - at) / 1000000 + 1)) > 0;
}

/* How many of the bytes fit into PIPE_BUF: whole lines, where there is one. */
static size_t portion(const char *data, size_t length)
{
	const char *end;

	if (length <= PIPE_BUF)
		return length;
	end = memrchr(data, '\n', PIPE_BUF);
	return end ? (size_t)(end + 1 - data) : PIPE_BUF;
}

/*
 * write(2) that never waits: where a pipe or a terminal can be written, it takes PIPE_BUF bytes at least. A reader
 * that stands still must not stop the program, which then could not even be ended by a signal.
 */
static ssize_t write_now(const struct output *o, const char *data, size_t length)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};

	if (!o->blocking)
		return write(o->fd, data, length);
	if (poll(&p, 1, 0) > 0)
		return write(o->fd, data, portion(data, length));
	errno = EAGAIN;
	return -1;
}

/* write(2) that is not interrupted: bytes or -errno. */
static ssize_t write_some(const struct output *o, const char *data, size_t length, uint64_t deadline)
{
	for (;;) {
		ssize_t n = write_now(o, data, length);

		if (n > 0)
			return n;
		if (n == 0)
			return -EIO;
		if (errno == EINTR || (errno == EAGAIN && wait_writable(o->fd, deadline)))
			continue;
		return errno ? -errno : -EAGAIN;
	}
}

/*
 * How many bytes of whole lines belong into the file that is open. A line that is begun is completed, and a line that
 * stands alone may be of any length.
 */
static size_t fitting(const struct output *o)
{
	const char *next = o->lines.data + o->done, *end;
	size_t length = o->committed - o->done;
	size_t room = o->limit > o->size ? (size_t)(o->limit - o->size) : 0;

	if (o->limit == 0 || !o->regular || length <= room)
		return length;
	if (o->done > 0 || o->size == 0) {
		end = memchr(next, '\n', length);
		room = end && (size_t)(end + 1 - next) > room ? (size_t)(end + 1 - next) : room;
	}
	end = memrchr(next, '\n', room);
	return end ? (size_t)(end + 1 - next) : 0;
}

/* How much to write next; may go on to the next file. */
static size_t next_portion(struct output *o)
{
	size_t n = fitting(o);

	if (n == 0 && o->hooks && o->hooks->turn(o) == 0)
		n = fitting(o);
	return n > 0 ? n : o->committed - o->done;
}

static int end_torn_line(struct output *o, uint64_t deadline)
{
	ssize_t n = o->torn ? write_some(o, "\n", 1, deadline) : 0;

	if (n < 0)
		return (int)n;
	o->size += (uint64_t)n;
	o->torn = false;
	return 0;
}

/* Writes until all is out. 0 or -errno; -EAGAIN when a reader took nothing for `wait` ms. */
static int write_lines(struct output *o, unsigned wait)
{
	uint64_t deadline = now() + wait * 1000000ull;
	ssize_t n;
	int r;

	r = o->hooks && o->regular && o->committed > o->done ? o->hooks->look(o) : 0;
	if (r == 0)
		r = end_torn_line(o, deadline);
	while (r == 0 && o->committed > o->done) {
		n = write_some(o, o->lines.data + o->done, next_portion(o), deadline);
		if (n < 0)
			return (int)n;
		o->size += (uint64_t)n;
		advance(o, (size_t)n);
	}
	return r;
}

/* A full disk is told at once, a slow reader only when it costs an event. */
static void tell_failure(struct output *o)
{
	if (o->told || (o->failure == EAGAIN && o->unwritten == o->unwritten_before))
		return;
	log_line("cannot write to %s: %s; events that do not fit into memory until it works again are counted as lost",
		 name_of(o), o->failure == EAGAIN ? "its reader is too slow" : strerror(o->failure));
	o->told = true;
}

static void begin_failure(struct output *o, int failure)
{
	if (o->failure == 0)
		o->unwritten_before = o->unwritten;
	o->failure = failure;
	o->retry_at = failure == EAGAIN ? 0 : now() + RETRY_NS;
	cut_partial_line(o);
	tell_failure(o);
}

static void end_failure(struct output *o)
{
	if (o->told)
		log_line("%s can be written again; %" PRIu64 " events were lost", name_of(o),
			 o->unwritten - o->unwritten_before);
	o->failure = 0;
	o->told = false;
}

/* An event of unusual size must not hold its memory for good. */
static void shrink(struct output *o)
{
	if (o->lines.length == 0 && o->lines.capacity > OUTPUT_KEEP)
		buffer_done(&o->lines);
}

static int flush(struct output *o, unsigned wait)
{
	int r = write_lines(o, wait);

	if (r == -EPIPE && !o->path)
		return r;
	if (r < 0) {
		begin_failure(o, -r);
		return 0;
	}
	if (o->failure != 0)
		end_failure(o);
	shrink(o);
	return 0;
}

int output_flush(struct output *o)
{
	if (o->failure == 0)
		return flush(o, WAIT_MS);
	if (o->failure != EAGAIN && now() < o->retry_at)
		return 0;
	return flush(o, 0);
}

static void drop_last(struct output *o)
{
	o->lines.length = o->committed;
	if (o->lines.failed && o->failure == 0)
		begin_failure(o, ENOMEM);
	o->lines.failed = false;
	o->unwritten++;
	tell_failure(o);
}

/* Is there no room to keep the event that was just appended? */
static bool is_full(const struct output *o)
{
	return o->failure != 0 && o->lines.length > OUTPUT_KEEP;
}

int output_commit(struct output *o)
{
	int r = 0;

	if (o->lines.length == o->committed && !o->lines.failed)
		return 0;
	if (!o->lines.failed && is_full(o))
		r = output_flush(o);
	if (o->lines.failed || is_full(o))
		drop_last(o);
	else
		o->committed = o->lines.length;
	return r == 0 && o->committed >= OUTPUT_FLUSH ? output_flush(o) : r;
}

static bool is_same_file(const struct output *o)
{
	struct stat open_one, named;

	return fstat(o->fd, &open_one) == 0 && lstat(o->path, &named) == 0 && open_one.st_dev == named.st_dev &&
	       open_one.st_ino == named.st_ino;
}

int output_reopen(struct output *o)
{
	struct output fresh;
	int r;

	if (!o->path)
		return 0;
	flush(o, WAIT_MS);
	if (is_same_file(o))
		return 0;
	fresh = *o;
	r = open_path(&fresh, o->path);
	if (r < 0)
		return r;
	close(o->fd);
	*o = fresh;
	o->done = 0;
	o->retry_at = 0;
	return 0;
}

uint64_t output_held(const struct output *o)
{
	return count_lines(o->lines.data, o->committed);
}

int output_close(struct output *o)
{
	uint64_t lost;
	int r = 0;

	if (o->fd < 0)
		return 0;
	if (o->committed > o->done)
		r = flush(o, LAST_WAIT_MS);
	lost = count_lines(o->lines.data, o->committed);
	o->unwritten += lost;
	if (lost > 0 && r != -EPIPE)
		log_line("%" PRIu64 " events could not be written to %s", lost, name_of(o));
	if (o->path && close(o->fd) < 0 && r == 0)
		r = -errno;
	o->fd = -1;
	buffer_done(&o->lines);
	o->committed = 0;
	free(TAKE_PTR(o->path));
	return r;
}
