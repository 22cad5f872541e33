/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "base/log.h"
#include "base/notify.h"
#include "caller/ancestry.h"
#include "caller/image.h"
#include "caller/users.h"
#include "capture/ability.h"
#include "capture/probe.h"
#include "capture/rights.h"
#include "cmd/live.h"

/* After a read, let records gather: one wake-up for many of them. */
#define GATHER_US 2000
/* How often a full disk is tried again, and what waits is looked at. */
#define RETRY_NS  250000000
#define DAY_NS    86400000000000
#define FDS_OWN   3
#define FDS_MAX   128

void live_init(struct live *l)
{
	*l = (struct live){.proc = -1, .signals = -1, .over = -1, .ring_size = LIVE_RING_DEFAULT};
	view_init(&l->view);
}

static int on_record(void *context, const void *bytes, size_t length)
{
	struct live *l = context;
	int r = pipeline_record(l->pipeline, bytes, length);

	return r == -EPIPE ? r : 0;
}

/* Loads and attaches. On failure says the first thing that is missing and what to do. */
static int start_probe(struct live *l)
{
	const struct probe_config config = {
		.endpoints = &l->view.endpoints,
		.ring_size = l->ring_size,
		.handler = on_record,
		.context = l,
	};
	struct problem problem = {0}, reason = {0};
	const struct ability *missing;
	int r = probe_new(&config, &l->probe, &problem);

	if (r == 0 && probe_listen(l->probe, &reason) < 0 && probe_is_verbose())
		log_line("verdicts of a guard will not be seen: %s", reason.text);
	if (r == 0)
		r = probe_attach(l->probe, &problem);
	if (r == 0)
		return 0;
	missing = ability_missing(&reason);
	if (missing)
		log_line("cannot watch: %s: %s (imdsnitch doctor shows all)", missing->name, reason.text);
	else
		log_line("cannot watch: %s (try --verbose)", problem.text);
	return r;
}

static int start_recording(struct live *l)
{
	struct recording_header header = {
		.magic = RECORDING_MAGIC,
		.attached_since = l->attached_since,
		.realtime_offset = host_realtime_offset(),
	};
	struct problem problem;
	int r;

	if (!l->record)
		return 0;
	memcpy(header.boot_id, l->boot_id, sizeof(header.boot_id));
	snprintf(header.host_id, sizeof(header.host_id), "%s", l->view.host_id);
	snprintf(header.host_name, sizeof(header.host_name), "%.63s", l->view.host_name);
	if (l->view.provider)
		snprintf(header.provider, sizeof(header.provider), "%s", l->view.provider);
	r = recording_create(l->record, &header, &l->recording, &problem);
	if (r < 0)
		log_line("%s", problem.text);
	return r;
}

static int start_pipeline(struct live *l)
{
	struct pipeline_config config = {
		.recording = l->recording,
		.attached_since = l->attached_since,
		.caller =
			{
				.proc = l->proc,
				.realtime_offset = host_realtime_offset(),
				.boot_id = l->boot_id[0] ? l->boot_id : NULL,
				.users = l->users,
				.images = l->images,
				.ancestry = l->ancestry,
			},
	};
	int r;

	view_configure(&l->view, &config);
	r = pipeline_new(&config, &l->pipeline);
	return r < 0 ? log_errno(r, "cannot watch") : 0;
}

static int start_signals(struct live *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (l->company.hangup)
		sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->signals < 0 ? -errno : 0;
}

uint64_t live_attached_seconds(const struct live *l)
{
	return (l->attached_ns ? l->attached_ns : host_boottime() - l->attached_since) / 1000000000;
}

static void announce(struct live *l)
{
	char text[CALL_ADDRESS_TEXT];
	struct buffer b = {0};

	for (unsigned i = 0; i < l->view.endpoints.count; i++) {
		const struct call_address *a = &l->view.endpoints.list[i].address;

		buffer_printf(&b, "%s%s", i ? ", " : "", call_address_text(a, text));
		if (a->port != 80)
			buffer_printf(&b, " port %u", a->port);
	}
	log_line("watching %.*s", (int)b.length, b.data);
	buffer_done(&b);
	notify("READY=1");
}

/* How long poll may sleep, ms; a day at most, so that the number fits. */
static int patience(struct live *l, uint64_t now)
{
	uint64_t until = now + DAY_NS;

	if (l->duration && l->attached_since + l->duration < until)
		until = l->attached_since + l->duration;
	if (l->stats && l->next_stats < until)
		until = l->next_stats;
	if ((output_is_behind(&l->view.out) || pipeline_is_waiting(l->pipeline)) && now + RETRY_NS < until)
		until = now + RETRY_NS;
	if (l->company.until && l->company.until(l->company.context) < until)
		until = l->company.until(l->company.context);
	return until <= now ? 0 : (int)((until - now) / 1000000) + 1;
}

static void on_time(struct live *l)
{
	uint64_t now = host_boottime();

	if (l->duration && now >= l->attached_since + l->duration)
		l->stopping = true;
	if (l->stats && now >= l->next_stats) {
		pipeline_stats(l->pipeline, live_attached_seconds(l));
		l->next_stats += l->stats;
	}
}

static void on_signal(struct live *l)
{
	struct signalfd_siginfo info;

	if (read(l->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		l->company.hangup(l->company.context);
	else
		l->stopping = true;
}

/* Must not happen; a log that ends early must not look whole. */
static void fail(struct live *l, int r)
{
	log_errno(r, "cannot go on watching");
	l->status = EXIT_INCOMPLETE;
	l->stopping = true;
}

static void turn(struct live *l)
{
	struct pollfd fds[FDS_MAX] = {
		{.fd = l->signals, .events = POLLIN},
		{.fd = probe_fd(l->probe), .events = POLLIN},
		{.fd = l->over, .events = POLLIN},
	};
	const struct live_company *c = &l->company;
	unsigned more = c->watch ? c->watch(c->context, fds + FDS_OWN, FDS_MAX - FDS_OWN) : 0;
	int read;

	if (poll(fds, FDS_OWN + more, patience(l, host_boottime())) < 0 && errno != EINTR) {
		fail(l, -errno);
		return;
	}
	if (fds[0].revents)
		on_signal(l);
	if (fds[2].revents)
		l->stopping = true;
	pipeline_set_realtime_offset(l->pipeline, host_realtime_offset());
	read = probe_read(l->probe);
	if (read < 0 && !pipeline_is_done(l->pipeline))
		fail(l, read);
	on_time(l);
	if (c->turn)
		c->turn(c->context, fds + FDS_OWN, more, host_boottime());
	if (pipeline_flush(l->pipeline) < 0 || pipeline_is_done(l->pipeline))
		l->stopping = true;
	if (fds[1].revents && read < PROBE_READ_MAX && !l->stopping && !(c->behind && c->behind(c->context)))
		usleep(GATHER_US);
}

/* Nothing new comes after the detach: what is in the ring is read, what is open is ended, and the sum is drawn. */
static void finish(struct live *l)
{
	probe_detach(l->probe);
	l->attached_ns = host_boottime() - l->attached_since;
	if (l->company.ending)
		l->company.ending(l->company.context);
	while (!pipeline_is_done(l->pipeline) && probe_read(l->probe) > 0)
		continue;
	pipeline_end(l->pipeline);
	pipeline_stats(l->pipeline, live_attached_seconds(l));
	pipeline_flush(l->pipeline);
	if (l->company.finish)
		l->company.finish(l->company.context);
}

static int live_start(struct live *l)
{
	int r;

	rights_raise_files();
	host_boot_id(l->boot_id, sizeof(l->boot_id));
	l->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l->users = users_new(NULL);
	l->images = images_new(NULL);
	l->ancestry = ancestry_new();
	r = start_signals(l);
	if (r < 0) {
		log_errno(r, "signals cannot be set up");
		return EXIT_RIGHTS;
	}
	r = view_open(&l->view);
	if (r < 0)
		return EXIT_USAGE;
	if (!l->view.provider)
		l->view.provider = host_provider();
	if (start_probe(l) < 0)
		return EXIT_RIGHTS;
	l->attached_since = host_boottime();
	l->next_stats = l->attached_since + l->stats;
	if (start_recording(l) < 0)
		return EXIT_USAGE;
	if (start_pipeline(l) < 0)
		return EXIT_INCOMPLETE;
	pipeline_add_open_at_start(l->pipeline, view_count_open(&l->view, l->proc));
	r = l->company.drop ? l->company.drop(l->company.context) : rights_drop(0, 0);
	if (r < 0) {
		log_errno(r, "cannot watch: rights that are not needed any more cannot be given up");
		return EXIT_RIGHTS;
	}
	return EXIT_FINE;
}

int live_run(struct live *l)
{
	int status = live_start(l);

	if (status != EXIT_FINE)
		return status;
	if (l->view.format == &format_json)
		pipeline_stats(l->pipeline, 0);
	announce(l);
	pipeline_flush(l->pipeline);
	if (l->ready && l->ready(l->context, &l->over) < 0) {
		l->stopping = true;
		l->status = EXIT_INCOMPLETE;
	}
	while (!l->stopping)
		turn(l);
	finish(l);
	if (recording_close(TAKE_PTR(l->recording)) < 0)
		l->status = EXIT_INCOMPLETE;
	return view_finish(&l->view, l->pipeline, l->status);
}

void live_done(struct live *l)
{
	probe_free(l->probe);
	pipeline_free(l->pipeline);
	recording_close(l->recording);
	users_free(l->users);
	images_free(l->images);
	ancestry_free(l->ancestry);
	view_done(&l->view);
	cleanup_close(&l->proc);
	cleanup_close(&l->signals);
}
