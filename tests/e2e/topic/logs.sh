# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The programs that bring events out, fed as the service feeds them: log files, the journal, syslog.

. "$HERE/serve.sh"

# deliver PROGRAM TEST: tests/e2e/delivery/PROGRAM.py.
deliver() {
	BUILD=$BUILD "$PYTHON" -B "$HERE/delivery/$1.py" "$2" || {
		status=$?
		[ $status -ne 77 ] || skip "$(tail -1 "$TEST_LOG")"
		fail "$(tail -1 "$TEST_LOG")"
	}
}

# A /run and a journal of its own.
deliver_in_private() {
	BUILD=$BUILD unshare -m sh -c 'mount -t tmpfs run /run && mount -t tmpfs log /var/log && exec "$@"' sh \
		"$PYTHON" -B "$HERE/delivery/$1.py" "$2" || {
		status=$?
		[ $status -ne 77 ] || skip "$(tail -1 "$TEST_LOG")"
		fail "$(tail -1 "$TEST_LOG")"
	}
}

for test in real restart; do add "logs-journal-$test" "deliver_in_private journal $test"; done
for test in slow absent large; do add "logs-journal-$test" "deliver journal $test"; done
for test in udp unix unix_slow unix_stream tcp tcp6 name unknown_name facility large slow comes_back refused udp_refused; do
	add "logs-syslog-$(echo $test | tr _ -)" "deliver syslog $test"
done
for test in tls tls_refused tls_client tls_late_refusal tls_bad_files tls_slow tls_silent tls_comes_back rsyslog; do
	add "logs-syslog-$(echo $test | tr _ -)" "deliver syslog $test"
done
for test in rotates keeps by_age killed logrotate_rename logrotate_copytruncate reopen full_disk read_only \
	second_writer fsync links fifo signals; do
	add "logs-file-$(echo $test | tr _ -)" "deliver log $test"
done

# gapless FILE…: event.sequence of all lines, in order; what is missing must be counted as unwritten (others on this
# machine may make more calls than the queues hold).
gapless() {
	"$PYTHON" - "$@" <<-'EOT' || fail "the numbers have a gap: $(tail -1 "$TEST_LOG")"
		import json, sys
		events = [json.loads(line) for name in sys.argv[1:] for line in open(name, "rb")]
		numbers = [e["event"]["sequence"] for e in events]
		unwritten = events[-1]["imds"]["stats"]["unwritten"]
		missing = numbers[-1] - numbers[0] + 1 - len(numbers)
		assert numbers == sorted(set(numbers)), "not in order, or twice"
		assert missing == unwritten, f"{missing} are missing of {len(numbers)}, {unwritten} are counted"
	EOT
}

# load LIMIT: calls by one client, kept alive: so many, or until that file exists. Prints how many there were.
load() { in_client "$PYTHON" -c '
import http.client, os, sys
limit, calls = sys.argv[2], 0
c = http.client.HTTPConnection(sys.argv[1], 80)
while calls < int(limit) if limit.isdigit() else not os.path.exists(limit):
    c.request("GET", "/latest/meta-data/instance-id")
    c.getresponse().read()
    calls += 1
print(calls)' "$SERVICE" "$1"; }

# Fifty rotations under load: every number is there, once, in the order of the files.
serve_rotates() {
	trouble
	conf
	sed -i 's/^max_size = never/max_size = 8K\nkeep = 900/' imdsnitch.conf
	service_start
	serve_start
	load 300
	serve_stop
	service_stop
	files=$(ls -1v events.json.* | tac)
	[ "$(echo "$files" | wc -l)" -ge 50 ] || fail "only $(echo "$files" | wc -l) rotations"
	# shellcheck disable=SC2086
	gapless $files events.json
	# shellcheck disable=SC2046
	[ "$(cat $files events.json | grep -c '"imds-request"')" -ge 300 ] || fail "calls are missing"
	# shellcheck disable=SC2012
	[ -z "$(find . -name 'events.json.*' -size +8k)" ] || fail "a file is too large: $(ls -l events.json.* | head -3)"
}

# rotate_with_logrotate [SUFFIX]: with the example that is packaged, changed for this folder.
rotate_with_logrotate() {
	need logrotate
	sed "s|^/var/log/imdsnitch/.*{|$PWD/events.json {|; s|systemctl kill.*|kill -HUP $(cat tracer.pid)|; s|weekly|su root root|" \
		"$HERE/../../packaging/logrotate/imdsnitch$1" >logrotate.conf
	grep -q "$PWD/events.json {" logrotate.conf || fail "the example has another form"
	chmod 755 .
	logrotate -f -s "$PWD/logrotate.state" logrotate.conf >logrotate.out 2>&1 || fail "$(tail -1 logrotate.out)"
}

# logrotate renames and sends SIGHUP while calls are made, for as long as it takes: no number is missing.
serve_logrotate() {
	trouble
	conf
	service_start
	serve_start
	load rotated >calls &
	load=$!
	for round in 1 2 3; do
		until_true 10 [ -s events.json ] || fail "nothing is logged in round $round: $(ls -l events.json*)"
		rotate_with_logrotate ""
	done
	until_true 10 [ -s events.json ] || fail "nothing is logged after round $round: $(ls -l events.json*)"
	touch rotated
	wait $load || fail "the client failed"
	serve_stop
	service_stop
	[ -s events.json.3 ] || fail "logrotate made no files"
	gapless events.json.3 events.json.2 events.json.1 events.json
	numbered "$(cat calls)" || fail "of $(cat calls) calls, $(cat events.json* | grep -c '"imds-request"') are logged"
}

# copytruncate loses what is written while it copies, so calls are made in between; the file has no hole.
serve_copytruncate() {
	trouble
	conf
	service_start
	serve_start
	for round in 1 2 3; do
		load 20
		until_true 10 numbered $((round * 20)) || fail "not all calls are logged"
		rotate_with_logrotate .copytruncate
	done
	load 5
	serve_stop
	service_stop
	gapless events.json.3 events.json.2 events.json.1 events.json
}

numbered() { [ "$(cat events.json* | grep -c '"imds-request"')" -ge "$1" ]; }

# Sinks of every kind at once; one that is dead and one that is slow hold up none of the others.
serve_many_sinks() {
	trouble
	mkfifo slow.fifo
	exec 9<>slow.fifo
	"$PYTHON" -B "$HERE/delivery/receive.py" journal.sock journal.out syslog.sock syslog.out &
	echo $! >receive.pid
	until_true 5 [ -S syslog.sock ] || fail "the receiver does not start"
	conf "[log aws]" "path = $PWD/events.aws" "format = aws" "[log slow]" "path = $PWD/slow.fifo" "[journal]" \
		"socket = $PWD/journal.sock" "[syslog]" "to = unix:$PWD/syslog.sock" "[syslog dead]" "to = tcp:127.0.0.1:9"
	service_start
	serve_start
	load 300
	in_client curl -sS -H "$TOKEN_HEADER: $TOKEN0" "$URL/latest/meta-data/mac" >/dev/null
	until_true 10 events_are 301 || fail "the log is held up"
	[ "$(grep -c '\[WARNING\] IMDSv1' events.aws)" -ge 300 ] || fail "WARNING is in $(grep -c WARNING events.aws) lines"
	[ "$(grep -c '\[INFO\] IMDSv2' events.aws)" -ge 1 ] || fail "v2 is not INFO"
	until_true 10 received journal.out 301 && until_true 10 received syslog.out 301 || fail "a sink is held up"
	grep -aq 'called ec2 over v1: GET' journal.out || fail "no sentence in the journal"
	[ "$(grep -ac '^PRIORITY=4' journal.out)" -ge 300 ] || fail "PRIORITY of v1"
	grep -q '^<28>1 .* imdsnitch [0-9]* imds-request - {"@timestamp"' syslog.out || fail "no message of RFC 5424"
	until_true 10 sink_is "syslog dead" held -gt 200 || fail "the dead server's events are not held"
	serve_stop 4
	service_stop
	told "could not be sent to tcp:127.0.0.1:9"
}

received() { [ "$(grep -ac imds-request "$1")" -ge "$2" ]; }

add logs-serve-rotates serve_rotates
add logs-serve-logrotate serve_logrotate
add logs-serve-copytruncate serve_copytruncate
add logs-serve-many-sinks serve_many_sinks
