# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The service: its sinks, its reload, its rights, and what becomes of it when parts of it die.

. "$HERE/serve.sh"

# What watch shows, serve keeps.
serve_log() {
	trouble
	conf
	service_start
	serve_start
	half traced curl -sS "$URL/latest/meta-data/iam/security-credentials/role"
	unrelated
	serve_stop
	service_stop
	check
	verify lines events.json
	[ "$(grep -c '"imds-stats"' events.json)" -eq 2 ] || fail "no counts at start and end"
}

# Without a file: the defaults, in folders that are made.
serve_defaults() {
	trouble
	service_start
	mounts='for d in /var/log /var/lib /run; do mount -t tmpfs -o mode=755 none $d || exit 1; done'
	start tracer through "$mounts" "$IMDSNITCH" serve
	tracer_watches tracer
	call
	log=/proc/$(cat tracer.pid)/root/var/log/imdsnitch/calls.jsonl
	until_true 5 grep -q imds-request "$log" || fail "no event in the default log"
	[ "$(stat -c %a "$log")" = 640 ] || fail "the log's mode is $(stat -c %a "$log")"
	[ -S "/proc/$(cat tracer.pid)/root/run/imdsnitch/status.sock" ] || fail "no status socket"
	[ "$(stat -c %a "/proc/$(cat tracer.pid)/root/run/imdsnitch/status.sock")" = 660 ] || fail "the socket's mode"
	links_of_tracer
	serve_stop
}

# What was promised about rights (docs/security.md), of every process of the service.
serve_rights() {
	trouble
	need setpriv
	mkdir log
	chmod 755 . "$WORK"
	chown 65534 log
	sed -n 's/^\([^:]*\):[^:]*:65534:.*/\1/p' /etc/passwd >user
	sed -n 's/^\([^:]*\):[^:]*:65534:.*/\1/p' /etc/group >group
	[ -s user ] && [ -s group ] || fail "there is nobody here"
	conf "[log extra]" "path = $PWD/log/extra.jsonl"
	sed -i "s|^path = $PWD/events|path = $PWD/log/events|; s/^\[service\]/&\nuser = $(cat user)\ngroup = $(cat group)/" \
		imdsnitch.conf
	service_start
	serve_start
	# It stays until it has been looked at in /proc.
	in_client "$PYTHON" -c 'import socket, sys, time
s = socket.create_connection((sys.argv[1], 80))
s.sendall(b"GET /latest/meta-data/mac HTTP/1.0\r\n\r\n")
s.recv(4096)
time.sleep(1)' "$SERVICE" || fail "the call fails"
	until_true 5 grep -q imds-request log/events.json || fail "no event"
	rights_of tracer "$(cat tracer.pid)" 0000000000080004
	[ "$(sink log pid)" -gt 1 ] || fail "the sink has no pid"
	rights_of sink "$(sink log pid)" 0000000000000000
	rights_of launcher "$(pgrep -P "$(cat tracer.pid)" | head -n 1)" 0000000000000000
	# No socket but unix ones, and none that listens but the status socket.
	tracer_sockets=$(find "/proc/$(cat tracer.pid)/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
	for inode in $tracer_sockets; do
		grep -q " $inode\( \|$\)" /proc/net/unix || fail "socket $inode of the capture is no unix socket"
	done
	"$PYTHON" -c 'import json, sys
e = [e for e in map(json.loads, open("log/events.json")) if e.get("network", {}).get("namespace") == int(sys.argv[1])][0]
assert e["process"]["executable"] and e["process"]["args"] and e["process"]["working_directory"], e' "$CLIENT_INODE" ||
		fail "the caller is not known in full: $(tail -1 "$TEST_LOG")"
	serve_stop
}

# rights_of NAME PID CAPABILITIES
rights_of() {
	[ -r "/proc/$2/status" ] || fail "$1 ($2) is not there"
	cp "/proc/$2/status" "$1.rights"
	field() { sed -n "s/^$1:[[:space:]]*//p" "$name.rights"; }
	name=$1
	for set in CapPrm CapEff; do
		[ "$(field $set)" = "$3" ] || fail "$1 has $set $(field $set), not $3"
	done
	for set in CapInh CapAmb CapBnd; do
		[ "$(field $set)" = 0000000000000000 ] || fail "$1 has $set $(field $set)"
	done
	[ "$(field NoNewPrivs)" = 1 ] || fail "$1 may get new rights"
	[ "$(field Uid | tr -s '\t' ' ')" = '65534 65534 65534 65534' ] || fail "$1 is user $(field Uid)"
	[ "$(field Gid | tr -s '\t' ' ')" = '65534 65534 65534 65534' ] || fail "$1 is group $(field Gid)"
	[ -z "$(field Groups | tr -d ' ')" ] || fail "$1 has groups $(field Groups)"
	# The sanitizer's runtime needs what the filter closes; the launcher has none, what it starts has its own.
	sanitized || [ "$1" = launcher ] || [ "$(field Seccomp)" = 2 ] || fail "$1 has no filter of system calls"
}

# A reload adds and takes away sinks, opens files again, and loses nothing while calls go on.
serve_reload() {
	trouble
	conf
	service_start
	serve_start
	start load nsenter --net="/run/netns/$CLIENT_NS" -- "$ACT" keepalive "$SERVICE" 80 --count "$(scaled 3000)"
	call
	conf '[log people]' "path = $PWD/people.log" 'format = text'
	kill -HUP "$(cat tracer.pid)"
	until_true 5 sink_is 'log people' state = running || fail "the new sink does not run"
	mv events.json events.1
	kill -HUP "$(cat tracer.pid)"
	until_true 5 [ -e events.json ] || fail "the file is not opened again"
	conf
	kill -HUP "$(cat tracer.pid)"
	until_true 10 people_gone || fail "the sink that was taken away still runs"
	echo 'frmat = json' >>imdsnitch.conf
	kill -HUP "$(cat tracer.pid)"
	until_true 5 grep -q "imdsnitch.conf:$(wc -l <imdsnitch.conf): " tracer.err || fail "the mistake is not told"
	grep -q 'the configuration stays as it was' tracer.err || fail "nor what follows from it"
	conf "max_size = 2M" && sed -i 's/^max_size = never//' imdsnitch.conf
	ended load 60 0
	call
	serve_stop
	grep -q . people.log || fail "the new sink has nothing"
	cat events.1 events.json >both.json
	mv both.json events.json
	service_stop
	verify lines events.json
	verify account
	[ "$(grep -c '"imds-request"' events.json)" -ge "$(wc -l <service.log)" ] || fail "calls are missing"
}

people_gone() { ask >/dev/null && ! grep -q 'log people' status.json; }

# A sink that stands still costs its own events, which are counted; nobody else's.
serve_slow_sink() {
	trouble
	conf '[log other]' "path = $PWD/other.json" 'max_size = never'
	sed -i 's/^\[service\]/&\nqueue = 1M/' imdsnitch.conf
	service_start
	serve_start
	pid=$(sink 'log other' pid)
	kill -STOP "$pid"
	calls 5000
	until_true 20 events_are 5000 || fail "the other sink waits"
	until_true 5 sink_is 'log other' lost -gt 0 || fail "nothing is counted as lost"
	kill -CONT "$pid"
	until_true 5 sink_is 'log other' queue_bytes -eq 0 || fail "the queue does not drain"
	call
	until_true 5 events_are 5001 || fail "it stopped"
	lost=$(sink 'log other' lost)
	serve_stop 4
	service_stop
	[ "$(missing events.json)" -eq 0 ] || fail "the other sink lost events, too"
	[ "$(missing other.json)" -eq "$lost" ] || fail "$(missing other.json) events are missing, $lost are counted"
}

# missing FILE: how many numbers are missing in it.
missing() {
	"$PYTHON" -c 'import json, sys
n = [json.loads(l)["event"]["sequence"] for l in open(sys.argv[1])]
assert n == sorted(set(n)), "twice or out of order"
print(n[-1] - n[0] + 1 - len(n))' "$1"
}

# A sink program that dies is started again; what it held is counted.
serve_dead_sink() {
	trouble
	conf
	service_start
	serve_start
	call
	until_true 5 events_are 1 || fail "no event"
	kill -9 "$(sink log pid)"
	until_true 10 sink_is log starts -eq 2 || fail "the sink is not started again"
	call
	until_true 10 events_are 2 || fail "events of after its death are missing"
	grep -q 'the sink \[log\] does not take events: it ended' tracer.err || fail "its end is not told"
	serve_stop
	verify lines events.json
}

# The service dies: what it had handed over is written, nothing is left attached, and the next one starts over it.
serve_killed() {
	trouble
	conf
	service_start
	serve_start
	calls 200
	until_true 5 sink_is log written -ge 200 || fail "the events are not written"
	sinks="$(sink log pid) $(pgrep -P "$(cat tracer.pid)" | tr '\n' ' ')"
	kill -9 "$(cat tracer.pid)"
	wait "$(cat tracer.pid)"
	rm tracer.pid
	for pid in $sinks; do until_true 10 gone "$pid" || fail "process $pid is left"; done
	detached
	[ -S status.sock ] || fail "the test is wrong: no socket was left"
	serve_start
	call
	serve_stop
	verify lines events.json
	[ "$(grep -c '"imds-request"' events.json)" -ge 201 ] || fail "events are missing"
	"$IMDSNITCH" status --socket "$PWD/status.sock" 2>none.err && fail "status succeeds after the end"
	grep -q 'no service answers' none.err || fail "it says: $(cat none.err)"
}

serve_twice() {
	trouble
	conf
	service_start
	serve_start
	start second "$IMDSNITCH" serve --config "$PWD/imdsnitch.conf"
	ended second 10 3
	grep -q 'a service is running already' second.err || fail "it does not say why: $(cat second.err)"
	call
	serve_stop
	event_of imds-request || fail "the first one was disturbed"
}

# Somebody takes a program away: it does not go on as if it saw everything.
serve_detached() {
	trouble
	conf
	service_start
	serve_start
	ids tracer link >tracer.link
	detached_one=
	while read -r id; do
		bpftool link detach id "$id" 2>/dev/null && detached_one=1 && break
	done <tracer.link
	[ -n "$detached_one" ] || fail "no link could be detached"
	until_true 15 gone "$(cat tracer.pid)" || fail "it goes on blind"
	ended tracer 1 4
	grep -q 'somebody has detached the program' tracer.err || fail "it does not say why"
	until_true 5 event_of '"imds-stats"' || fail "no last counts"
}

# Without the launcher no sink could be started again: it ends in order, with all it has seen.
serve_launcher_dies() {
	trouble
	conf
	service_start
	serve_start
	kill -9 "$(pgrep -P "$(cat tracer.pid)" | head -n 1)"
	call
	until_true 15 gone "$(cat tracer.pid)" || fail "it goes on without a launcher"
	ended tracer 1 4
	grep -q 'the launcher has died' tracer.err || fail "it does not say why"
	event_of imds-request || fail "the last event is missing"
	verify lines events.json
}

# What the service manager hears.
serve_notify() {
	trouble
	conf
	service_start
	start listener "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("notify.sock")
while True:
    print(s.recv(4096).decode(), flush=True)'
	until_true 5 [ -S notify.sock ] || fail "no listener"
	export NOTIFY_SOCKET="$PWD/notify.sock" WATCHDOG_USEC=400000
	serve_start
	until_true 5 heard_twice WATCHDOG=1 || fail "no signs of life"
	kill -HUP "$(cat tracer.pid)"
	until_true 5 heard_twice READY=1 || fail "the reload is not told"
	serve_stop
	[ "$(grep -v WATCHDOG listener.out | tr '\n' ' ')" = 'READY=1 RELOADING=1 READY=1 STOPPING=1 ' ] ||
		fail "it heard $(tr '\n' ' ' <listener.out)"
}

heard_twice() { [ "$(grep -c "$1" listener.out)" -ge 2 ]; }

# For people, and for checks.
serve_status() {
	trouble
	conf
	"$IMDSNITCH" status --socket "$PWD/status.sock" 2>none.err && fail "status without a service succeeds"
	[ "$(grep -c 'no service answers' none.err)" -eq 1 ] || fail "it says: $(cat none.err)"
	service_start
	serve_start
	calls 20
	until_true 5 sink_is log written -ge 20 || fail "the events are not written"
	[ "$(ask calls total)" -ge 20 ] || fail "calls: $(ask calls total)"
	[ "$(ask calls v1)" -ge 20 ] || fail "v1: $(ask calls v1)"
	[ "$(ask probe attached)" = "['connect_v4', 'connect_v6', 'release_close', 'state_close', 'stream_egress', 'stream_ingress']" ] ||
		fail "attached: $(ask probe attached)"
	"$IMDSNITCH" status --socket "$PWD/status.sock" >table || fail "status ends with $?"
	grep -q "^log  *running .*$PWD/events.json" table || fail "the sink is not in the table"
	# Clients that connect and say nothing, or never read, hold nobody up.
	"$PYTHON" -c 'import socket
c = []
for i in range(200):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(0.2)
    try:
        s.connect("status.sock")
    except OSError:
        break
    c.append(s)' || fail "clients"
	[ "$(ask calls total)" -ge 20 ] || fail "it does not answer any more"
	serve_stop
}

for serve_test in log defaults rights reload slow_sink dead_sink killed twice detached launcher_dies notify status; do
	add "serve-$(echo $serve_test | tr _ -)" "serve_$serve_test"
done
