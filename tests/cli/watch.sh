# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# A short life of watch.

announces() {
	run '[04]' watch --duration 1ms --format aws --pid 1
	[ ! -s "$work/out" ] || fail "stdout is not empty"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "stderr has more than one line"
	grep -q '^imdsnitch: watching 169\.254\.169\.254, ' "$work/err" || fail "it says $(cat "$work/err")"
	run '[04]' watch --duration 1ms --format aws --endpoint 192.0.2.1:8080
	grep -q ', 192\.0\.2\.1 port 8080$' "$work/err" || fail "it does not name the endpoint: $(cat "$work/err")"
}

counts_in_json() {
	run '[04]' watch --duration 1ms --format json --pid 1
	[ "$(wc -l <"$work/out")" -eq 2 ] || fail "there are $(wc -l <"$work/out") lines, not 2"
	grep -c '"action":"imds-stats".*"sequence":[01]' "$work/out" | grep -qx 2 || fail "not two events of counts"
}

tells_service_manager() {
	python3 - "$program" "$work/notify" <<-'EOT'
	import os, socket, subprocess, sys
	listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	listener.bind(sys.argv[2])
	listener.settimeout(20)
	subprocess.run([sys.argv[1], "watch", "--duration", "1ms"], stdout=subprocess.DEVNULL,
	               stderr=subprocess.DEVNULL, env=dict(os.environ, NOTIFY_SOCKET=sys.argv[2]))
	state = listener.recv(100)
	sys.exit(state != b"READY=1" and f"it sent {state}")
	EOT
}

check watch/announces announces
check watch/counts counts_in_json
check watch/notify tells_service_manager
