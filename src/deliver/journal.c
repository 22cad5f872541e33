/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch-journal: events to systemd-journald, a datagram each (sink/journal.c). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "deliver/program.h"
#include "sink/backlog.h"
#include "sink/outage.h"

#define RETRY_MS 1000
#define SEALS    (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

struct journal {
	struct sockaddr_un address;
	int fd; /* -1: not connected */
	struct backlog backlog;
	struct outage outage;
	uint64_t events, bytes, refused;
	uint64_t mark;
	uint64_t retry_at; /* ns, CLOCK_MONOTONIC */
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t lost(const struct journal *j)
{
	return j->backlog.dropped + j->refused;
}

static void disconnect(struct journal *j, int error)
{
	if (j->fd >= 0)
		close(take_fd(&j->fd));
	outage_begin(&j->outage, j->address.sun_path, strerror(error), lost(j));
	j->retry_at = now() + RETRY_MS * 1000000ULL;
}

/* Connected, so that poll(2) tells when journald can take more. */
static bool connect_to_journal(struct journal *j)
{
	_cleanup_close_ int fd = -1;

	if (j->fd >= 0)
		return true;
	if (now() < j->retry_at)
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&j->address, sizeof(j->address)) < 0) {
		disconnect(j, errno);
		return false;
	}
	j->fd = take_fd(&fd);
	return true;
}

/* What is too large for a datagram goes as a sealed file in memory. */
static int send_in_file(const struct journal *j, struct span message)
{
	_cleanup_close_ int file = memfd_create("imdsnitch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr m = {.msg_control = &control, .msg_controllen = sizeof(control)};

	if (file < 0)
		return -errno;
	if (write(file, message.data, message.length) != (ssize_t)message.length || fcntl(file, F_ADD_SEALS, SEALS) < 0)
		return -EIO;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &file, sizeof(int));
	return sendmsg(j->fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_message(const struct journal *j, struct span message)
{
	if (send(j->fd, message.data, message.length, MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EMSGSIZE || errno == ENOBUFS ? send_in_file(j, message) : -errno;
}

static bool is_slow(int r)
{
	return r == -EAGAIN || r == -EINTR || r == -ENOBUFS || r == -ENOMEM;
}

/* Sends what waits, until journald takes no more. */
static void pump(struct journal *j)
{
	struct span message;
	int r;

	while ((message = backlog_next(&j->backlog)).data && connect_to_journal(j)) {
		r = send_message(j, message);
		if (is_slow(r))
			return;
		if (r < 0 && r != -EMSGSIZE && r != -EIO) {
			disconnect(j, -r);
			return;
		}
		if (r < 0) {
			j->refused++;
			log_errno(r, "an event of %zu bytes cannot be given to the journal and is lost",
				  message.length);
		} else {
			j->bytes += message.length;
			outage_end(&j->outage, j->address.sun_path, lost(j));
		}
		backlog_underway(&j->backlog, ++j->mark);
		backlog_release(&j->backlog, j->mark);
	}
	if (j->backlog.messages == 0 && j->fd >= 0)
		outage_end(&j->outage, j->address.sun_path, lost(j));
}

static int journal_open(const struct settings *s, void **ret_state, struct problem *problem)
{
	size_t length = strlen(s->journal.socket);
	struct journal *j;

	if (length >= sizeof(j->address.sun_path))
		return problem_set(problem, -ENAMETOOLONG, "the journal's socket %s: a path of at most %zu bytes",
				   s->journal.socket, sizeof(j->address.sun_path) - 1);
	j = calloc(1, sizeof(*j));
	if (!j)
		return problem_set(problem, -ENOMEM, "the journal: out of memory");
	j->address.sun_family = AF_UNIX;
	memcpy(j->address.sun_path, s->journal.socket, length);
	j->fd = -1;
	connect_to_journal(j);
	*ret_state = j;
	return 0;
}

static void journal_event(void *state, const struct frame *frame, struct span payload)
{
	struct journal *j = state;

	j->events++;
	if (backlog_is_filling(&j->backlog, payload.length))
		pump(j);
	if (!backlog_put(&j->backlog, (struct span){"", 0}, payload) && !j->outage.on)
		outage_begin(&j->outage, j->address.sun_path, "it is too slow", lost(j) - 1);
}

static int journal_idle(void *state)
{
	struct journal *j = state;

	pump(j);
	return j->backlog.waiting > 0 ? RETRY_MS : -1;
}

static unsigned journal_watch(void *state, struct pollfd *fds, unsigned max)
{
	struct journal *j = state;

	if (j->fd < 0 || j->backlog.waiting == 0)
		return 0;
	fds[0] = (struct pollfd){.fd = j->fd, .events = POLLOUT};
	return 1;
}

static void journal_ready(void *state, const struct pollfd *fds, unsigned count)
{
	pump(state);
}

static void journal_report(const void *state, struct feed_state *ret_state)
{
	const struct journal *j = state;

	ret_state->unwritten = lost(j);
	ret_state->held = j->backlog.messages;
	ret_state->written = j->events - ret_state->unwritten - ret_state->held;
	ret_state->bytes = j->bytes;
	snprintf(ret_state->failure, sizeof(ret_state->failure), "%s", j->outage.why);
}

static void journal_finish(void *state)
{
	uint64_t until = now() + PROGRAM_LAST_MS * 1000000ULL;
	struct journal *j = state;

	j->retry_at = 0;
	pump(j);
	while (j->fd >= 0 && j->backlog.waiting > 0 && now() < until) {
		struct pollfd p = {.fd = j->fd, .events = POLLOUT};

		poll(&p, 1, 100);
		pump(j);
	}
	if (j->backlog.messages > 0)
		log_line("%" PRIu64 " events could not be given to the journal", j->backlog.messages);
}

static void journal_close(void *state)
{
	struct journal *j = state;

	if (j->fd >= 0)
		close(j->fd);
	backlog_done(&j->backlog);
	free(j);
}

static const struct program program_journal = {
	.kind = SETTINGS_JOURNAL,
	.sandbox = SANDBOX_CONNECT,
	.open = journal_open,
	.event = journal_event,
	.idle = journal_idle,
	.watch = journal_watch,
	.ready = journal_ready,
	.report = journal_report,
	.finish = journal_finish,
	.close = journal_close,
};

int main(int argc, char **argv)
{
	return program_main(&program_journal, argc, argv);
}
