/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event costs the program that writes the inventory, and the memory it takes: fed over a socket pair as fast as
 * it reads, with 50 kinds of calls, and with each call of
 * another kind.
 *
 *	meson test -C build --benchmark --verbose inventory
 */
#include "sample.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "feed/frame.h"
#include "sink/row.h"

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put_frame(struct buffer *out, enum frame_kind kind, struct span payload)
{
	struct frame frame = {.kind = kind, .length = (uint32_t)payload.length};

	buffer_append(out, &frame, sizeof(frame));
	buffer_span(out, payload);
}

static void send_all(int feed, struct buffer *out)
{
	for (size_t at = 0; at < out->length;) {
		ssize_t n = send(feed, out->data + at, out->length - at, MSG_NOSIGNAL);

		if (n <= 0)
			exit(1);
		at += (size_t)n;
	}
	out->length = 0;
}

static void put_settings(struct buffer *out, const char *path)
{
	static const char head[] = "\1\0\0\0inventory\0\0path";
	struct buffer b = {0};

	buffer_append(&b, head, sizeof(head));
	buffer_append(&b, path, strlen(path) + 1);
	put_frame(out, FRAME_SETTINGS, buffer_view(&b));
	buffer_done(&b);
}

static void feed_events(int feed, const char *path, unsigned events, unsigned kinds)
{
	struct feed_counts counts = {.attached_since = 1795352270000000000ull, .run_id = "run", .boot_id = "boot"};
	struct buffer out = {0}, row = {0};
	char name[64];
	struct sample s;

	put_settings(&out, path);
	sample_full(&s);
	for (unsigned i = 0; i < events; i++) {
		snprintf(name, sizeof(name), "/usr/lib/program-%u/bin/program", i % kinds);
		s.caller.process.executable = name;
		s.call.time += 20000;
		row.length = 0;
		row_write(&s.call, &row);
		put_frame(&out, FRAME_EVENT, buffer_view(&row));
		counts.calls++;
		counts.time = s.call.time;
		if (i % 1000 == 999)
			put_frame(&out, FRAME_COUNTS, (struct span){(const char *)&counts, sizeof(counts)});
		if (out.length > 60000)
			send_all(feed, &out);
	}
	send_all(feed, &out);
	buffer_done(&out);
	buffer_done(&row);
}

static int measure(const char *program, const char *directory, unsigned events, unsigned kinds)
{
	double start = now(), cpu;
	struct rusage usage;
	int fds[2], status;
	char path[64];
	pid_t child;

	snprintf(path, sizeof(path), "%s/%u.db", directory, kinds);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return 1;
	child = fork();
	if (child == 0) {
		dup2(fds[1], STDIN_FILENO);
		execl(program, program, NULL);
		_exit(127);
	}
	close(fds[1]);
	feed_events(fds[0], path, events, kinds);
	shutdown(fds[0], SHUT_WR);
	if (wait4(child, &status, 0, &usage) != child || status != 0)
		return 1;
	close(fds[0]);
	cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	printf("%u events of %u kinds: %.2f us CPU each, %.0f a second on one processor (%.1f s; peak %ld kB)\n",
	       events, kinds, cpu * 1e6 / events, events / cpu, now() - start, usage.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/bench-inventory-XXXXXX", command[64];
	int failed;

	setlinebuf(stdout);
	if (argc != 2 || !mkdtemp(directory))
		return 2;
	failed = measure(argv[1], directory, 500000, 50) || measure(argv[1], directory, 100000, 100000);
	snprintf(command, sizeof(command), "ls -l %s && rm -rf %s", directory, directory);
	return system(command) != 0 ? 1 : failed;
}
