// SPDX-License-Identifier: Apache-2.0
/*
 * The stand-in metadata service as a program for the tests.
 *
 *   standin [-a BEHAVIOUR] [-t TOKEN-BEHAVIOUR] [-2] [-m] [-l LOG] [-p PIDFILE] ADDRESS…
 *
 * With -p it goes to the background once it listens, so that whoever started it can go on without waiting.
 */
#include "demo/standin.h"

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"

static volatile bool stop;

static void on_signal(int number)
{
	stop = true;
}

static void go_to_background(const char *pid_file)
{
	_cleanup_fclose_ FILE *f = NULL;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		setsid();
		return;
	}
	f = fopen(pid_file, "we");
	if (!f || fprintf(f, "%d\n", pid) < 0 || fflush(f) != 0)
		err(1, "%s", pid_file);
	_exit(0);
}

static FILE *open_log(const char *path)
{
	FILE *log = fopen(path, "we");

	if (!log)
		err(1, "%s", path);
	return log;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

static void read_behaviour(struct behaviour *b, const char *text)
{
	if (behaviour_read(b, span_of(text)) < 0)
		errx(2, "bad behaviour: %s", text);
}

int main(int argc, char **argv)
{
	struct rlimit files = {65536, 65536};
	struct answer_rules rules = {0};
	const char *pid_file = NULL;
	int c, r, protocol = 0;
	FILE *log = NULL;
	struct standin *s;

	while ((c = getopt(argc, argv, "a:t:2ml:p:")) != -1) {
		if (c == 'a')
			read_behaviour(&rules.all, optarg);
		else if (c == 't')
			read_behaviour(&rules.token, optarg);
		else if (c == '2')
			rules.require_v2 = true;
		else if (c == 'm')
			protocol = IPPROTO_MPTCP;
		else if (c == 'l')
			log = open_log(optarg);
		else if (c == 'p')
			pid_file = optarg;
		else
			return 2;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files);
	catch_signals();
	s = standin_new(&rules, log);
	if (!s)
		errx(1, "out of memory");
	for (int i = optind; i < argc; i++)
		if ((r = standin_listen(s, argv[i], protocol)) < 0)
			errx(1, "%s: %s", argv[i], strerror(-r));
	if (pid_file)
		go_to_background(pid_file);
	r = standin_run(s, &stop);
	standin_free(s);
	if (log)
		fclose(log);
	return r < 0;
}
