# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016 # commands for another shell
# Callers that send rubbish, have names of rubbish, or are not who they seem to be; cables and options that are bad.

. "$HERE/trouble.sh"

# Four tracers: every format, and the text once more on a terminal. They end after COUNT events of our own client.
every_format() {
	count=$1 program=$2
	for format in json text aws; do
		watch $format --format $format --ring-size 16M --count "$count" --program "$program"
	done
	start terminal "$PYTHON" -SEc 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' \
		"$IMDSNITCH" watch --format text --ring-size 16M --count "$count" --program "$program"
	until_true 20 grep -q '^imdsnitch: watching' terminal.out || fail "no tracer on a terminal: $(cat terminal.out)"
}

every_format_ended() {
	for format in json text aws terminal; do ended $format 20 0; done
	verify lines json.out text.out aws.out
	sed -i '/^imdsnitch: watching/d' terminal.out
	verify lines --terminal terminal.out
}

# A request with rubbish in every field, and what is no request at all.
rubbish() {
	trouble
	service_start
	requests='controls in-agent no-space folded auth bad-method'
	silences='noise tls no-http half'
	every_format 10 "$ACT"
	for mode in $requests $silences; do
		in_client "$ACT" "$mode" "$SERVICE" 80 >/dev/null
	done
	every_format_ended
	verify want --events json.out --action imds-request --count 6
	verify want --events json.out --action imds-connect --count 4 --where imds.complete=true
	[ "$(grep -c "$ACT" aws.out)" -le 10 ] || fail "more lines than events in the aws format"
}

cgroup2() { sed -n 's/^[^ ]* [^ ]* [^ ]* \/ \([^ ]*\) .* - cgroup2 .*/\1/p' /proc/self/mountinfo | tail -1; }

# Name, folder, program, arguments, cgroup, path and user agent of bytes that move a cursor or break a line.
dirty_names() {
	trouble
	need unshare
	root=$(cgroup2)
	[ -n "$root" ] || skip "cgroup v2 is not mounted"
	service_start
	mkdir names
	printf 'e\033[31m\n"\\\377\302\233;\t' >names/name
	printf '%s/d\033]0;x\007\n\342\200\256"' "$PWD" >names/directory
	printf 'imds-%s-\033[1m"\\\377.service' $$ >names/cgroup
	printf 'a\033]0;title\007\302\205\\"' >names/agent
	printf '/latest/meta-data/\033[2J\302\205"\\x\377' >names/paths
	mkdir "$(cat names/directory)"
	cp "$ACT" "$(cat names/directory)/$(cat names/name)"
	printf '%s/%s' "$root" "$(cat names/cgroup)" >cgroup
	mkdir "$(cat cgroup)" || skip "no cgroup can be made"
	every_format 1 '*e*31m*'
	in_client sh -c 'echo $$ >"$1/cgroup.procs" && cd "$2" && exec "./$3" one "$4" 80 --path "$5" --header "User-Agent: $6"' \
		dirty "$(cat cgroup)" "$(cat names/directory)" "$(cat names/name)" "$SERVICE" "$(cat names/paths)" \
		"$(cat names/agent)" >/dev/null || fail "the call fails"
	every_format_ended
	grep -v imds-stats json.out >events.json
	verify dirty names/name names/directory names/cgroup names/agent names/paths
	verify want 'http.response.status_code=404' 'imds.version="v1"' 'imds.complete=true'
}

# A head without an end: a connection, and no memory. Nobody listens to HTTP there, so that it is not cut short.
endless() {
	trouble
	start service in_service "$PYTHON" -SEc 'import socket
s = socket.create_server(("169.254.169.254", 80))
open("listens", "w").close()
while True:
	c = s.accept()[0]
	while c.recv(1 << 20): pass
	c.close()'
	until_true 10 test -e listens || fail "the service does not start"
	tracer_start --ring-size 16M
	peak_anew tracer
	in_client "$ACT" endless "$SERVICE" 80 --size "$(($(scaled 16) << 20))" || fail "the client fails"
	in_client "$ACT" endless "$SERVICE" 80 --size 4194304 || fail "the client fails"
	until_true 20 event_of '"reason":"[^"]*"' || fail "no event"
	# The ring is resident twice.
	memory_at_most $((12288 + 32768))
	kill -INT "$(cat tracer.pid)"
	until_true 20 gone "$(cat tracer.pid)" || fail "the tracer does not end"
	# Where its bytes were lost, it may have been a request.
	lost=$(sed -n 's/.*"lost":\([0-9]*\).*/\1/p' events.json | tail -1)
	[ "$lost" -gt 0 ] || verify want --action imds-connect --count 2 event.outcome='"unknown"' event.reason='"incomplete request"'
	verify want --action imds-request --where imds.complete=true --count 0
}

big_arguments() {
	trouble
	service_start
	tracer_start
	peak_anew tracer
	for _ in 1 2 3 4 5 6 7 8; do
		timeout $((20 * E2E_SLOW)) nsenter --net="/run/netns/$CLIENT_NS" -- "$ACT" big-arguments "$SERVICE" 80 >/dev/null || fail "the call fails"
	done
	memory_at_most 12288
	kill -INT "$(cat tracer.pid)"
	until_true 20 gone "$(cat tracer.pid)" || fail "the tracer does not end"
	verify lines events.json
	verify want --count 8 http.response.status_code=200 process.args_truncated=true
	[ "$(wc -c <events.json)" -le 400000 ] || fail "the events have $(wc -c <events.json) bytes"
}

# The tracer looks when another process has the pid already.
impostor() {
	trouble
	service_start
	tracer_start --ring-size 16M
	kill -STOP "$(cat tracer.pid)"
	start client in_client "$ACT" impostor "$SERVICE" 80 --count 40
	until_true 20 grep -q -e ready -e 'could not be had' client.err || fail "no impostors: $(cat client.err)"
	grep -q 'could not be had' client.err && skip "the pid could not be had again"
	kill -CONT "$(cat tracer.pid)"
	until_true 20 event_of '"/latest/meta-data/39"' || fail "the events do not come"
	kill -KILL "$(cat client.pid)"
	tracer_stop
	verify impostor client.err
}

# Packets are lost, doubled, reordered and damaged on the way: the service's log is what counts.
bad_cable_calls() {
	trouble
	service_start
	tracer_start --ring-size 16M
	bad_cable delay 3ms 2ms loss 4% duplicate 4% reorder 25% 50% corrupt 2%
	in_client "$ACT" mix "$SERVICE" 80 --concurrency 4 --at 3 --count "$(scaled 600)" >/dev/null || fail "the load fails"
	in_client "$ACT" burst "$SERVICE" 80 --size 100000 --at 700 --path /latest/meta-data/burst >/dev/null ||
		fail "the burst fails"
	sleep 0.5
	bad_cable_mended
	tracer_stop
	service_stop
	verify account
}

# What the caller's TCP drops for its checksum is no answer: it is not believed, and nothing is missing.
damaged_answers() {
	trouble
	start damaged in_service "$PYTHON" -BSE "$HERE/damaged.py" "$SERVICE" "$SERVICE6"
	until_true 20 grep -q ready damaged.out || fail "no service: $(cat damaged.err)"
	tracer_start
	for address in "$SERVICE" "$SERVICE6"; do
		for path in damaged whole; do
			in_client "$ACT" one "$address" 80 --path "/latest/$path" >>out || fail "the call fails"
		done
	done
	tracer_stop
	[ "$(grep -c ' 200 ' out)-$(grep -c ' 202 ' out)" = 2-2 ] || fail "the caller got $(grep HTTP out)"
	verify want --count 2 --where url.path='"/latest/damaged"' http.response.status_code=200 \
		http.response.bytes=259 imds.complete=true
	verify want --count 2 --where url.path='"/latest/whole"' http.response.status_code=202 \
		http.response.bytes=259 imds.complete=true
}

bad_endpoints() {
	trouble
	for value in '' 169.254.169 ::1::2 1.2.3.4:0 1.2.3.4:65536 1.2.3.4:x '[fd00::1' '[fd00::1]80' 300.1.1.1 \
		"$(printf '1.2.3.4\033[31m')" 1.2.3.4=nothing; do
		status=0
		"$IMDSNITCH" watch --duration 1s --endpoint "$value" >out 2>err || status=$?
		[ $status -eq 2 ] || fail "--endpoint '$value': exit $status"
		[ "$(wc -l <err)" -eq 1 ] || fail "--endpoint '$value': $(cat err)"
		grep -q endpoint err || fail "--endpoint '$value': $(cat err)"
		verify lines err
	done
	set --
	i=0
	while [ $i -lt 300 ]; do
		i=$((i + 1))
		set -- "$@" --endpoint "192.0.2.2:$((1000 + i))"
	done
	status=0
	"$IMDSNITCH" watch --duration 1s "$@" >out 2>err || status=$?
	[ $status -eq 2 ] || fail "300 endpoints: exit $status"
	grep -q 256 err || fail "300 endpoints: the limit is not named: $(cat err)"
	i=0
	set --
	while [ $i -lt 250 ]; do
		i=$((i + 1))
		set -- "$@" --endpoint "$OTHER:$((1000 + i))"
	done
	SERVICE_PORT=81
	service_start
	tracer_start "$@" --endpoint "169.254.170.2:81"
	in_client "$ACT" one 169.254.170.2 81 >/dev/null || fail "a call fails"
	tracer_stop
	verify want --count 1 http.response.status_code=200 destination.port=81
}

# A packet of more than 64 KiB is more than the probe takes: what is missing is counted, and no version is guessed.
big_tcp() {
	trouble
	own_ports
	for ns in "$CLIENT_NS" "$SERVICE_NS"; do
		ip -n "$ns" link set imds0 gso_max_size 200000 gro_max_size 200000 2>/dev/null || skip "no BIG TCP"
	done
	service_start
	tracer_start
	for _ in 1 2 3 4 5 6 7 8; do
		in_client "$ACT" burst "$SERVICE6" 80 --size 600000 --at 600000 >/dev/null || fail "the burst fails"
	done
	for ns in "$CLIENT_NS" "$SERVICE_NS"; do ip -n "$ns" link set imds0 gso_max_size 65536 gro_max_size 65536; done
	kill -INT "$(cat tracer.pid)"
	status=0
	wait "$(cat tracer.pid)" || status=$?
	truncated=$(sed -n 's/.*"truncated":\([0-9]*\).*/\1/p' events.json | tail -1)
	[ "$truncated" -gt 0 ] || skip "no packet was larger than 64 KiB"
	[ $status -eq 4 ] || fail "exit $status, though $truncated were truncated"
	grep '"namespace":'"$CLIENT_INODE" events.json | grep imds-request | grep -v '"version":"\(v1\|unknown\)"' &&
		fail "a version that nobody used"
	true
}

add trouble-input-rubbish rubbish
add trouble-input-dirty-names dirty_names
add trouble-input-endless endless
add trouble-input-big-arguments big_arguments
add trouble-input-impostor impostor
add trouble-input-bad-cable bad_cable_calls
add trouble-input-damaged damaged_answers
add trouble-input-bad-endpoints bad_endpoints
add trouble-input-big-tcp big_tcp
