/* SPDX-License-Identifier: Apache-2.0 */
/* bench-start COUNT IMDSNITCH ARGUMENT...: how long until it says that it is watching, in ms. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PATIENCE_MS 10000
#define WORDS       "imdsnitch: watching"

static pid_t start(char **command, int *ret_stderr)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(pipes[1], STDERR_FILENO);
		execv(command[0], command);
		_exit(127);
	}
	close(pipes[1]);
	*ret_stderr = pipes[0];
	return pid;
}

/* Reads until the line comes. What came instead is the message when it does not. */
static void wait_for_words(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	char text[4096];
	size_t used = 0;

	for (;;) {
		ssize_t n = poll(&wanted, 1, PATIENCE_MS) > 0 ? read(fd, text + used, sizeof(text) - 1 - used) : -1;

		if (n <= 0) {
			text[used] = '\0';
			errno = 0;
			die(used ? text : "it does not say that it is watching");
		}
		used += (size_t)n;
		text[used] = '\0';
		if (strstr(text, WORDS))
			return;
	}
}

int main(int argc, char **argv)
{
	struct samples times;
	long count;

	if (argc < 3 || (count = strtol(argv[1], NULL, 10)) < 1) {
		errno = 0;
		die("expected: COUNT PROGRAM ARGUMENT...");
	}
	samples_init(&times, (size_t)count);
	while (count--) {
		uint64_t began = now_ns(CLOCK_MONOTONIC);
		int fd;
		pid_t pid = start(argv + 2, &fd);

		wait_for_words(fd);
		samples_add(&times, (double)(now_ns(CLOCK_MONOTONIC) - began) / 1e6);
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
		close(fd);
	}
	samples_print(&times, "ms");
	samples_done(&times);
	return 0;
}
