/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard test: running imdsnitch-inventory, and reading what it prints. guard_hindsight.c shows it. */
#include "cmd/guard_inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "feed/launcher.h"

#define PIECE 65536

void guard_inventory_init(const struct guard_options *o, struct guard_inventory *inventory)
{
	inventory->file = o->inventory ? o->inventory : FOLDED_DATABASE;
	inventory->state = INVENTORY_READ;
	if (!o->inventory && o->logs)
		inventory->state = INVENTORY_UNASKED;
	else if (access(inventory->file, F_OK) < 0 && errno == ENOENT)
		inventory->state = INVENTORY_MISSING;
}

/* SIGPIPE and SIGXFSZ are not for this program, but for that one. */
static void default_signals(posix_spawnattr_t *attributes)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	posix_spawnattr_setsigdefault(attributes, &set);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

/* With nothing to read and `out` as its stdout. 0 or -errno. */
static int spawn(const char *program, const char *file, int out, pid_t *ret_pid)
{
	char *const argv[] = {(char *)"imdsnitch-inventory", (char *)"--callers", (char *)file, NULL};
	char *const environment[] = {(char *)"LC_ALL=C.UTF-8", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	default_signals(&attributes);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(ret_pid, program, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int read_rows(struct folded_reader *reader, int fd)
{
	_cleanup_free_ char *piece = malloc(PIECE);
	ssize_t n = 0;
	int r = piece ? 0 : -ENOMEM;

	while (r == 0 && ((n = read(fd, piece, PIECE)) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			r = folded_feed(reader, (struct span){piece, (size_t)n});
	if (r == 0 && n < 0)
		r = -errno;
	return r == 0 ? folded_end(reader) : r;
}

/* True: it ended with 0. */
static bool has_ended_well(pid_t pid)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r == pid && WIFSIGNALED(status))
		log_line("guard: imdsnitch-inventory was ended by signal %d", WTERMSIG(status));
	return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* False after a message. */
static bool run(const char *program, struct guard_inventory *inventory)
{
	int fds[2], r;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		log_errno(-errno, "guard: a pipe cannot be made");
		return false;
	}
	r = spawn(program, inventory->file, fds[1], &pid);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		log_errno(r, "guard: %s cannot be started", program);
		return false;
	}
	r = read_rows(&inventory->reader, fds[0]);
	close(fds[0]);
	if (r < 0)
		log_errno(r, "guard: what %s prints cannot be read", program);
	return has_ended_well(pid) && r == 0;
}

void guard_inventory_read(struct guard_inventory *inventory, const struct history *h)
{
	uint64_t reach = h->counts.reach;
	char program[PATH_MAX];

	if (inventory->state != INVENTORY_READ)
		return;
	inventory->reader.since = h->since;
	inventory->reader.before = reach ? reach : UINT64_MAX;
	if (h->since && reach && reach <= h->since)
		inventory->state = INVENTORY_NEEDLESS;
	else if (!launcher_find(SETTINGS_INVENTORY, program))
		inventory->state = INVENTORY_NO_PROGRAM;
	else if (!run(program, inventory))
		inventory->state = INVENTORY_FAILED;
}

bool guard_inventory_is_whole(const struct guard_inventory *inventory, const struct hindsight *found)
{
	return inventory->state != INVENTORY_NO_PROGRAM && inventory->state != INVENTORY_FAILED &&
	       !inventory->reader.unusable && !found->nobody.rows && !found->doubtful.rows;
}
