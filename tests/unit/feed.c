/* SPDX-License-Identifier: Apache-2.0 */
/* The service's end of a sink, against the other end of a socket pair that the test holds. */
#include "feed/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "feed/launcher.h"
#include "unit.h"

#define S 1000000000ULL

static int peer = -1; /* the sink's end */
static int start_result;
static unsigned starts;

int launcher_start(struct launcher *l, enum settings_kind kind)
{
	int fds[2];

	starts++;
	if (start_result < 0)
		return start_result;
	if (peer >= 0)
		close(peer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	peer = fds[1];
	return fds[0];
}

static struct feed f;
static struct buffer received;

static int set_up(void **state)
{
	struct settings s;
	struct buffer pairs = {0};

	settings_init(&s, SETTINGS_LOG, "siem");
	buffer_append(&pairs, "keep\0007\0", 7);
	peer = -1;
	start_result = 0;
	starts = 0;
	feed_init(&f, &s, &pairs, NULL, 65536);
	buffer_reset(&received);
	return 0;
}

static int tear_down(void **state)
{
	feed_done(&f);
	if (peer >= 0)
		close(peer);
	buffer_done(&received);
	return 0;
}

static void event(const char *text)
{
	feed_event(&f, LEVEL_WARNING, 7, span_of(text));
}

/* Everything the sink can read now. */
static void take(void)
{
	ssize_t n;

	do {
		buffer_reserve(&received, 65536);
		n = read(peer, received.data + received.length, 65536);
		if (n > 0)
			received.length += (size_t)n;
	} while (n > 0);
}

/* The frame at *at; moves on. */
static struct frame next(size_t *at, struct span *ret_payload)
{
	struct frame frame;

	assert_true(received.length - *at >= sizeof(frame));
	memcpy(&frame, received.data + *at, sizeof(frame));
	*ret_payload = (struct span){received.data + *at + sizeof(frame), frame.length};
	*at += sizeof(frame) + frame.length;
	assert_true(*at <= received.length);
	return frame;
}

static void tell(uint64_t written, uint64_t unwritten, const char *failure)
{
	struct {
		struct frame frame;
		struct feed_state state;
	} message = {.frame = {.kind = FRAME_STATE, .length = sizeof(struct feed_state)}};

	message.state.written = written;
	message.state.unwritten = unwritten;
	snprintf(message.state.failure, sizeof(message.state.failure), "%s", failure);
	assert_int_equal(write(peer, &message, sizeof(message)), sizeof(message));
}

static void test_settings_come_first(void **state)
{
	static const char expected[] = "log\0siem\0keep\0007";
	struct span payload;
	size_t at = 0;

	event("one");
	feed_turn(&f, S);
	take();
	assert_int_equal(next(&at, &payload).kind, FRAME_SETTINGS);
	assert_int_equal(payload.length, 4 + sizeof(expected));
	assert_memory_equal(payload.data + 4, expected, sizeof(expected));
	assert_int_equal(next(&at, &payload).kind, FRAME_EVENT);
	assert_true(span_equal(payload, SPAN_LITERAL("one")));
	assert_int_equal(at, received.length);
}

static void test_full_queue(void **state)
{
	static char large[1000];

	memset(large, 'x', sizeof(large) - 1);
	start_result = -EAGAIN;
	feed_turn(&f, S);
	for (unsigned i = 0; i < 100; i++)
		event(large);
	assert_int_equal(f.taken, 100);
	assert_true(f.dropped > 30 && f.dropped < 40);
	assert_int_equal(feed_lost(&f), f.dropped);
	start_result = 0;
	feed_turn(&f, 100 * S);
	take();
	assert_true(received.length > 60000);
}

/* What the program did not answer for counts as lost; what had not been handed over goes to the next one. */
static void test_program_dies(void **state)
{
	struct span payload;
	size_t at = 0;

	event("one");
	event("two");
	feed_turn(&f, S);
	tell(1, 0, "");
	close(peer);
	peer = -1;
	feed_turn(&f, 2 * S);
	assert_int_equal(feed_written(&f), 1);
	assert_int_equal(feed_lost(&f), 1);
	assert_int_equal(f.fd, -1);
	event("three");
	feed_turn(&f, 2 * S + 1);
	assert_int_equal(starts, 1);
	feed_turn(&f, 4 * S);
	assert_int_equal(starts, 2);
	take();
	next(&at, &payload);
	next(&at, &payload);
	assert_true(span_equal(payload, SPAN_LITERAL("three")));
	assert_int_equal(at, received.length);
}

/* A frame that went out in part is sent to the next program in full. */
static void test_torn_frame(void **state)
{
	static char large[60000];
	struct span payload;
	size_t at = 0;

	memset(large, 'y', sizeof(large) - 1);
	f.max = 4 << 20;
	for (unsigned i = 0; i < 50; i++)
		event(large);
	feed_turn(&f, S);
	assert_true(f.out > 0);
	uint64_t sent = f.sent;
	close(peer);
	peer = -1;
	feed_turn(&f, 2 * S);
	assert_int_equal(feed_lost(&f), sent);
	feed_turn(&f, 10 * S);
	for (unsigned i = 0; i < 1000 && feed_poll(&f).events & POLLOUT; i++) {
		take();
		feed_turn(&f, 10 * S);
	}
	take();
	assert_int_equal(next(&at, &payload).kind, FRAME_SETTINGS);
	for (uint64_t i = sent; i < 50; i++) {
		assert_int_equal(next(&at, &payload).length, sizeof(large) - 1);
		assert_int_equal(payload.data[0], 'y');
	}
	assert_int_equal(at, received.length);
}

static void test_rest(void **state)
{
	feed_turn(&f, S);
	event("one\n");
	feed_rest(&f);
	assert_true(f.queue.length > 0);
	feed_turn(&f, S);
	assert_int_equal(f.queue.length, 0);
	feed_rest(&f);
	assert_int_equal(f.queue.capacity + f.in.capacity, 0);
	event("two\n");
	feed_turn(&f, 2 * S);
	assert_int_equal(f.sent, 2);
}

static void test_backoff(void **state)
{
	uint64_t now = S;

	start_result = -ENOENT;
	for (unsigned i = 0; i < 20; i++) {
		uint64_t until;

		feed_turn(&f, now);
		until = feed_until(&f);
		assert_true(until > now && until - now <= 60 * S);
		now = until;
	}
	assert_int_equal(starts, 20);
}

static void test_end(void **state)
{
	event("one");
	feed_turn(&f, S);
	feed_end(&f, S, 5 * S);
	assert_true(f.shut);
	assert_false(feed_is_gone(&f));
	take();
	tell(1, 0, "");
	close(peer);
	peer = -1;
	feed_turn(&f, S + 1);
	assert_true(feed_is_gone(&f));
	assert_int_equal(feed_lost(&f), 0);
	assert_int_equal(feed_written(&f), 1);
}

/* One that does not end in time is left alone, its events counted. */
static void test_end_without_answer(void **state)
{
	event("one");
	feed_turn(&f, S);
	feed_end(&f, S, 5 * S);
	feed_turn(&f, 6 * S);
	assert_true(feed_is_gone(&f));
	assert_int_equal(feed_lost(&f), 1);
}

static void test_nonsense(void **state)
{
	char noise[700];

	memset(noise, 0xff, sizeof(noise));
	feed_turn(&f, S);
	assert_int_equal(write(peer, noise, sizeof(noise)), sizeof(noise));
	feed_turn(&f, S);
	assert_int_equal(feed_written(&f), 0);
	tell(5, 0, "disk full");
	feed_turn(&f, S);
	assert_int_equal(feed_written(&f), 5);
	assert_string_equal(f.state.failure, "disk full");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settings_come_first),
		TEST(test_full_queue),
		TEST(test_program_dies),
		TEST(test_torn_frame),
		TEST(test_rest),
		TEST(test_backoff),
		TEST(test_end),
		TEST(test_end_without_answer),
		TEST(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
