/* SPDX-License-Identifier: Apache-2.0 */
/* An output to a pipe whose reader is slow or gone. */
#include "unit.h"

#include "sink/output.h"

#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* stdout as a pipe; returns the reading end, *ret_saved is what stdout was. */
static int stdout_to_pipe(int flags, int *ret_saved)
{
	int fds[2];

	fflush(stdout);
	assert_int_equal(pipe2(fds, O_CLOEXEC | flags), 0);
	fcntl(fds[0], F_SETFL, 0);
	*ret_saved = dup(STDOUT_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	return fds[0];
}

static void a_closed_pipe_is_said(void **state)
{
	int saved, reader = stdout_to_pipe(0, &saved), flushed, closed;
	struct output o;

	assert_int_equal(output_open(&o, "-"), 0);
	put_line(&o, 1, 50);
	output_commit(&o);
	close(reader);
	flushed = output_flush(&o);
	closed = output_close(&o);
	restore_stdout(saved);
	assert_true(flushed == -EPIPE && closed == -EPIPE);
	assert_int_equal(o.unwritten, 1);
}

static void check_slow_reader(int flags)
{
	const unsigned all = 20000;
	int saved, reader = stdout_to_pipe(flags, &saved);
	struct buffer got = {0};
	struct output o;
	unsigned lines = 0, previous = 0, gaps = 0;

	assert_int_equal(output_open(&o, NULL), 0);
	for (unsigned i = 1; i <= all; i++) {
		put_line(&o, i, 123);
		assert_int_equal(output_commit(&o), 0);
	}
	assert_true(output_is_behind(&o));
	assert_true(o.unwritten > 0);
	while (output_is_behind(&o)) {
		drain(reader, &got);
		assert_int_equal(output_flush(&o), 0);
	}
	assert_int_equal(output_close(&o), 0);
	restore_stdout(saved);
	drain(reader, &got);
	close(reader);
	assert_int_equal(got.length % 123, 0);
	for (; lines < got.length / 123; lines++) {
		unsigned number = (unsigned)strtoul(got.data + (size_t)lines * 123, NULL, 10);

		assert_int_equal(got.data[(size_t)lines * 123 + 122], '\n');
		gaps += number != previous + 1;
		previous = number;
	}
	assert_int_equal(lines + o.unwritten, all);
	assert_int_equal(gaps, 0); /* what was lost was the newest */
	buffer_done(&got);
}

static void a_slow_reader_loses_nothing_that_is_not_counted(void **state)
{
	check_slow_reader(O_NONBLOCK);
}

/* What a shell gives: write(2) on it waits for the reader, who stands still here. */
static void a_slow_reader_of_a_blocking_pipe_stops_nobody(void **state)
{
	check_slow_reader(0);
}

static void a_stdout_that_cannot_be_written_is_told_at_once(void **state)
{
	int saved = dup(STDOUT_FILENO), fd = open("/dev/null", O_RDONLY | O_CLOEXEC), r;
	struct output o;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	r = output_open(&o, NULL);
	restore_stdout(saved);
	assert_int_equal(r, -EBADF);
}

static int set_up(void **state)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_pipe_is_said),
		cmocka_unit_test(a_slow_reader_loses_nothing_that_is_not_counted),
		cmocka_unit_test(a_slow_reader_of_a_blocking_pipe_stops_nobody),
		cmocka_unit_test(a_stdout_that_cannot_be_written_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
