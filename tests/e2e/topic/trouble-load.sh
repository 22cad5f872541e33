# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# More than the tracer can take, and for longer: what is not seen is counted, nothing is misjudged, nothing grows.

. "$HERE/trouble.sh"

SLOW_PATH='/latest/meta-data/mac?delay=5'

# mix [options]: a load of requests that are all different, on connections of five requests.
mix() { start mix in_client "$ACT" mix "$SERVICE" 80 "$@"; }

# The tracer stands still while others go on: the ring is full for a second.
stopped() {
	trouble
	own_ports
	service_start
	tracer_start --ring-size 256K
	mix --concurrency 16 --seconds $((4 + E2E_SLOW)) --path "$SLOW_PATH"
	until_true 5 served 100 || fail "the load does not begin"
	kill -STOP "$(cat tracer.pid)"
	now=$(wc -l <service.log)
	until_true 20 served $((now + 2000)) || fail "the load stands still"
	kill -CONT "$(cat tracer.pid)"
	ended mix 60 0
	tracer_stop 4
	service_stop
	verify account --lossy
}

# Connections that begin and end while nobody reads, and such that go on.
stopped_twice() {
	trouble
	own_ports
	service_start
	tracer_start --ring-size 64K
	mix --concurrency 8 --seconds $((3 + E2E_SLOW)) --path "$SLOW_PATH" --at 1
	for _ in 1 2 3 4 5 6; do
		kill -STOP "$(cat tracer.pid)"
		now=$(wc -l <service.log)
		until_true 10 served $((now + 150)) || fail "the load stands still"
		kill -CONT "$(cat tracer.pid)"
		sleep 0.05
	done
	ended mix 60 0
	tracer_stop 4
	service_stop
	verify account --lossy
}

# overload [options of watch]: a tracer with a tenth of a processor, and more for it to read than it can, for long.
overload() {
	{ has taskset && has renice; } || skip "taskset or renice is not installed"
	own_ports
	service_start
	start tracer taskset -c 0 "$IMDSNITCH" watch --format json --output events.json "$@"
	tracer_watches tracer
	renice -n 10 -p "$(cat tracer.pid)" >/dev/null || fail "renice fails"
	spin 0
	mix --concurrency 24 --seconds $((20 + 25 * E2E_SLOW)) --size 8
}

# The tracer ends although the load goes on; else it was the load's end that let it.
overload_ended() {
	ended tracer 20 4
	gone "$(cat mix.pid)" && fail "the load ended before the tracer: this was no permanent one"
	kill "$(cat mix.pid)" "$(cat spin.pid)"
	service_stop
}

# Faster than the program can take it, without a break: clocks and signals are still seen.
permanent() {
	trouble
	overload --stats 1s
	sleep 5
	kill -TERM "$(cat tracer.pid)"
	overload_ended
	[ "$(grep -c '"imds-stats"' events.json)" -ge 4 ] || fail "--stats was not seen during the load"
	verify lines events.json
	verify account --lossy --partly
}

duration_in_overload() {
	trouble
	overload --duration 4s
	overload_ended
	verify lines events.json
	verify account --lossy --partly
}

# One event each, or counted; 500 at a time.
silent_connections() {
	trouble
	service_start
	tracer_start
	peak_anew tracer
	count=$(scaled 100000)
	in_client "$ACT" silent-many "$SERVICE" 80 --count "$count" --concurrency 500 || fail "connections fail"
	memory_at_most 12288
	kill -INT "$(cat tracer.pid)"
	until_true 30 gone "$(cat tracer.pid)" || fail "the tracer does not end"
	verify silent "$count"
}

# More than the table holds: the oldest go, and are counted.
evicted() {
	trouble
	service_start
	tracer_start --ring-size 64M # nothing is to be lost on the way, however slow the tracer is
	in_client "$ACT" silent-many "$SERVICE" 80 --count 12000 --concurrency 12000 || fail "connections fail"
	memory=$(memory_beside_ring tracer)
	say "$memory kB are resident beside the ring"
	sanitized || [ "$memory" -le 40000 ] || fail "$memory kB are resident beside the ring"
	until_true 10 connects_are 12000 || fail "$(grep -c '"imds-connect"' events.json) connections are told of"
	tracer_stop 4
	verify silent --evicted 12000
}
connects_are() { [ "$(grep -c '"imds-connect"' events.json)" -ge "$1" ]; }

# Memory and descriptors after 5,000 calls are what they are after 20,000 more.
flat() {
	trouble
	service_start
	tracer_start
	peak_anew tracer
	in_client "$ACT" mix "$SERVICE" 80 --concurrency 8 --at 2 --count "$(scaled 5000)" >/dev/null || fail "calls fail"
	sleep 0.5
	before=$(memory tracer) descriptors=$(files tracer)
	in_client "$ACT" mix "$SERVICE" 80 --concurrency 8 --at 2 --count "$(scaled 20000)" >/dev/null || fail "calls fail"
	sleep 0.5
	after=$(memory tracer)
	say "$before kB, then $after kB; $descriptors descriptors, then $(files tracer)"
	[ "$(files tracer)" -eq "$descriptors" ] || fail "$descriptors descriptors became $(files tracer)"
	sanitized || [ "$after" -le $((before + 512)) ] || fail "$before kB became $after kB"
	memory_at_most 12288
	kill -INT "$(cat tracer.pid)"
	until_true 30 gone "$(cat tracer.pid)" || fail "the tracer does not end"
}

add trouble-load-stopped stopped
add trouble-load-stopped-twice stopped_twice
add trouble-load-permanent permanent
add trouble-load-duration duration_in_overload
add trouble-load-silent silent_connections
add trouble-load-evicted evicted
add trouble-load-flat flat
