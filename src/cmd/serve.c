/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch serve: the service. The capture of watch, its events fed to sink programs, for months. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/parse.h"
#include "base/sandbox.h"
#include "capture/probe.h"
#include "capture/rights.h"
#include "cmd/cmd.h"
#include "cmd/live.h"
#include "feed/feeds.h"
#include "feed/launcher.h"
#include "serve/folder.h"
#include "serve/guarding.h"
#include "serve/identity.h"
#include "serve/report.h"
#include "serve/socket.h"

#define NS_PER_S      1000000000ULL
#define QUIET_BEATS   10                 /* beats between two counts that say nothing new */
#define CHECK_EVERY   10                 /* beats between two looks at the attached programs and the launcher */
#define PATIENCE_FULL (3ULL * NS_PER_S)  /* for full queues before that */
#define PATIENCE      (12ULL * NS_PER_S) /* for the sinks at the end */

struct serve {
	const char *config_path; /* NULL: the usual one, which may be missing */
	bool check, defaults;
	struct config *config;
	struct live live;
	struct launcher *launcher;
	struct feeds feeds;
	struct guarding guarding;
	uid_t user; /* 0: stays who it is */
	gid_t group;
	int status; /* descriptor of the status socket; -1: none */
	uint64_t next_beat, beats;
	struct stats sent; /* the counts the sinks know */
	bool busy;         /* they were others a second before */
	uint64_t watchdog; /* ns between two signs of life; 0: nobody waits for them */
	uint64_t next_sign;
	struct report report;
	char run_id[40];
};

static int set_config(void *target, const char *value, const char **ret_error)
{
	((struct serve *)target)->config_path = value;
	return 0;
}

static int set_check(void *target, const char *value, const char **ret_error)
{
	((struct serve *)target)->check = true;
	return 0;
}

static int set_defaults(void *target, const char *value, const char **ret_error)
{
	((struct serve *)target)->defaults = true;
	return 0;
}

static int set_verbose(void *target, const char *value, const char **ret_error)
{
	probe_verbose();
	return 0;
}

static const struct option_spec options[] = {
	{"config", "FILE", "the configuration (default\n/etc/imdsnitch/imdsnitch.conf, which may be missing)",
	 set_config},
	{"check", NULL, "say what is wrong with the configuration, and end", set_check},
	{"defaults", NULL, "print a configuration with every key and its default", set_defaults},
	{"verbose", NULL, "show what the kernel says while loading", set_verbose},
	{NULL, NULL, NULL, NULL},
};

static const struct option_spec *const tables[] = {options, NULL};

static void report_mistake(void *context, const char *text)
{
	log_line("%s", text);
}

static const char *config_path(const struct serve *s)
{
	return s->config_path ? s->config_path : CONFIG_PATH;
}

static int read_config(const struct serve *s, struct config **ret_config)
{
	bool usual = strcmp(config_path(s), CONFIG_PATH) == 0;

	return config_read(config_path(s), usual, report_mistake, NULL, ret_config);
}

/* Every line is a comment: the printed file changes nothing until somebody does. */
static int print_defaults(void)
{
	for (const struct setting *t = settings_table; t->key; t++) {
		if (t == settings_table || t->kind != t[-1].kind)
			printf("%s; [%s]\n", t == settings_table ? "" : "\n", settings_kind_name(t->kind));
		printf("; %s = %-*s ; %s\n", t->key, (int)(30 - strlen(t->key)), t->fallback ? t->fallback : "",
		       t->argument);
	}
	return EXIT_FINE;
}

/* 0, also when there are none; mistakes were told. */
static int check_rules(const struct serve *s)
{
	struct policy_source source = {.path = config_rules(s->config), .mistake = report_mistake};
	struct policy p = {0};
	int r = source.path ? policy_read(&source, &p) : 0;

	if (source.path && r == 0)
		log_line("%s is fine: %u rules", source.path, p.rules->count);
	policy_done(&p);
	return r;
}

static int check(const struct serve *s)
{
	unsigned sinks = 0;

	if (check_rules(s) < 0)
		return EXIT_USAGE;

	for (unsigned i = 0; i < s->config->count; i++)
		sinks += settings_kind_is_sink(s->config->section[i].settings.kind) &&
			 s->config->section[i].settings.enabled;
	if (access(config_path(s), F_OK) < 0)
		log_line("%s is not there, so the defaults hold: %u sinks", config_path(s), sinks);
	else
		log_line("%s is fine: %u sinks", config_path(s), sinks);
	if (sinks == 0)
		log_line("nothing would be kept of what is seen: no sink is enabled");
	return EXIT_FINE;
}

/* Root becomes the service's own user, when there is one. */
static void find_user(struct serve *s)
{
	const struct service_settings *service = config_service(s->config);
	const char *missing;

	if (geteuid() != 0 || identity_find(service->user, service->group, &s->user, &s->group, &missing) == 0)
		return;
	log_line("there is no %s %s: running as root, with its rights given up", missing,
		 missing[0] == 'u' ? service->user : service->group);
}

/* The folders that sinks write into. A sink that cannot write says so itself. */
static void make_folders(const struct serve *s, const struct config *c)
{
	struct problem problem;

	for (unsigned i = 0; i < c->count; i++) {
		const char *file = settings_file(&c->section[i].settings);

		if (file[0] && folder_make(file, s->user, s->group, &problem) < 0)
			log_line("%s", problem.text);
	}
}

static int on_drop(void *context)
{
	struct serve *s = context;
	int r = rights_drop(s->user, s->group);

	/* Rules are exchanged through memory; who writes locks the others out. */
	return r < 0 ? r : sandbox_enter(s->guarding.gate ? SANDBOX_LOCK : 0);
}

static unsigned on_watch(void *context, struct pollfd *fds, unsigned max)
{
	struct serve *s = context;
	unsigned n = feeds_poll(&s->feeds, fds, max - 1);

	if (s->status >= 0)
		fds[n++] = (struct pollfd){.fd = s->status, .events = POLLIN};
	return n;
}

static void write_report(void *context, struct buffer *out)
{
	struct serve *s = context;

	s->report.stats = pipeline_count(s->live.pipeline, live_attached_seconds(&s->live));
	s->report.uptime = (host_boottime() - s->live.attached_since) / NS_PER_S;
	report_write(&s->report, out);
}

static void send_counts(struct serve *s, bool last)
{
	struct stats stats = pipeline_count(s->live.pipeline, live_attached_seconds(&s->live));
	int64_t offset = host_realtime_offset();
	struct feed_counts counts = {
		.time = host_boottime() + (uint64_t)offset,
		.attached_since = s->live.attached_since + (uint64_t)offset,
		.calls = stats.calls,
		.calls_v1 = stats.calls_v1,
		.calls_v2 = stats.calls_v2,
		.calls_unknown = stats.calls_unknown,
		.connects = stats.connects,
		.lost = stats.lost,
		.truncated = stats.truncated,
		.evicted = stats.evicted,
		.open_at_start = stats.open_at_start,
		.attached_seconds = stats.attached_seconds,
		.denied = stats.denied,
		.would_deny = stats.would_deny,
		.unwritten = stats.unwritten,
		.last = last,
	};

	memcpy(counts.boot_id, s->live.boot_id, sizeof(counts.boot_id));
	memcpy(counts.run_id, s->run_id, sizeof(counts.run_id));
	feeds_counts(&s->feeds, &counts);
}

/* Seconds go by in any case: they alone are no news. */
static bool is_news(const struct stats *a, const struct stats *b)
{
	struct stats same = *b;

	same.attached_seconds = a->attached_seconds;
	return memcmp(a, &same, sizeof(same)) != 0;
}

static void beat(struct serve *s)
{
	struct stats stats = pipeline_count(s->live.pipeline, live_attached_seconds(&s->live));

	bool news = is_news(&s->sent, &stats);

	if (s->beats % QUIET_BEATS == 0 || news)
		send_counts(s, false);
	if (s->busy && !news) {
		feeds_rest(&s->feeds);
		malloc_trim(0);
	}
	s->busy = news;
	s->sent = stats;
	memmove(s->report.rate + 1, s->report.rate, sizeof(s->report.rate) - sizeof(s->report.rate[0]));
	s->report.rate[0] = stats.calls;
	s->report.rates += s->report.rates < REPORT_MINUTE;
}

static void give_up(struct serve *s, const char *what, const char *so)
{
	log_line("%s: %s; ending, to be started again", what, so);
	s->live.status = EXIT_INCOMPLETE;
	s->live.stopping = true;
}

/* What is gone and cannot be had again without rights: better to end and be started again than to go on half. */
static void look_around(struct serve *s)
{
	struct problem problem;

	if (s->beats++ % CHECK_EVERY != 0)
		return;
	if (probe_check(s->live.probe, &problem) < 0)
		give_up(s, problem.text, "calls are not seen any more");
	else if (launcher_is_gone(s->launcher))
		give_up(s, "the launcher has died", "a sink that ends could not be started again");
}

static void on_turn(void *context, const struct pollfd *fds, unsigned count, uint64_t now)
{
	struct serve *s = context;

	feeds_turn(&s->feeds, now);
	if (feeds_want_counts(&s->feeds))
		send_counts(s, false);
	if (count && s->status >= 0 && fds[count - 1].revents)
		status_answer(s->status, write_report, s);
	if (now >= s->next_beat) {
		beat(s);
		look_around(s);
		s->next_beat = now + NS_PER_S;
	}
	if (s->watchdog && now >= s->next_sign) {
		notify("WATCHDOG=1");
		s->next_sign = now + s->watchdog;
	}
}

static uint64_t on_until(void *context)
{
	struct serve *s = context;
	uint64_t until = feeds_until(&s->feeds);

	if (s->next_beat < until)
		until = s->next_beat;
	return s->watchdog && s->next_sign < until ? s->next_sign : until;
}

static bool on_behind(void *context)
{
	return feeds_are_behind(&((struct serve *)context)->feeds);
}

/* What the capture was started with stays as it is until a restart. */
static bool is_same_capture(const struct service_settings *a, const struct service_settings *b)
{
	return a->endpoints == b->endpoints && memcmp(a->endpoint, b->endpoint, sizeof(a->endpoint)) == 0 &&
	       strcmp(a->provider, b->provider) == 0 && a->ring_size == b->ring_size && strcmp(a->user, b->user) == 0 &&
	       strcmp(a->group, b->group) == 0 && strcmp(a->status_socket, b->status_socket) == 0;
}

/* What rules speak of that came after the start. */
static void tell_unwatched(const struct serve *s)
{
	const struct rules *rules = s->guarding.policy.rules;
	char text[CALL_ADDRESS_TEXT];

	for (unsigned i = 0; rules && i < rules->endpoints.count; i++)
		if (!endpoints_find(&s->live.view.endpoints, &rules->endpoints.list[i].address))
			log_line("%s port %u is guarded, but calls to it that pass are not watched until a restart",
				 call_address_text(&rules->endpoints.list[i].address, text),
				 rules->endpoints.list[i].address.port);
}

static void on_hangup(void *context)
{
	struct serve *s = context;
	struct config *fresh;

	notify("RELOADING=1");
	if (read_config(s, &fresh) < 0) {
		log_line("the configuration stays as it was");
		config_free(fresh);
	} else {
		if (!is_same_capture(config_service(s->config), config_service(fresh)))
			log_line("only stats and queue of [service] change while it runs; the rest needs a restart");
		config_free(s->config);
		s->config = fresh;
		s->live.stats = config_service(fresh)->stats;
		log_line("configuration read again");
		guarding_reload(&s->guarding, fresh);
		tell_unwatched(s);
	}
	feeds_apply(&s->feeds, s->config, host_boottime());
	notify("READY=1");
}

static void on_ending(void *context)
{
	((struct serve *)context)->feeds.patience = PATIENCE_FULL;
}

static void on_finish(void *context)
{
	struct serve *s = context;

	notify("STOPPING=1");
	send_counts(s, true);
	feeds_end(&s->feeds, PATIENCE);
}

/* WATCHDOG_USEC (sd_watchdog_enabled(3)): a sign of life at half of that. */
static void set_watchdog(struct serve *s)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us, n;

	if (!text || parse_u64(text, &us) < 0 || us > 86400ULL * 1000000)
		return;
	if (pid && (parse_u64(pid, &n) < 0 || n != (uint64_t)getpid()))
		return;
	s->watchdog = us * 1000 / 2;
}

/* What rules speak of is watched, too. */
static void watch_endpoints(struct serve *s)
{
	const struct rules *rules = s->guarding.policy.rules;
	struct endpoints *e = &s->live.view.endpoints;

	for (unsigned i = 0; rules && i < rules->endpoints.count; i++)
		if (!endpoints_find(e, &rules->endpoints.list[i].address) && e->count < ENDPOINTS_MAX)
			e->list[e->count++] = rules->endpoints.list[i];
}

static void set_up_live(struct serve *s)
{
	const struct service_settings *service = config_service(s->config);
	struct live *l = &s->live;
	const char *error;

	for (unsigned i = 0; i < service->endpoints; i++)
		if (endpoints_add(&l->view.endpoints, service->endpoint[i], &error) < 0)
			log_line("endpoint = %s: %s", service->endpoint[i], error);
	watch_endpoints(s);
	if (service->provider[0])
		l->view.provider = service->provider;
	l->view.format = &format_json; /* the richest there is: counts at the start, too */
	l->ring_size = service->ring_size;
	l->stats = service->stats;
	l->view.outlet = feeds_outlet(&s->feeds);
	l->company = (struct live_company){s,         on_drop,   on_watch,  on_turn,  on_until,
					   on_behind, on_hangup, on_ending, on_finish};
}

static void set_up_report(struct serve *s)
{
	host_read_line("/proc/sys/kernel/random/uuid", s->run_id, sizeof(s->run_id));
	s->report.feeds = &s->feeds;
	s->report.guarding = &s->guarding;
	s->report.config_path = config_path(s);
	s->report.run_id = s->run_id;
	s->report.started = host_boottime() + (uint64_t)host_realtime_offset();
	s->report.ring_size = s->live.ring_size;
	s->report.programs = probe_programs();
}

static int serve(struct serve *s)
{
	const struct service_settings *service = config_service(s->config);
	struct problem problem;
	int r;

	find_user(s);
	if (service->status_socket[0]) {
		s->status = status_listen(service->status_socket, s->user, s->group, &problem);
		if (s->status < 0) {
			log_line("%s", problem.text);
			return EXIT_RIGHTS;
		}
	}
	make_folders(s, s->config);
	notify_open();
	if (launcher_new(s->user, s->group, &s->launcher, &problem) < 0) {
		log_line("%s", problem.text);
		return EXIT_RIGHTS;
	}
	r = guarding_start(&s->guarding, s->config);
	if (r < 0)
		return r == -EINVAL ? EXIT_USAGE : EXIT_RIGHTS;
	set_watchdog(s);
	feeds_init(&s->feeds, s->launcher, &s->live.view.sink);
	set_up_live(s);
	set_up_report(s);
	feeds_apply(&s->feeds, s->config, host_boottime());
	return live_run(&s->live);
}

static void done(struct serve *s)
{
	feeds_done(&s->feeds);
	launcher_free(s->launcher);
	/* Its file stays: the sandbox removes none. The next service sees that nobody answers on it. */
	if (s->status >= 0)
		close(s->status);
	live_done(&s->live);
	config_free(s->config);
	guarding_done(&s->guarding);
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct serve s = {.status = -1};
	int status = EXIT_USAGE;
	int r;

	/* A queue that was long for once is given back to the kernel: its memory is never taken from the heap. */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 128 * 1024);
	live_init(&s.live);
	r = options_parse(command, argc, argv, &s);
	if (r == 0)
		status = EXIT_FINE;
	else if (r > 0 && s.defaults)
		status = print_defaults();
	else if (r > 0 && read_config(&s, &s.config) == 0)
		status = s.check ? check(&s) : serve(&s);
	done(&s);
	return status;
}

const struct command command_serve = {
	.name = "serve",
	.summary = "Run as a service: logs, inventory, metrics",
	.details = "Watches from the first second of boot on, and brings every event to the sinks\n"
		   "the configuration names (man 5 imdsnitch.conf). SIGHUP reads it again and opens\n"
		   "files again; SIGTERM ends after everything is brought out.",
	.options = tables,
	.run = run,
};
