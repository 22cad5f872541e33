# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Namespaces, service, tracer and the comparison: what every test is made of. Sourced by tests/e2e/run.

: "${E2E_SLOW:=1}"
: "${SERVICE:=169.254.169.254}"
SERVICE6=fd00:ec2::254
OTHER=192.0.2.1
URL=http://$SERVICE
CLIENT_NS=imds-$$-c
SERVICE_NS=imds-$$-s
PYTHON=/usr/bin/python3
TOKEN_HEADER=X-aws-ec2-metadata-token
# The first token the service hands out after its start.
TOKEN0='AQAEASECRETMARKERtoken00000000=='

# No call may take a way round.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY

say() { echo "$*" >&2; }
fail() { say "$*"; exit 1; }
skip() { say "$*"; exit 77; }
has() { command -v "$1" >/dev/null 2>&1; }
need() { has "$1" || skip "$1 is not installed"; }

# until_true SECONDS COMMAND…: runs the command until it succeeds.
until_true() {
	tries=$(($1 * 50 * E2E_SLOW))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.02
	done
}

in_client() { nsenter --net="/run/netns/$CLIENT_NS" -- "$@"; }
in_service() { nsenter --net="/run/netns/$SERVICE_NS" -- "$@"; }

# Two namespaces with nothing but a cable between them: no packet to a metadata address can leave the machine.
namespaces_up() {
	ip netns add "$CLIENT_NS"
	ip netns add "$SERVICE_NS"
	ip link add imds0 netns "$CLIENT_NS" type veth peer name imds0 netns "$SERVICE_NS"
	for ns in "$CLIENT_NS" "$SERVICE_NS"; do
		ip -n "$ns" link set lo up
		ip -n "$ns" link set imds0 up
		nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.tcp_fastopen=3 net.ipv4.tcp_tw_reuse=1 \
			net.ipv4.ip_local_port_range='10000 65000' net.core.somaxconn=4096 \
			net.ipv4.tcp_max_syn_backlog=4096
	done
	for address in 169.254.169.254 169.254.170.2 169.254.170.23; do
		ip -n "$SERVICE_NS" address add $address/32 dev imds0
		ip -n "$CLIENT_NS" route add $address/32 dev imds0
	done
	ip -n "$SERVICE_NS" address add $OTHER/24 dev imds0
	ip -n "$CLIENT_NS" address add 192.0.2.2/24 dev imds0
	for address in $SERVICE6 fd00:ec2::23; do
		ip -n "$SERVICE_NS" address add "$address/64" dev imds0 nodad
	done
	ip -n "$CLIENT_NS" address add fd00:ec2::c/64 dev imds0 nodad
	CLIENT_INODE=$(in_client stat -L -c %i /proc/self/ns/net)
	in_service "$STANDIN" -p "$WORK/other.pid" $OTHER:80
}

namespaces_down() {
	[ ! -s "$WORK/other.pid" ] || kill "$(cat "$WORK/other.pid")" 2>/dev/null || :
	ip netns delete "$CLIENT_NS" 2>/dev/null || :
	ip netns delete "$SERVICE_NS" 2>/dev/null || :
}

# service_start [options of standin]: listens on every metadata address. One that was killed may still hold them.
service_start() {
	port=${SERVICE_PORT-80}
	set -- "$@" "169.254.169.254:$port" "169.254.170.2:$port" "169.254.170.23:$port" "[$SERVICE6]:$port" \
		"[fd00:ec2::23]:$port"
	service_try "$@" && return 0
	grep -q 'Protocol not supported' standin.err && skip "$(cat standin.err)"
	until_true 5 service_try "$@" || fail "the service does not start: $(cat standin.err)"
}

service_try() { in_service "$STANDIN" -l service.log -p service.pid "$@" 2>standin.err; }

# A zombie is gone, too: not every machine has an init that reaps at once.
gone() {
	read -r state 2>/dev/null <"/proc/$1/stat" || return 0
	state=${state##*) }
	[ "${state%% *}" = Z ]
}

service_stop() {
	gone "$(cat service.pid)" && fail "the service died"
	kill "$(cat service.pid)" 2>/dev/null || :
	until_true 10 gone "$(cat service.pid)" || fail "the service does not end"
	rm service.pid
}

tracer_ready() { grep -q '^imdsnitch: watching' tracer.err || gone "$(cat tracer.pid)"; }

# tracer_start [options of watch]: returns when it watches.
tracer_start() {
	rm -f events.json
	"$IMDSNITCH" watch --format json --output events.json "$@" >tracer.out 2>tracer.err &
	echo $! >tracer.pid
	until_true 20 tracer_ready || fail "the tracer does not get ready: $(tail -1 tracer.err)"
	gone "$(cat tracer.pid)" && fail "the tracer ended at once: $(tail -1 tracer.err)"
	cat /proc/"$(cat tracer.pid)"/fdinfo/* 2>/dev/null | sed -n 's/^link_id:[[:space:]]*//p' >links
}

# tracer_stop [STATUS]: ends it as a person would; the status must be the one given, or 0. Instead of 0 it may be 4:
# calls of others on this machine count, too. Ours must be complete, check.py sees to that.
tracer_stop() {
	kill -INT "$(cat tracer.pid)" 2>/dev/null || :
	tracer_wait "${1:-0}"
}

tracer_wait() {
	tracer_status=0
	wait "$(cat tracer.pid)" || tracer_status=$?
	rm tracer.pid
	case $tracer_status-$1 in
	"$1-$1" | 4-0) ;;
	*) fail "the tracer ended with $tracer_status, not $1: $(tail -1 tracer.err)" ;;
	esac
	detached
}

# Nothing of ours is left attached.
detached() {
	[ -s links ] || fail "the tracer held no BPF link"
	# shellcheck disable=SC2046
	"$ACT" link-gone :: 0 $(cat links) || fail "a BPF link is left attached"
}

# Loading takes its time: in a guest, and where halves without it are done, the programs stay until the end of the run,
# without a rule.
guard_stays() { [ -n "${E2E_VM-}${E2E_BASELINES-}" ]; }

guard_down() {
	if guard_stays; then
		"$IMDSNITCH" guard apply /dev/null >/dev/null
	else
		"$IMDSNITCH" guard off
	fi
}

# Whatever a failed test left behind.
clean_up_test() {
	[ ! -e guard.on ] || guard_down
	for f in *.pid */*.pid; do
		[ -s "$f" ] && read -r pid _ <"$f" && kill -9 "$pid" 2>/dev/null
	done
	# Only folders are removed: a cgroup has no other way to go.
	for folder in /sys/fs/cgroup/imdse2e$$.slice /sys/fs/cgroup/unified/imdse2e$$.slice; do
		[ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null
	done
	return 0
}

# client COMMAND…: runs it in the client's namespace. Its pid and parent go to client.pid.
client() {
	in_client sh -c 'echo $$ $PPID >client.pid; exec "$@"' client "$@"
}

# An operation that has nothing to do with metadata: it must work, and leave no event (check.py sees to that).
unrelated() {
	in_client "$ACT" one $OTHER 80 --path /latest/unrelated >unrelated.out
	grep -q '404 Not Found' unrelated.out || fail "an unrelated connection fails"
}

# One half of a test: the client alone, its output, its exit status and what the service received.
half() {
	name=$1
	shift
	client_status=0
	client "$@" >"$name.out" 2>"$name.err" || client_status=$?
	[ "$client_status" -ne 77 ] || skip "$(tail -1 "$name.err")"
	echo "exit $client_status" >>"$name.out"
}

# check_half LOG: what the service received: REQUESTS (1), and how the client ended: CLIENT_STATUS (0).
check_half() {
	count=$(wc -l <"$1")
	[ "$count" -eq "${REQUESTS-1}" ] || fail "the service received $count requests, not ${REQUESTS-1}"
	[ "$client_status" -eq "${CLIENT_STATUS-0}" ] || fail "the client ended with $client_status: $(tail -qn 1 ./*.err)"
}

# baseline COMMAND…: the half without the tracer. E2E_BASELINES=FOLDER: a run without the program puts its halves there,
# and the next run takes them from there.
baseline() {
	baselines=$((${baselines-0} + 1))
	kept=${E2E_BASELINES-}/$(basename "$PWD").$baselines
	if [ -n "${E2E_BASELINES-}" ] && [ -n "${IMDSNITCH-}" ]; then
		[ -e "$kept.log" ] || skip "the half without the tracer was skipped, or failed"
		cp "$kept.out" baseline.out && cp "$kept.log" baseline.log
		return 0
	fi
	# The variables hold several words on purpose.
	# shellcheck disable=SC2086
	service_start ${SERVICE_OPTIONS-}
	half baseline "$@"
	service_stop
	mv service.log baseline.log
	check_half baseline.log
	[ -z "${E2E_BASELINES-}" ] || { cp baseline.out "$kept.out" && cp baseline.log "$kept.log"; }
}

# E2E_GUARD=FILE: rules that let everything pass are in force in the half of a test that has the tracer, and nothing is to
# be different by them.
guard_everywhere() {
	[ -n "${E2E_GUARD-}" ] || return 0
	if ! guard_stays || [ ! -e "$WORK/guard.on" ]; then
		: >guard.on
		"$IMDSNITCH" guard apply "$E2E_GUARD" >apply.out 2>&1 || fail "guard apply: $(tail -1 apply.out)"
	fi
	! guard_stays || mv -f guard.on "$WORK/guard.on" 2>/dev/null
	"$IMDSNITCH" guard status --json >guard.base
}

# guard_count NAME: a number of guard status, since the rules were applied last.
guard_count() {
	"$IMDSNITCH" guard status --json >guard.json || fail "the guard is not whole"
	guard_more "$1"
}

guard_more() { echo $(($(guard_number "$1" guard.json) - $(guard_number "$1" guard.base))); }

guard_number() { sed -n "s/^  \"$1\": \([0-9]*\),*$/\1/p" "$2"; }

guard_let_all_pass() {
	[ -n "${E2E_GUARD-}" ] || return 0
	"$IMDSNITCH" guard status --json >guard.json || fail "the guard is not whole"
	[ ! -s service.log ] || [ "$(guard_more judged)" -gt 0 ] || fail "the guard has judged nothing"
	for zero in denied would_deny errors; do
		[ "$(guard_more $zero)" = 0 ] || fail "with the guard: $zero $(guard_more $zero)"
	done
	guard_stays && return 0
	"$IMDSNITCH" guard off || fail "guard off fails"
	rm guard.on
}

# Time is dear in a guest: there the half without the tracer is left out, unless it is asked for.
has_baseline() { [ -z "${E2E_VM-}" ] || [ -n "${E2E_BASELINES-}" ]; }

# both COMMAND…: without the tracer, with it, compared. SERVICE_OPTIONS, TRACER_OPTIONS, CHECK (options of check.py),
# EXPECT_STATUS (of the tracer) say more.
both() {
	! has_baseline || baseline "$@"
	[ -n "${IMDSNITCH-}" ] || return 0
	# shellcheck disable=SC2086
	service_start ${SERVICE_OPTIONS-}
	guard_everywhere
	# shellcheck disable=SC2086
	tracer_start ${TRACER_OPTIONS-}
	half traced "$@"
	[ -z "${SETTLE-}" ] || sleep "$SETTLE"
	unrelated
	guard_let_all_pass
	tracer_stop "${EXPECT_STATUS-0}"
	service_stop
	if ! has_baseline; then
		check_half service.log
	else
		cmp baseline.out traced.out >&2 || fail "the client's output is another with the tracer: $(diff baseline.out traced.out | head -n 4 | cut -c 1-200 | tr "\n" " ")"
		CHECK="--baseline baseline.log ${CHECK-}"
	fi
	# shellcheck disable=SC2086
	check ${CHECK-} "$@"
}

# check [options of check.py] [COMMAND…]: events.json against service.log; the command is what the caller must be.
check() {
	read -r pid parent <client.pid
	judged check --events events.json --log service.log --netns "$CLIENT_INODE" \
		--pid "$pid" --parent "$parent" --status "$tracer_status" "$@" || fail "$(tail -1 "$TEST_LOG" | cut -c1-200)"
}

# judged PROGRAM [argument…]: now, or in a guest at the end, by one Python for all (deferred.py).
judged() {
	if [ -z "${E2E_VM-}" ]; then
		program=$HERE/$1.py
		shift
		"$PYTHON" -SEB "$program" "$@" >&2
	else
		checks=$((${checks-0} + 1))
		printf '%s\0' "$@" >deferred.$checks
	fi
}

# holds EXPRESSION [FILE]: see holds.py.
holds() {
	[ -n "${IMDSNITCH-}" ] || return 0
	judged holds "${2-events.json}" "$CLIENT_INODE" "$1" || fail "does not hold: $1"
}
