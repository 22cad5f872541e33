// SPDX-License-Identifier: Apache-2.0
#include "demo/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "demo/client.h"
#include "demo/netns.h"
#include "demo/standin.h"

/* Between two clients, ms: what was seen of one is printed before the next is announced. */
#define PAUSE_MS    300
/* For the player to end by itself, ms. */
#define FAREWELL_MS 200

static const char *const addresses[] = {"169.254.169.254", "fd00:ec2::254"};
#define ADDRESSES (sizeof(addresses) / sizeof(*addresses))

struct demo {
	pid_t player;
	int command;  /* written: begin; closed: end */
	int progress; /* read: the answer of the set-up, then one byte when the clients are through */
	uint32_t namespace;
};

/* What the player says first. */
struct hello {
	int error;
	uint32_t namespace;
};

/* Undoes what a child inherits from a program that handles signals its own way, and ties it to its parent. */
static void settle_child(pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	for (int number = 1; number < SIGRTMAX; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int listen_all(struct standin *s)
{
	int r = 0;

	for (size_t i = 0; i < ADDRESSES && r == 0; i++)
		r = standin_listen(s, addresses[i], 0);
	return r;
}

static int start_service(pid_t *ret_service)
{
	static const volatile bool never;
	const struct answer_rules rules = {0};
	struct standin *s = standin_new(&rules, NULL);
	pid_t parent = getpid(), pid;
	int r = s ? listen_all(s) : -ENOMEM;

	if (r == 0) {
		pid = fork();
		if (pid == 0) {
			settle_child(parent);
			_exit(standin_run(s, &never) < 0);
		}
		r = pid < 0 ? -errno : 0;
		*ret_service = pid;
	}
	standin_free(s);
	return r;
}

static void set_up(struct hello *hello, pid_t *ret_service)
{
	struct stat st;

	hello->error = netns_enter_new();
	for (size_t i = 0; i < ADDRESSES && hello->error == 0; i++)
		hello->error = netns_add_address(addresses[i]);
	if (hello->error == 0)
		hello->error = start_service(ret_service);
	if (hello->error == 0 && stat("/proc/self/ns/net", &st) == 0)
		hello->namespace = (uint32_t)st.st_ino;
}

static void play_all(void)
{
	for (unsigned i = 0; i < client_count(); i++) {
		const char *missing, *headline = client_headline(i, &missing);

		if (missing && client_optional(i)) {
			fprintf(stderr, "demo: %s: not installed, left out\n", headline);
			continue;
		}
		if (missing)
			fprintf(stderr, "demo: %s (%s is not installed: the built-in client does it)\n", headline,
				missing);
		else
			fprintf(stderr, "demo: %s\n", headline);
		(void)client_run(i);
		poll(NULL, 0, PAUSE_MS);
	}
}

/* The child that owns the namespace. It ends when the command pipe is closed; the service then dies with it. */
_Noreturn static void be_player(pid_t parent, int command, int progress)
{
	struct hello hello = {0};
	pid_t service = -1;
	char byte;

	settle_child(parent);
	set_up(&hello, &service);
	if (write(progress, &hello, sizeof(hello)) != sizeof(hello) || hello.error < 0)
		_exit(1);
	while (read(command, &byte, 1) == 1) {
		play_all();
		if (write(progress, &byte, 1) != 1)
			break;
	}
	kill(service, SIGKILL);
	waitpid(service, NULL, 0);
	_exit(0);
}

static int fork_player(struct demo *d)
{
	int command[2] = {-1, -1}, progress[2] = {-1, -1};
	pid_t parent = getpid();

	if (pipe2(command, O_CLOEXEC) < 0)
		return -errno;
	d->command = command[1];
	if (pipe2(progress, O_CLOEXEC) < 0) {
		close(command[0]);
		return -EMFILE;
	}
	d->progress = progress[0];
	d->player = fork();
	if (d->player == 0) {
		close(command[1]);
		close(progress[0]);
		be_player(parent, command[0], progress[1]);
	}
	close(command[0]);
	close(progress[1]);
	return d->player < 0 ? -errno : 0;
}

int demo_prepare(struct demo **ret_demo)
{
	struct demo *d = calloc(1, sizeof(*d));
	struct hello hello = {0};
	int r;

	if (!d)
		return -ENOMEM;
	*d = (struct demo){.player = -1, .command = -1, .progress = -1};
	r = fork_player(d);
	if (r == 0 && read(d->progress, &hello, sizeof(hello)) != sizeof(hello))
		r = -EIO;
	if (r == 0)
		r = hello.error;
	if (r < 0) {
		demo_done(d);
		return r;
	}
	d->namespace = hello.namespace;
	*ret_demo = d;
	return 0;
}

uint32_t demo_namespace(const struct demo *d)
{
	return d->namespace;
}

int demo_play(struct demo *d, int *ret_fd)
{
	if (write(d->command, "", 1) != 1)
		return -errno;
	*ret_fd = d->progress;
	return 0;
}

struct demo *demo_done(struct demo *d)
{
	struct pollfd p = {.fd = d ? d->progress : -1};

	if (!d)
		return NULL;
	if (d->command >= 0)
		close(d->command);
	if (d->player > 0)
		poll(&p, 1, FAREWELL_MS);
	if (d->progress >= 0)
		close(d->progress);
	if (d->player > 0) {
		kill(d->player, SIGKILL);
		while (waitpid(d->player, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(d);
	return NULL;
}
