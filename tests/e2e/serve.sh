# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The service in a test: `tracer` is the process, events.json its log. Sourced by topic/serve*.sh.

. "$HERE/trouble.sh"

# conf [LINE…]: the configuration of a test: events.json, no inventory, the status socket in the test's folder.
conf() {
	cat >imdsnitch.conf <<-EOT
		[service]
		status_socket = $PWD/status.sock
		[log]
		path = $PWD/events.json
		max_size = never
		[inventory]
		enabled = no
	EOT
	for line; do echo "$line" >>imdsnitch.conf; done
}

# SERVE_IN=in_client: in the client's namespace. In a guest everything is slow, and the sanitizer's leak check needs what
# the service has closed off.
serve_start() {
	# shellcheck disable=SC2086
	start tracer ${SERVE_IN-} env ASAN_OPTIONS=detect_leaks=0 "$IMDSNITCH" serve --config "$PWD/imdsnitch.conf"
	tracer_watches tracer
	links_of_tracer
	until_true 5 sinks_run || fail "a sink does not run: $(cat tracer.err)"
}

links_of_tracer() {
	cat /proc/"$(cat tracer.pid)"/fdinfo/* 2>/dev/null | sed -n 's/^link_id:[[:space:]]*//p' >links
}

# serve_stop [STATUS]
serve_stop() {
	kill -TERM "$(cat tracer.pid)"
	tracer_wait "${1:-0}"
}

# ask KEY…: a value of the status document; a number or word on stdout.
ask() {
	"$IMDSNITCH" status --json --socket "$PWD/status.sock" >status.json 2>status.err
	"$PYTHON" -c 'import json, sys
d = json.load(open("status.json"))
for key in sys.argv[1:]:
    d = d[int(key)] if isinstance(d, list) else d[key]
print(d)' "$@"
}

# Each sink has told its state once; a configuration without sinks has none.
sinks_run() { ask >/dev/null 2>&1 && ! grep -q '"state":"waiting"' status.json; }

# sink NAME FIELD: of the sink of that name.
sink() {
	ask sinks >/dev/null && "$PYTHON" -c 'import json, sys
print(next(s[sys.argv[2]] for s in json.load(open("status.json"))["sinks"] if s["name"] == sys.argv[1]))' "$@"
}

sink_is() { test "$(sink "$1" "$2")" "$3" "$4" 2>/dev/null; }
events_are() { [ "$(grep -c '"imds-request"' events.json)" -ge "$1" ]; }
