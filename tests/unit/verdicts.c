/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts of the guard and the requests they are about, in every order in which they can come. */
#include "unit.h"

#include "records.h"

#define GET      "GET /latest/meta-data/mac HTTP/1.1\r\nHost: a\r\n\r\n"
#define USERDATA "GET /latest/user-data HTTP/1.1\r\nHost: a\r\n\r\n"
#define PUT      "PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n"
#define OK       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

#define MAC_LINE "GET /latest/meta-data/mac v1 metadata"
#define UD_LINE  "GET /latest/user-data v1 user-data"

static struct feeder f;

static int begin(void **state)
{
	feeder_init(&f);
	return 0;
}

static int end(void **state)
{
	feeder_done(&f);
	return 0;
}

static void expect(const char *lines)
{
	assert_string_equal(feeder_lines(&f), lines);
	feeder_reset(&f);
}

static void send_text(uint64_t id, uint32_t offset, const char *text)
{
	feed_stream(&f, id, 0, offset, text, strlen(text), 0x18);
}

static void answer(uint64_t id, uint32_t number)
{
	feed_stream(&f, id, RECORD_F_INGRESS, number * (uint32_t)strlen(OK), OK, strlen(OK), 0x18);
}

static void without_a_guard_calls_are_observed(void **state)
{
	feed_connect(&f, 1);
	send_text(1, 0, GET);
	answer(1, 0);
	assert_int_equal(f.last->verdict, VERDICT_OBSERVED);
	assert_null(f.last->rule.data);
	expect(MAC_LINE " 200\n");
}

static void each_request_has_its_own_verdict(void **state)
{
	feed_connect(&f, 1);
	feed_established(&f, 1);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_ALLOWED, .line = 4});
	send_text(1, 0, GET);
	answer(1, 0);
	expect(MAC_LINE " 200 allowed g.rules:4\n");
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 6, .request = 1});
	send_text(1, strlen(GET), USERDATA);
	answer(1, 1);
	assert_true(call_is_alert(f.last));
	assert_int_equal(f.last->outcome, OUTCOME_SUCCESS);
	expect(UD_LINE " 200 would-deny g.rules:6\n");
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_ALLOWED, .request = 2});
	send_text(1, strlen(GET USERDATA), GET);
	answer(1, 2);
	assert_null(f.last->rule.data);
	expect(MAC_LINE " 200 allowed \n");
	feed_close(&f, 1, 0, 0);
	expect("");
}

static void pipelined_requests_are_told_apart(void **state)
{
	feed_connect(&f, 1);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_ALLOWED, .line = 1});
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 2, .request = 1});
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_ALLOWED, .line = 3, .request = 2});
	send_text(1, 0, GET USERDATA GET);
	answer(1, 0);
	answer(1, 1);
	answer(1, 2);
	expect(MAC_LINE " 200 allowed g.rules:1\n" UD_LINE " 200 would-deny g.rules:2\n" MAC_LINE
			" 200 allowed g.rules:3\n");
}

/* Fast open is judged where packets leave: behind the probe, perhaps. */
static void a_verdict_may_come_behind_its_request(void **state)
{
	feed_connect(&f, 1);
	send_text(1, 0, GET);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 9});
	answer(1, 0);
	expect(MAC_LINE " 200 would-deny g.rules:9\n");
	feed_connect(&f, 2);
	feed_stream(&f, 2, 0, 0, GET, strlen(GET), TCP_F_SYN);
	feed_verdict(&f, 2, (struct decided){.verdict = RECORD_DENIED, .line = 9, .bytes = GET});
	expect(MAC_LINE " denied g.rules:9\n");
	feed_close(&f, 2, 0, 0);
	expect("");
}

static void refused_bytes_complete_the_head(void **state)
{
	static const char first[] = "GET /latest/user-", rest[] = "data HTTP/1.1\r\nHost: a\r\n\r\n";

	feed_connect(&f, 1);
	feed_established(&f, 1);
	send_text(1, 0, first);
	feed_verdict(&f, 1,
		     (struct decided){.verdict = RECORD_DENIED, .line = 5, .at = sizeof(first) - 1, .bytes = rest});
	assert_int_equal(f.calls, 1);
	assert_int_equal(f.last->outcome, OUTCOME_FAILURE);
	assert_true(call_is_alert(f.last));
	assert_false(f.last->has_response);
	assert_true(span_equal(f.last->reason, SPAN_LITERAL("denied by g.rules:5")));
	assert_true(span_equal(f.last->head, SPAN_LITERAL("GET /latest/user-data HTTP/1.1\r\nHost: a\r\n")));
	assert_int_equal(f.last->request_bytes, strlen(USERDATA));
	expect(UD_LINE " denied g.rules:5\n");
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_DENIED, .line = 5, .request = 1, .bytes = GET});
	feed_close(&f, 1, 0, 0);
	expect("");
}

/* What was taken before, and waits for its turn to leave, comes first. */
static void refused_bytes_wait_for_those_before_them(void **state)
{
	static const char first[] = GET "GET /latest/user-", rest[] = "data HTTP/1.1\r\nHost: a\r\n\r\n";

	feed_connect(&f, 1);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_ALLOWED, .line = 1});
	feed_verdict(
		&f, 1,
		(struct decided){
			.verdict = RECORD_DENIED, .line = 5, .request = 1, .at = sizeof(first) - 1, .bytes = rest});
	expect("");
	assert_true(conversations_wait(f.table));
	send_text(1, 0, first);
	expect(UD_LINE " denied g.rules:5\n");
	assert_false(conversations_wait(f.table));
	answer(1, 0);
	expect(MAC_LINE " 200 allowed g.rules:1\n");
}

/* Those that never leave do not hide the refusal. */
static void a_refusal_is_told_in_time(void **state)
{
	feed_connect(&f, 1);
	send_text(1, 0, "GET /latest/us");
	feed_verdict(&f, 1,
		     (struct decided){.verdict = RECORD_DENIED, .line = 5, .at = 100, .bytes = " HTTP/1.1\r\n\r\n"});
	expect("");
	conversations_tick(f.table, f.now + 500000000);
	expect("");
	conversations_tick(f.table, f.now + 2000000000);
	expect("  unknown - denied g.rules:5 incomplete\n");
}

static void a_refusal_is_told_at_the_end(void **state)
{
	feed_connect(&f, 1);
	send_text(1, 0, "GET /latest/user-data HTTP/1.1\r\nX: ");
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_DENIED, .line = 5, .at = 100, .bytes = "b\r\n\r\n"});
	feed_close(&f, 1, 0, 0);
	expect("GET /latest/user-data unknown user-data denied g.rules:5 incomplete\n");
}

static void a_refused_token_request_is_a_cause(void **state)
{
	feed_connect(&f, 1);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_DENIED, .line = 2, .bytes = PUT});
	expect("PUT /latest/api/token v2 token denied g.rules:2\n");
	feed_connect(&f, 2);
	send_text(2, 0, GET);
	answer(2, 0);
	assert_int_equal(f.last->cause, CAUSE_TOKEN_REFUSED);
}

static void a_head_without_end_is_told_as_far_as_it_goes(void **state)
{
	feed_connect(&f, 1);
	feed_verdict(&f, 1,
		     (struct decided){.verdict = RECORD_DENIED,
				      .line = 2,
				      .flags = RECORD_F_CUT,
				      .bytes = "GET /latest/user-data HTTP/1.1\r\nX: y"});
	feed_close(&f, 1, 0, 0);
	expect("GET /latest/user-data unknown user-data denied g.rules:2 incomplete\n");
}

static void what_is_no_request_is_a_connection(void **state)
{
	feed_connect(&f, 1);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_DENIED, .line = 2, .bytes = "\x16\x03\x01\x02"});
	feed_close(&f, 1, 0, 0);
	expect("connect denied by g.rules:2 denied g.rules:2\n");
	feed_connect(&f, 2);
	feed_verdict(&f, 2, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 2});
	send_text(2, 0, "\x16\x03\x01\x02");
	feed_close(&f, 2, 0, 0);
	expect("connect not HTTP would-deny g.rules:2\n");
}

static const struct decided at_connect = {.verdict = RECORD_DENIED, .stage = RECORD_AT_CONNECT, .line = 3};

static void a_refused_connect_is_one_event(void **state)
{
	feed_connect(&f, 1);
	feed_verdict(&f, 1, at_connect);
	assert_int_equal(f.last->outcome, OUTCOME_FAILURE);
	assert_int_equal(f.last->caller->process.pid, 100);
	expect("connect denied by g.rules:3 denied g.rules:3\n");
	feed_close(&f, 1, 0, RECORD_F_RELEASED);
	expect("");
	feed_verdict(&f, 2, at_connect);
	expect("");
	feed_connect(&f, 2);
	assert_int_equal(f.last->caller->process.pid, 100);
	assert_int_equal(f.last->destination.port, 80);
	expect("connect denied by g.rules:3 denied g.rules:3\n");
	feed_connect(&f, 2);
	feed_verdict(&f, 2, at_connect);
	expect("connect denied by g.rules:3 denied g.rules:3\n");
	feed_close(&f, 2, 0, RECORD_F_RELEASED);
	expect("");
	assert_false(conversations_wait(f.table));
}

static void a_refused_connect_of_nobody_is_told(void **state)
{
	feed_verdict(&f, 1, at_connect);
	conversations_tick(f.table, f.now + 2000000000);
	assert_int_equal(f.last->caller->process.pid, 0);
	expect("connect denied by g.rules:3 denied g.rules:3 incomplete\n");
	feed_verdict(&f, 2, at_connect);
	feed_close(&f, 2, 0, RECORD_F_RELEASED);
	expect("connect denied by g.rules:3 denied g.rules:3 incomplete\n");
}

static void a_verdict_on_the_connect_holds_for_its_requests(void **state)
{
	struct decided would = at_connect;

	would.verdict = RECORD_WOULD_DENY;
	feed_verdict(&f, 1, would);
	feed_connect(&f, 1);
	send_text(1, 0, GET);
	answer(1, 0);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 8, .request = 1});
	send_text(1, strlen(GET), GET);
	answer(1, 1);
	expect(MAC_LINE " 200 would-deny g.rules:3\n" MAC_LINE " 200 would-deny g.rules:8\n");
	feed_close(&f, 1, 0, 0);
	expect("");
	feed_connect(&f, 2);
	feed_verdict(&f, 2, would);
	feed_established(&f, 2);
	feed_close(&f, 2, 0, 0);
	assert_int_equal(f.last->outcome, OUTCOME_UNKNOWN);
	expect("connect no request would-deny g.rules:3\n");
}

static void what_only_the_guard_sees_is_over_at_once(void **state)
{
	struct conversations_counts counts;
	struct decided udp = at_connect;

	udp.protocol = 17;
	feed_connect_as(&f, 1, 100, 5, (struct span){0}, RECORD_F_GUARD);
	feed_verdict(&f, 1, udp);
	assert_string_equal(call_transport_name(f.last), "udp");
	expect("connect denied by g.rules:3 denied g.rules:3\n");
	udp.verdict = RECORD_WOULD_DENY;
	feed_verdict(&f, 2, udp);
	feed_connect_as(&f, 2, 100, 5, (struct span){0}, RECORD_F_GUARD);
	expect("connect  would-deny g.rules:3\n");
	conversations_count(f.table, &counts);
	assert_int_equal(counts.active, 0);
	feed_connect_as(&f, 3, 100, 5, (struct span){0}, RECORD_F_GUARD);
	conversations_tick(f.table, f.now + 2000000000);
	expect("connect records were lost incomplete\n");
	assert_false(conversations_wait(f.table));
}

/* A connection from before the start: the verdict says which request it is. */
static void numbers_are_found_again(void **state)
{
	feed_stream(&f, 1, RECORD_F_UNANNOUNCED | RECORD_F_NO_OFFSET, 5000, "ab\r\n\r\n", 6, 0x18);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 4, .request = 41});
	feed_stream(&f, 1, RECORD_F_NO_OFFSET, 5006, GET, strlen(GET), 0x18);
	answer(1, 0);
	expect("GET /latest/meta-data/mac unknown metadata 200 would-deny g.rules:4 incomplete\n");
	feed_verdict(&f, 1,
		     (struct decided){.verdict = RECORD_DENIED,
				      .line = 4,
				      .request = 42,
				      .flags = RECORD_F_NO_OFFSET,
				      .bytes = USERDATA});
	expect(UD_LINE " denied g.rules:4\n");
}

static void a_verdict_alone_is_a_connection_from_before(void **state)
{
	feed_verdict(&f, 1,
		     (struct decided){.verdict = RECORD_DENIED, .line = 4, .request = 7, .bytes = USERDATA, .at = 900});
	expect("GET /latest/user-data unknown other denied g.rules:4 incomplete\n");
	feed_verdict(&f, 2, (struct decided){.verdict = RECORD_ALLOWED, .line = 4, .request = 7});
	conversations_tick(f.table, f.now + 2000000000);
	expect("");
	assert_false(conversations_wait(f.table));
}

/* The request of a verdict was lost: the alert is not. */
static void alerts_outlive_lost_requests(void **state)
{
	feed_connect(&f, 1);
	feed_verdict(&f, 1, (struct decided){.verdict = RECORD_WOULD_DENY, .line = 4});
	feed_stream(&f, 1, RECORD_F_LOST, 5000, "x", 1, 0x18);
	feed_close(&f, 1, 0, RECORD_F_LOST);
	assert_non_null(strstr(feeder_lines(&f), "would-deny g.rules:4 incomplete\n"));
}

static void verdicts_are_bounded(void **state)
{
	struct conversations_counts counts;

	feed_connect(&f, 1);
	for (uint32_t i = 0; i < 10000; i++)
		feed_verdict(&f, 1, (struct decided){.verdict = RECORD_ALLOWED, .request = i});
	conversations_count(f.table, &counts);
	assert_true(counts.buffered < 65 * 300);
	feed_close(&f, 1, 0, 0);
	conversations_count(f.table, &counts);
	assert_int_equal(counts.buffered, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_guard_calls_are_observed),
		TEST(each_request_has_its_own_verdict),
		TEST(pipelined_requests_are_told_apart),
		TEST(a_verdict_may_come_behind_its_request),
		TEST(refused_bytes_complete_the_head),
		TEST(refused_bytes_wait_for_those_before_them),
		TEST(a_refusal_is_told_in_time),
		TEST(a_refusal_is_told_at_the_end),
		TEST(a_refused_token_request_is_a_cause),
		TEST(a_head_without_end_is_told_as_far_as_it_goes),
		TEST(what_is_no_request_is_a_connection),
		TEST(a_refused_connect_is_one_event),
		TEST(a_refused_connect_of_nobody_is_told),
		TEST(a_verdict_on_the_connect_holds_for_its_requests),
		TEST(what_only_the_guard_sees_is_over_at_once),
		TEST(numbers_are_found_again),
		TEST(a_verdict_alone_is_a_connection_from_before),
		TEST(alerts_outlive_lost_requests),
		TEST(verdicts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
