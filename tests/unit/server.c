/* SPDX-License-Identifier: Apache-2.0 */
/* Over real sockets; time is the test's own. */
#include "unit.h"

#include "metrics/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST "GET /metrics HTTP/1.0\r\n\r\n"

static char directory[] = "/tmp/imdsnitch-server-XXXXXX";
static char path[96], address[104];
static uint64_t now = 1000;
static size_t content_length = 10;

static void content(const void *context, struct buffer *b)
{
	for (size_t i = 1; i < content_length; i++)
		buffer_byte(b, 'x');
	buffer_byte(b, '\n');
}

static void start(struct server *s)
{
	struct problem problem = {0};

	assert_int_equal(server_open(s, address, &problem), 0);
	s->content = content;
}

/* Until there is nothing more to do without waiting. */
static void turn(struct server *s)
{
	for (unsigned i = 0; i < 100; i++) {
		struct pollfd fds[SERVER_FDS];
		unsigned n = server_watch(s, fds, now);

		assert_true(n <= SERVER_FDS);
		if (poll(fds, n, 0) <= 0)
			return;
		server_ready(s, fds, n, now);
	}
	fail_msg("the server is busy without end");
}

static int client(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What has come: bytes, 0 at the end, -EAGAIN when nothing has. */
static ssize_t hear(int fd, char *text, size_t size)
{
	ssize_t n = recv(fd, text, size - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : n;
}

static void expect_answer(int fd, const char *status)
{
	char text[1024];

	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_int_equal(strncmp(text, "HTTP/1.1 ", 9), 0);
	assert_int_equal(strncmp(text + 9, status, 3), 0);
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	close(fd);
}

static unsigned count_clients(const struct server *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SERVER_CLIENTS; i++)
		n += s->client[i].fd >= 0;
	return n;
}

static void serves(void **state)
{
	struct server s;
	int fd;

	start(&s);
	fd = client();
	say(fd, REQUEST);
	turn(&s);
	expect_answer(fd, "200");
	turn(&s);
	assert_int_equal(count_clients(&s), 0);
	fd = client();
	say(fd, "GET / HTTP/1.0\r\n\r\n");
	turn(&s);
	expect_answer(fd, "404");
	fd = client();
	turn(&s);
	for (const char *c = REQUEST; *c; c++) {
		char byte[2] = {*c};

		say(fd, byte);
		turn(&s);
	}
	expect_answer(fd, "200");
	turn(&s);
	assert_int_equal(server_expire(&s, now), -1);
	server_close(&s);
}

/* A client that has said all it will say wants its answer nevertheless. */
static void a_half_closed_client_is_served(void **state)
{
	char text[1024];
	size_t got = 0;
	struct server s;
	ssize_t n;
	int fd;

	content_length = 3000000;
	start(&s);
	fd = client();
	say(fd, REQUEST);
	shutdown(fd, SHUT_WR);
	do {
		turn(&s);
		n = hear(fd, text, sizeof(text));
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 || n == -EAGAIN);
	assert_int_equal(n, 0);
	assert_true(got > content_length);
	content_length = 10;
	close(fd);
	turn(&s);
	assert_int_equal(count_clients(&s), 0);
	server_close(&s);
}

static void clients_that_go_are_forgotten(void **state)
{
	struct server s;
	int fd;

	start(&s);
	for (unsigned i = 0; i < 100; i++) {
		fd = client();
		if (i % 3 == 1)
			say(fd, "GET /met");
		if (i % 3 == 2)
			say(fd, REQUEST);
		if (i % 2)
			turn(&s);
		close(fd);
		turn(&s);
	}
	assert_int_equal(count_clients(&s), 0);
	server_close(&s);
}

static void a_large_head_is_refused_and_read_on(void **state)
{
	static char filling[65536];
	struct server s;
	int fd;

	start(&s);
	fd = client();
	memset(filling, 'a', sizeof(filling));
	memcpy(filling, "GET /", 5);
	assert_true(send(fd, filling, sizeof(filling), MSG_NOSIGNAL) > SCRAPE_HEAD_MAX);
	turn(&s);
	expect_answer(fd, "431");
	turn(&s);
	server_close(&s);
}

static void slow_clients_have_to_go(void **state)
{
	char text[1024];
	struct server s;
	int silent, slow;

	start(&s);
	silent = client();
	slow = client();
	turn(&s);
	for (unsigned i = 0; i < 49; i++) {
		say(slow, "G");
		if (i == 0)
			say(slow, "ET /");
		now += 100;
		turn(&s);
		assert_in_range(server_expire(&s, now), 1, SERVER_REQUEST_MS);
	}
	assert_int_equal(count_clients(&s), 2);
	now += 100;
	server_expire(&s, now);
	turn(&s);
	assert_int_equal(hear(silent, text, sizeof(text)), 0);
	assert_true(hear(slow, text, sizeof(text)) > 0);
	assert_int_equal(strncmp(text, "HTTP/1.1 408", 12), 0);
	now += SERVER_LINGER_MS;
	assert_int_equal(server_expire(&s, now), -1);
	assert_int_equal(count_clients(&s), 0);
	close(silent);
	close(slow);
	server_close(&s);
}

static void one_that_does_not_read_has_to_go(void **state)
{
	struct server s;
	int fd;

	content_length = 8000000;
	start(&s);
	fd = client();
	say(fd, REQUEST);
	turn(&s);
	assert_int_equal(count_clients(&s), 1);
	assert_int_equal(server_expire(&s, now), SERVER_RESPONSE_MS);
	now += SERVER_RESPONSE_MS;
	assert_int_equal(server_expire(&s, now), -1);
	assert_int_equal(count_clients(&s), 0);
	content_length = 10;
	close(fd);
	server_close(&s);
}

/* As many silent ones as can be: the next one is served at once, the one that waited longest has to go. */
static void silent_clients_do_not_keep_others_out(void **state)
{
	int silent[3 * SERVER_CLIENTS], fd;
	char text[16];
	struct server s;

	start(&s);
	for (unsigned i = 0; i < 3 * SERVER_CLIENTS; i++) {
		silent[i] = client();
		now++;
		turn(&s);
		assert_true(count_clients(&s) <= SERVER_CLIENTS);
	}
	assert_int_equal(count_clients(&s), SERVER_CLIENTS);
	assert_int_equal(hear(silent[2 * SERVER_CLIENTS - 1], text, sizeof(text)), 0);
	assert_int_equal(hear(silent[2 * SERVER_CLIENTS], text, sizeof(text)), -EAGAIN);
	fd = client();
	say(fd, REQUEST);
	turn(&s);
	expect_answer(fd, "200");
	for (unsigned i = 0; i < 3 * SERVER_CLIENTS; i++)
		close(silent[i]);
	turn(&s);
	server_close(&s);
}

/* Those who are being served keep their places; who comes then waits. */
static void readers_keep_their_places(void **state)
{
	int fd[SERVER_CLIENTS], late;
	char text[16];
	struct server s;

	content_length = 8000000;
	start(&s);
	for (unsigned i = 0; i < SERVER_CLIENTS; i++) {
		fd[i] = client();
		say(fd[i], REQUEST);
		turn(&s);
	}
	content_length = 10;
	late = client();
	say(late, REQUEST);
	turn(&s);
	assert_int_equal(count_clients(&s), SERVER_CLIENTS);
	assert_int_equal(hear(late, text, sizeof(text)), -EAGAIN);
	close(fd[3]);
	turn(&s);
	expect_answer(late, "200");
	for (unsigned i = 0; i < SERVER_CLIENTS; i++)
		if (i != 3)
			close(fd[i]);
	turn(&s);
	server_close(&s);
}

static void the_socket_has_its_mode_and_goes(void **state)
{
	struct server s, another;
	struct problem problem;
	struct stat st;

	start(&s);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(server_open(&another, address, &problem), -EADDRINUSE); /* one answers there */
	assert_non_null(strstr(problem.text, path));
	close(s.fd); /* as after a kill: the file is left */
	s.fd = -1;
	start(&another);
	server_close(&s);
	assert_int_equal(lstat(path, &st), 0);
	server_close(&another);
	assert_int_equal(lstat(path, &st), -1);
}

static void nothing_else_is_replaced(void **state)
{
	struct problem problem;
	struct server s;
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(server_open(&s, address, &problem), -EADDRINUSE);
	assert_int_equal(lstat(path, &st), 0);
	unlink(path);
	assert_int_equal(symlink("/tmp/nowhere-at-all", path), 0);
	assert_int_equal(server_open(&s, address, &problem), -EADDRINUSE);
	assert_int_equal(lstat(path, &st), 0);
	unlink(path);
	assert_int_equal(server_open(&s, "unix:/nowhere/at/all", &problem), -ENOENT);
	server_close(&s);
}

/* Another one at the path by now is not removed. */
static void closing_leaves_the_socket_of_another(void **state)
{
	struct server first, second;
	struct stat st;

	start(&first);
	unlink(path);
	start(&second);
	server_close(&first);
	assert_int_equal(lstat(path, &st), 0);
	server_close(&second);
}

static void tcp_is_on_loopback_only(void **state)
{
	static const char *const refused[] = {"0.0.0.0:0",  "[::]:0",        "127.0.0.1:65536",
					      "127.0.0.1:", "unix:relative", ""};
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	socklen_t length = sizeof(in);
	struct problem problem;
	struct server s;

	assert_int_equal(server_open(&s, "127.0.0.1:0", &problem), 0);
	assert_int_equal(getsockname(s.fd, (struct sockaddr *)&in, &length), 0);
	assert_int_equal(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);
	server_close(&s);
	if (server_open(&s, "[::1]:0", &problem) == 0) { /* there may be no IPv6 here */
		length = sizeof(in6);
		assert_int_equal(getsockname(s.fd, (struct sockaddr *)&in6, &length), 0);
		assert_memory_equal(&in6.sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
	}
	server_close(&s);
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(server_open(&s, refused[i], &problem), -EINVAL);
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(address, sizeof(address), "unix:%s", path);
	return 0;
}

static int tear_down(void **state)
{
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves),
		cmocka_unit_test(a_half_closed_client_is_served),
		cmocka_unit_test(clients_that_go_are_forgotten),
		cmocka_unit_test(a_large_head_is_refused_and_read_on),
		cmocka_unit_test(slow_clients_have_to_go),
		cmocka_unit_test(one_that_does_not_read_has_to_go),
		cmocka_unit_test(silent_clients_do_not_keep_others_out),
		cmocka_unit_test(readers_keep_their_places),
		cmocka_unit_test(the_socket_has_its_mode_and_goes),
		cmocka_unit_test(nothing_else_is_replaced),
		cmocka_unit_test(closing_leaves_the_socket_of_another),
		cmocka_unit_test(tcp_is_on_loopback_only),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
