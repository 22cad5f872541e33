# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The metrics program, on a feed of the test's own and on the service's: textfile, HTTP, a real Prometheus.

. "$HERE/serve.sh"

# metrics TEST: with the program of this build, and with that of the optimised one, which has its sandbox.
metrics() {
	[ -n "${IMDSNITCH-}" ] || return 0
	optimised=$(cd "$HERE/../.." && pwd)/build
	metrics_with "$BUILD" "$1"
	[ "$BUILD" = "$optimised" ] || [ ! -x "$optimised/imdsnitch-metrics" ] || metrics_with "$optimised" "$1"
}

metrics_with() {
	rm -rf with && mkdir with
	(cd with && in_client "$PYTHON" -SEB "$HERE/metrics.py" "$2" "$1/imdsnitch-metrics" >&2) ||
		fail "$1: $(tail -1 "$TEST_LOG" | cut -c1-300)"
}

add metrics-textfile 'metrics textfile'
add metrics-whole 'metrics whole'
add metrics-broken 'metrics broken'
add metrics-loss 'metrics loss'
add metrics-bounds 'metrics bounds'
add metrics-http 'metrics http'
add metrics-unix 'need curl; metrics unix'
add metrics-prometheus 'need prometheus; metrics prometheus'
# In a mount namespace of its own: it mounts a disk and fills it.
add metrics-trouble 'in_client() { unshare -m --propagation private nsenter --net="/run/netns/$CLIENT_NS" -- "$@"; }; metrics trouble'
add metrics-documented 'metrics documented'
add metrics-rules 'need promtool; metrics rules'

metrics_py() { in_client "$PYTHON" -SEB "$HERE/metrics.py" "$@" >&2 || fail "$(tail -1 "$TEST_LOG" | cut -c1-300)"; }

# The service itself, in the client's namespace: so is what it listens on.
metrics_service_start() {
	trouble
	conf '[metrics]' "textfile = $PWD/x.prom" 'interval = 1s' "listen = $1"
	# The log is what the metrics are compared with: it may be slow, but must not lose what others call.
	sed -i 's/^\[service\]/&\nqueue = 512M/' imdsnitch.conf
	service_start
	SERVE_IN=in_client
	serve_start
}

attached_is() { grep -q "^imds_attached $1\$" x.prom; }

# Real callers; at the end the metrics say what the log says, to the last call.
metrics_serve() {
	metrics_service_start 127.0.0.1:9464
	in_client "$ACT" load "$SERVICE" 80 --concurrency 4 --count 400 >load.out
	in_client "$ACT" session "$SERVICE" 80 >session.out
	in_client curl -sS "$URL/latest/meta-data/iam/security-credentials/role" >curl.out
	in_client curl -sS "http://169.254.170.2/v2/credentials/x" >ecs.out
	in_client "$ACT" one $SERVICE 81 >refused.out 2>&1 || :
	in_client timeout 1 curl -sS telnet://$SERVICE:80 </dev/null >silent.out 2>&1 || :
	metrics_py service 404
	serve_stop
	metrics_py log events.json
	in_client curl -sS http://127.0.0.1:9464/metrics >after.out 2>&1 && fail "something still listens"
	service_stop
}

# Parts of it die: the service alone (nobody may take the probe for attached), the metrics alone (they come again).
metrics_serve_killed() {
	metrics_service_start "unix:$PWD/metrics.sock"
	until_true 5 attached_is 1 || fail "not attached"
	call
	until_true 5 metrics_know_calls || fail "the call is not in imds_calls_total: $(grep '^imds_calls_total' scrape.out)"
	# From here on nothing is news to the service: for ten seconds it has no other reason to tell the counts.
	updated=$(metrics_updated)
	until_true 15 metrics_are_newer || fail "the counts are not told every ten seconds"
	updated=$(metrics_updated)
	metrics_kill
	until_true 10 sink_is metrics starts = 2 || fail "the metrics are not started again"
	until_true 5 curl -sS --fail --unix-socket metrics.sock http://x/metrics >scrape.out
	until_true 5 metrics_know_calls || fail "the call before is not in imds_calls_total: $(grep '^imds_calls_total' scrape.out)"
	later=$(sed -n 's/^imds_updated_timestamp_seconds \([0-9]*\).*/\1/p' scrape.out)
	[ $((later - ${updated%.*})) -lt 8 ] || fail "the counts came $((later - ${updated%.*})) s after those before them"
	kill -9 "$(cat tracer.pid)"
	rm tracer.pid
	until_true 5 attached_is 0 || fail "after a kill the textfile says: $(grep attached x.prom)"
	until_true 5 test ! -e metrics.sock || fail "the socket is left"
	service_stop
}

metrics_kill() {
	metrics_pid=$(sink metrics pid)
	[ "$metrics_pid" -gt 1 ] || fail "the metrics have no pid: $metrics_pid"
	kill -9 "$metrics_pid"
}

metrics_updated() { sed -n 's/^imds_updated_timestamp_seconds //p' x.prom; }
metrics_are_newer() { [ "$(metrics_updated)" != "$updated" ]; }

metrics_know_calls() {
	curl -sS --unix-socket metrics.sock http://x/metrics >scrape.out
	grep -q '^imds_calls_total{version="v1"} [1-9]' scrape.out
}

add metrics-serve 'need prometheus; metrics_serve'
add metrics-serve-killed 'need curl; metrics_serve_killed'
