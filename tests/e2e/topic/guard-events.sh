# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the guard decides, as events: of tracers, of the service's log, its metrics and its inventory.

. "$HERE/guard.sh"
. "$HERE/serve.sh"

RULE="imds.rule"
as_nobody() { client setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# A datagram to the service, on a port that is nobody's.
datagram() {
	"$@" "$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"x", (sys.argv[1], 53))
s.sendto(b"y", (sys.argv[1], 53))' "$SERVICE" >datagram.out 2>&1
}

# One refused request: an alert with everything the request would have said, and nothing more for what comes after it.
guard_denied() {
	service_start
	rules_read <<-'EOT'
		mode enforce
		deny path /latest/user-data
		allow
	EOT
	tracer_start
	client "$PYTHON" -c 'import socket, sys, time
s = socket.create_connection((sys.argv[1], 80))
s.sendall(b"GET /latest/meta-data/mac HTTP/1.1\r\nHost: a\r\n\r\n")
s.recv(4096)
s.sendall(b"GET /latest/user-")
time.sleep(0.3)
for i in range(3):
    try:
        s.sendall(b"data HTTP/1.1\r\nHost: a\r\nUser-Agent: split/1\r\n\r\n")
        sys.exit("it was sent")
    except PermissionError:
        pass' "$SERVICE" || fail "the second request is not refused"
	unrelated
	guard_off
	tracer_stop
	service_stop
	[ "$(wc -l <service.log)" -eq 1 ] || fail "the service received $(wc -l <service.log) requests"
	holds "values('imds.verdict') == ['allowed', 'denied'] or values('imds.verdict') == ['denied', 'allowed']"
	holds "[get(c, 'imds.rule') for c in calls if get(c, 'imds.verdict') == 'allowed'] == ['$PWD/guard.rules:3']"
	holds "[(get(c, 'imds.rule'), get(c, 'event.kind'), get(c, 'event.type'), get(c, 'event.outcome'), get(c, 'url.path'), \
get(c, 'user_agent.original'), get(c, 'imds.version'), get(c, 'imds.complete'), get(c, 'event.reason'), \
get(c, 'http.response.status_code')) for c in calls if get(c, 'imds.verdict') == 'denied'] == [('$PWD/guard.rules:2', \
'alert', ['denied'], 'failure', '/latest/user-data', 'split/1', 'v1', True, 'denied by $PWD/guard.rules:2', None)]"
	holds "connects == [] and get(stats[-1], 'imds.stats.denied') >= 1"
}

# By who alone: the connect itself, and what is no TCP at all.
guard_denied_connect() {
	need setpriv
	service_start
	rules_read <<-'EOT'
		mode enforce
		deny user nobody
		allow
	EOT
	tracer_start
	! as_nobody curl -sS -m 5 "$URL/latest/meta-data/mac" >curl.out 2>&1 || fail "nobody may connect"
	! as_nobody curl -sS -m 5 "http://$SERVICE:8080/" >curl.out 2>&1 || fail "nobody may connect to another port"
	! datagram as_nobody || fail "nobody may send a datagram"
	client curl -sS "$URL/latest/meta-data/mac" >curl.out || fail "root may not call"
	sleep 0.3
	guard_off
	tracer_stop
	service_stop
	[ "$(wc -l <service.log)" -eq 1 ] || fail "the service received $(wc -l <service.log) requests"
	holds "[(get(c, 'network.transport'), get(c, 'destination.port')) for c in connects] == \
[('tcp', 80), ('tcp', 8080), ('udp', 53)]"
	holds "all(get(c, 'imds.verdict') == 'denied' and get(c, 'event.kind') == 'alert' and get(c, 'event.type') == \
['connection', 'denied'] and get(c, 'event.outcome') == 'failure' and get(c, '$RULE') == '$PWD/guard.rules:2' and \
get(c, 'event.reason') == 'denied by $PWD/guard.rules:2' and get(c, 'process.user.id') == '65534' and \
get(c, 'process.pid') and get(c, 'imds.complete') for c in connects)"
	holds "values('imds.verdict') == ['allowed']"
}

# The same in audit mode: everything passes, and is told as what it would have been.
guard_would_deny() {
	need setpriv
	service_start
	rules_read <<-'EOT'
		mode audit
		deny user nobody
		deny v1
	EOT
	tracer_start
	as_nobody curl -sS "$URL/latest/meta-data/mac" >curl.out || fail "nobody is refused"
	client curl -sS "$URL/latest/meta-data/mac" >curl.out || fail "v1 is refused"
	client curl -sS -X PUT -H "$TOKEN_HEADER-ttl-seconds: 60" "$URL/latest/api/token" >curl.out || fail "v2 is refused"
	datagram as_nobody || fail "a datagram is refused"
	sleep 0.3
	guard_off
	tracer_stop
	service_stop
	[ "$(wc -l <service.log)" -eq 3 ] || fail "the service received $(wc -l <service.log) requests"
	holds "[(get(c, 'imds.verdict'), get(c, 'imds.rule'), get(c, 'event.kind'), get(c, 'event.outcome')) for c in calls] == \
[('would-deny', '$PWD/guard.rules:2', 'alert', 'success'), ('would-deny', '$PWD/guard.rules:3', 'alert', 'success'), \
('allowed', None, 'event', 'success')]"
	holds "[(get(c, 'imds.verdict'), get(c, 'network.transport'), get(c, 'event.type')) for c in connects] == \
[('would-deny', 'udp', ['connection'])]"
	holds "get(stats[-1], 'imds.stats.would_deny') >= 3 and get(stats[-1], 'imds.stats.denied') == 0"
}

# Without a guard nobody decides, and once it is off nobody does any more.
guard_observed() {
	service_start
	tracer_start
	client curl -sS "$URL/latest/meta-data/mac" >curl.out
	printf 'mode audit\nallow\n' | rules_read
	client curl -sS "$URL/latest/meta-data/mac" >curl.out
	guard_off
	client curl -sS "$URL/latest/meta-data/mac" >curl.out
	tracer_stop
	service_stop
	holds "values('imds.verdict') == ['observed', 'allowed', 'observed']"
}

# Every tracer hears of it, whether it was there before the guard or not; one that was killed takes no place for good.
guard_many_tracers() {
	trouble
	service_start
	printf 'mode enforce\ndeny path /latest/user-data\n' | rules_read
	for n in 1 2 3 4 5 6 7 8 9 10; do
		watch killed --format json --output killed.json
		kill -9 "$(cat killed.pid)"
		until_true 5 gone "$(cat killed.pid)" || fail "it does not die"
		rm killed.pid
	done
	watch second --format json --output second.json
	conf
	serve_start
	guard_refuses curl -sS "$URL/latest/user-data"
	client curl -sS "$URL/latest/meta-data/mac" >curl.out
	until_true 5 events_are 2 || fail "the service's log has not both events"
	guard_off
	kill -INT "$(cat second.pid)"
	until_true 10 gone "$(cat second.pid)" || fail "the second tracer does not end"
	rm second.pid
	serve_stop
	for file in second.json events.json; do
		holds "sorted(values('imds.verdict')) == ['allowed', 'denied']" $file
	done
}

metric() { grep -qF "$1" x.prom; }
in_inventory() { [ "$(sqlite3 inventory.db "SELECT count(*) FROM callers WHERE verdict = '$1' AND $2")" -eq 1 ]; }

# The service puts its rules in force, exchanges them, and leaves them when it ends.
guard_serve() {
	need sqlite3
	trouble
	[ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] || mount -t bpf bpf /sys/fs/bpf || skip "no bpffs"
	conf '[guard]' "rules = $PWD/guard.rules" '[metrics]' "textfile = $PWD/x.prom" 'interval = 1s'
	sed -i "s|^enabled = no|path = $PWD/inventory.db|" imdsnitch.conf
	printf 'mode audit\ndeny path /latest/user-data\n' >guard.rules
	echo on >guard.on
	service_start
	serve_start
	[ "$(ask guard mode) $(ask guard count)" = 'audit 1' ] || fail "the status says: $(cat status.json)"
	client curl -sS "$URL/latest/user-data" >curl.out || fail "audit refuses"
	until_true 5 events_are 1 || fail "no event"

	printf 'mode enforce\nendpoint 192.0.2.77:81\ndeny path /latest/user-data\n' >guard.rules
	kill -HUP "$(cat tracer.pid)"
	until_true 5 guard_mode_is enforce || fail "the rules are not exchanged: $(tail -n 2 tracer.err)"
	grep -q '192.0.2.77 port 81 is guarded, but calls' tracer.err || fail "that it is not watched yet is not told"
	guard_refuses curl -sS "$URL/latest/user-data"
	until_true 5 events_are 2 || fail "no second event"

	printf 'mode audit\nnonsense\n' >guard.rules
	kill -HUP "$(cat tracer.pid)"
	until_true 5 grep -q 'guard.rules:2:1: ' tracer.err || fail "the mistake is not told"
	guard_refuses curl -sS "$URL/latest/user-data"
	until_true 5 events_are 3 || fail "no third event"
	[ "$(ask guard mode)" = enforce ] || fail "the status says: $(cat status.json)"
	ask guard failure >/dev/null || fail "the status does not say what is wrong"

	until_true 5 metrics_know_verdicts || fail "metrics: $(grep -v '^#' x.prom | grep 'den[iy]\|rule' | tr '\n' ' ')"
	serve_stop
	in_inventory denied "count = 2 AND rule = '$PWD/guard.rules:3'" || fail "inventory: $(sqlite3 inventory.db .dump)"
	in_inventory would-deny "count = 1 AND rule = '$PWD/guard.rules:2'" || fail "inventory: $(sqlite3 inventory.db .dump)"
	guard_refuses curl -sS -m 5 "$URL/latest/user-data"
	guard_off
	client curl -sS "$URL/latest/user-data" >curl.out || fail "it is not open"
	service_stop
}
# The events and the counts arrive by themselves, one after the other.
metrics_know_verdicts() {
	metric 'imds_rule_verdicts_total{verdict="denied",line="3"} 2' &&
		metric 'imds_rule_verdicts_total{verdict="would-deny",line="2"} 1' &&
		metric 'imds_denied_total 2' && metric 'imds_would_deny_total 1'
}
guard_mode_is() { [ "$(ask guard mode)" = "$1" ]; }

# What is changed by hand while the service runs is not said to be as the service left it.
guard_by_hand() {
	trouble
	[ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] || mount -t bpf bpf /sys/fs/bpf || skip "no bpffs"
	conf '[guard]' "rules = $PWD/guard.rules"
	printf 'mode audit\ndeny path /latest/user-data\n' >guard.rules
	echo on >guard.on
	serve_start
	[ "$(ask guard in_force)" = True ] || fail "the status says: $(cat status.json)"
	echo allow >other.rules
	"$IMDSNITCH" guard apply other.rules >apply.out 2>&1 || fail "guard apply: $(tail -1 apply.out)"
	[ "$(ask guard in_force)" = False ] || fail "beside other rules the status says: $(cat status.json)"
	kill -HUP "$(cat tracer.pid)"
	until_true 5 guard_in_force_is True || fail "the rules are not put in force again: $(cat status.json)"
	guard_off
	[ "$(ask guard in_force)" = False ] || fail "without a guard the status says: $(cat status.json)"
	kill -HUP "$(cat tracer.pid)"
	until_true 5 grep -q 'opened or replaced by hand; restart' tracer.err || fail "that it is gone is not told"
	serve_stop
}
guard_in_force_is() { [ "$(ask guard in_force)" = "$1" ]; }

# Rules that are not understood keep the service from starting.
guard_serve_mistake() {
	trouble
	conf '[guard]' "rules = $PWD/guard.rules"
	printf 'mode enforce\ndeny usr x\n' >guard.rules
	start tracer env ASAN_OPTIONS=detect_leaks=0 "$IMDSNITCH" serve --config "$PWD/imdsnitch.conf"
	ended tracer 10 2
	grep -q 'guard.rules:2:6: ' tracer.err || fail "the mistake is not told: $(cat tracer.err)"
}

# Verdicts that found no room are counted, and the exit status says so.
guard_lost() {
	trouble
	service_start
	printf 'mode audit\nallow\n' | rules_read
	watch tracer --format json --output events.json --ring-size 64K
	kill -STOP "$(cat tracer.pid)"
	client "$ACT" load "$SERVICE" 80 --concurrency 4 --count 800 >load.out
	kill -CONT "$(cat tracer.pid)"
	sleep 0.5
	guard_off
	kill -INT "$(cat tracer.pid)"
	ended tracer 10 4
	service_stop
	holds "get(stats[-1], 'imds.stats.lost') > 0 and 'denied' not in values('imds.verdict')"
}

for guard_test in denied denied_connect would_deny observed many_tracers serve by_hand serve_mistake lost; do
	add "guard-events-$(echo $guard_test | tr _ -)" "guard_$guard_test"
done
