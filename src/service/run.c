/* SPDX-License-Identifier: Apache-2.0 */
#include "service/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"

static const char *const directories[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL};
static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				    (char *)"LC_ALL=C",
				    (char *)"TZ=UTC",
				    (char *)"SYSTEMD_PAGER=",
				    (char *)"SYSTEMD_COLORS=0",
				    NULL};

static int find(const char *program, char path[static PATH_MAX])
{
	for (const char *const *d = directories; *d; d++) {
		snprintf(path, PATH_MAX, "%s/%s", *d, program);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

bool run_has(const char *program)
{
	char path[PATH_MAX];

	return find(program, path) == 0;
}

/* A descriptor to read `text` from, or -errno. */
static int input_open(const char *text)
{
	_cleanup_close_ int fd = -1;
	size_t length = text ? strlen(text) : 0;

	if (!text)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else
		fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (text && (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0))
		return -EIO;
	return take_fd(&fd);
}

/* SIGPIPE is ignored here, and what is ignored stays so across an exec. */
static int spawn(const char *path, const char *const argv[], int input, int output, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	r = posix_spawn(ret_pid, path, &actions, &attributes, (char *const *)(uintptr_t)argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads to the end, which is the end of the program and of all that it left behind. What has no room is thrown away. */
static int read_all(int fd, char *text, size_t size)
{
	int64_t end = now_ms() + (int64_t)RUN_SECONDS * 1000;
	char rest[512];
	size_t length = 0;
	int r = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		bool room = length + 1 < size;
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			r = -ETIMEDOUT;
			break;
		}
		n = room ? read(fd, text + length, size - 1 - length) : read(fd, rest, sizeof(rest));
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n > 0 && room)
			length += (size_t)n;
	}
	while (length > 0 && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return r;
}

int run_program(const char *const argv[], const char *input, struct run_result *ret_result)
{
	_cleanup_close_ int in = -1, from = -1, to = -1;
	char path[PATH_MAX];
	int fds[2], status, r = find(argv[0], path);
	pid_t pid;

	if (r < 0)
		return r;
	in = input_open(input);
	if (in < 0)
		return in;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	from = fds[0];
	to = fds[1];
	r = spawn(path, argv, in, to, &pid);
	if (r < 0)
		return r;
	close(take_fd(&to));
	r = read_all(from, ret_result->text, sizeof(ret_result->text));
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	ret_result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return r;
}
