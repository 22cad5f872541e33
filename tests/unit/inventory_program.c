/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program itself, fed as `serve` feeds it, and killed in the middle of its work. The program's path is the
 * argument.
 */
#include "inventory_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static const char *program;
static char directory[] = "/tmp/imdsnitch-program-XXXXXX";
static char path[128];
static struct feed_counts counts;
static struct buffer out;
static pid_t child;
static int feed = -1;

static void put_frame(enum frame_kind kind, const void *payload, size_t length)
{
	struct frame frame = {.kind = kind, .length = (uint32_t)length};

	buffer_append(&out, &frame, sizeof(frame));
	buffer_append(&out, payload, length);
}

/* False: the program has gone. */
static bool send_all(void)
{
	size_t at = 0;

	while (at < out.length) {
		ssize_t n = send(feed, out.data + at, out.length - at, MSG_NOSIGNAL);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	out.length = 0;
	return at > 0;
}

static void put_settings(void)
{
	static const char rest[] = "inventory\0\0path";
	struct buffer b = {0};
	uint32_t version = FRAME_VERSION;

	buffer_append(&b, &version, sizeof(version));
	buffer_append(&b, rest, sizeof(rest));
	buffer_append(&b, path, strlen(path) + 1);
	put_frame(FRAME_SETTINGS, b.data, b.length);
	buffer_done(&b);
}

static void start(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(fds[1], STDIN_FILENO);
		execl(program, program, NULL);
		_exit(127);
	}
	close(fds[1]);
	feed = fds[0];
	out.length = 0;
	put_settings();
	put_frame(FRAME_COUNTS, &counts, sizeof(counts));
	assert_true(send_all());
}

/* Its exit status; 1000 + the signal that ended it. */
static int end(int signal_first)
{
	int status;

	if (signal_first)
		kill(child, signal_first);
	shutdown(feed, SHUT_WR);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(feed);
	feed = -1;
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void put_raw(struct buffer *b, const struct row *row)
{
	struct {
		uint64_t time, duration;
		uint32_t status, flags;
	} head = {row->time, row->duration, row->status, row->flags};

	buffer_append(b, &head, sizeof(head));
	for (unsigned i = 0; i < ROW_FIELDS; i++) {
		uint32_t length = row->field[i].data ? (uint32_t)row->field[i].length : UINT32_MAX;

		buffer_append(b, &length, sizeof(length));
		if (row->field[i].data)
			buffer_span(b, row->field[i]);
	}
}

/* `number` calls of as many programs as `programs` says. */
static void put_calls(unsigned number, unsigned programs)
{
	struct buffer b = {0};
	char name[32];

	for (unsigned i = 0; i < number; i++) {
		struct row row = row_at(counts.time);

		snprintf(name, sizeof(name), "/bin/%u", (unsigned)(counts.calls % programs));
		row.field[ROW_EXECUTABLE] = span_of(name);
		b.length = 0;
		put_raw(&b, &row);
		put_frame(FRAME_EVENT, b.data, b.length);
		counts.calls++;
		counts.calls_v1++;
	}
	counts.time += SECOND / 100;
	put_frame(FRAME_COUNTS, &counts, sizeof(counts));
	buffer_done(&b);
}

static int set_up(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/inventory.db", directory);
	counts = counts_at(FIRST_DAY, FIRST_DAY);
	return 0;
}

static void fed_and_ended(void **state)
{
	start();
	for (unsigned i = 0; i < 50; i++)
		put_calls(100, 7);
	counts.last = 1;
	put_frame(FRAME_COUNTS, &counts, sizeof(counts));
	assert_true(send_all());
	assert_int_equal(end(0), 0);
	assert_int_equal(ask_number(path, "SELECT sum(count) FROM callers"), 5000);
	assert_string_equal(ask_text(path, "SELECT ended || ' ' || missing || ' ' || folded FROM runs"), "1 0 5000");
}

/* Signals are for the service: it closes the feed. */
static void signals_do_not_end_it(void **state)
{
	char state_frame[sizeof(struct frame) + sizeof(struct feed_state)];

	start();
	put_calls(10, 1);
	assert_true(send_all());
	assert_int_equal(recv(feed, state_frame, sizeof(state_frame), MSG_WAITALL), sizeof(state_frame));
	kill(child, SIGTERM);
	kill(child, SIGINT);
	kill(child, SIGHUP);
	put_calls(10, 1);
	assert_true(send_all());
	assert_int_equal(end(0), 0);
	assert_int_equal(ask_number(path, "SELECT sum(count) FROM callers"), 20);
}

static void states_are_told(void **state)
{
	struct {
		struct frame frame;
		struct feed_state state;
	} message = {0};
	const struct timespec pause = {.tv_sec = 1, .tv_nsec = 200000000};

	start();
	put_calls(10, 2);
	put_frame(FRAME_EVENT, "no row", 6);
	assert_true(send_all());
	nanosleep(&pause, NULL);
	while (message.state.written < 10) {
		assert_int_equal(recv(feed, &message, sizeof(message), MSG_WAITALL), sizeof(message));
		assert_int_equal(message.frame.kind, FRAME_STATE);
	}
	assert_int_equal(message.state.unwritten, 1);
	assert_int_equal(message.state.held, 0);
	assert_string_equal(message.state.failure, "");
	assert_int_equal(end(0), 0);
}

/* What is moved away while it runs, it opens again, also within the sandbox. */
static void reopens(void **state)
{
	char other[160];

	start();
	put_calls(10, 2);
	assert_true(send_all());
	while (access(path, F_OK) != 0 || ask_number(path, "SELECT count(*) FROM sqlite_master") == 0 ||
	       ask_number(path, "SELECT sum(count) FROM callers") != 10)
		usleep(10000);
	snprintf(other, sizeof(other), "%s.1", path);
	assert_int_equal(rename(path, other), 0);
	put_frame(FRAME_REOPEN, NULL, 0);
	put_calls(5, 2);
	assert_true(send_all());
	assert_int_equal(end(0), 0);
	assert_int_equal(ask_number(path, "SELECT sum(count) FROM callers"), 5);
}

/* Damaged while it runs: set aside within the sandbox. */
static void set_aside_within_the_sandbox(void **state)
{
	char command[500];

	start();
	put_calls(3000, 3000);
	assert_true(send_all());
	while (access(path, F_OK) != 0 || ask_number(path, "SELECT count(*) FROM sqlite_master") == 0 ||
	       ask_number(path, "SELECT sum(count) FROM callers") != 3000)
		usleep(10000);
	run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(command, sizeof(command), "dd if=/dev/urandom of=%s bs=4096 seek=1 count=100 conv=notrunc status=none",
		 path);
	assert_int_equal(system(command), 0);
	put_calls(1000, 5000);
	assert_true(send_all());
	assert_int_equal(end(0), 0);
	assert_int_equal(ask_number(path, "SELECT sum(count) FROM callers"), 1000);
	snprintf(command, sizeof(command), "ls %s.corrupt-*Z >/dev/null", path);
	assert_int_equal(system(command), 0);
}

static unsigned random_below(unsigned n)
{
	static uint64_t seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static void feed_until_killed(void)
{
	struct timespec now, until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 1000000 * (5 + random_below(250));
	do {
		put_calls(1000, 20000);
		send_all();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - until.tv_sec) * 1000000000 + now.tv_nsec - until.tv_nsec < 0);
}

/* Nothing is torn, nothing counted twice, and what was lost with the program is known. */
static void killed_again_and_again(void **state)
{
	int64_t before = 0;

	for (unsigned i = 0; i < 25; i++) {
		int64_t sum;

		start();
		feed_until_killed();
		assert_int_equal(end(SIGKILL), 1000 + SIGKILL);
		if (access(path, F_OK) != 0 || ask_number(path, "SELECT count(*) FROM sqlite_master") == 0)
			continue;
		assert_string_equal(ask_text(path, "PRAGMA integrity_check"), "ok");
		sum = ask_number(path, "SELECT coalesce(sum(count), 0) FROM callers");
		assert_in_range(sum, before, counts.calls);
		before = sum;
		assert_int_equal(ask_number(path, "SELECT coalesce(sum(count), 0) FROM statuses"), sum);
		assert_int_equal(ask_number(path, "SELECT coalesce(sum(calls_v1), 0) FROM days"), sum);
		assert_int_equal(ask_number(path, "SELECT coalesce(sum(folded), 0) FROM runs"), sum);
	}
	assert_in_range(before, 1000, counts.calls);
	start();
	put_calls(100, 10);
	counts.last = 1;
	put_frame(FRAME_COUNTS, &counts, sizeof(counts));
	assert_true(send_all());
	assert_int_equal(end(0), 0);
	assert_int_equal(ask_number(path, "SELECT calls - folded - missing FROM runs"), 0);
	assert_int_equal(ask_number(path, "SELECT sum(count) FROM callers"),
			 ask_number(path, "SELECT folded FROM runs"));
	assert_in_range(ask_number(path, "SELECT missing FROM runs"), 1, counts.calls);
	assert_int_equal(ask_number(path, "SELECT sum(missing) = (SELECT missing FROM runs) FROM coverage"), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fed_and_ended, set_up),
		cmocka_unit_test_setup(signals_do_not_end_it, set_up),
		cmocka_unit_test_setup(states_are_told, set_up),
		cmocka_unit_test_setup(reopens, set_up),
		cmocka_unit_test_setup(set_aside_within_the_sandbox, set_up),
		cmocka_unit_test_setup(killed_again_and_again, set_up),
	};
	char command[128];
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PROGRAM\n", argv[0]);
		return 2;
	}
	program = argv[1];
	assert_non_null(mkdtemp(directory));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buffer_done(&out);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0 ? 1 : failed;
}
