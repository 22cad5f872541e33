# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the tests of bad input and trouble have in common. Sourced by topic/trouble-*.sh.

# Whatever such a test may leave behind: processes by their id, a mount, a cgroup. Call it first in every test.
trouble() {
	[ -n "${IMDSNITCH-}" ] || skip "it needs the tracer"
	trap trouble_over EXIT
	trap 'exit 130' INT TERM HUP
}

trouble_over() {
	result=$?
	trap - EXIT
	for f in ./*.pid; do
		[ -s "$f" ] || continue
		read -r pid _ <"$f"
		kill -CONT "$pid" 2>/dev/null
		kill -9 "$pid" 2>/dev/null
	done
	umount mnt 2>/dev/null
	ports_of_all
	bad_cable_mended
	[ ! -s cgroup ] || until_true 2 rmdir "$(cat cgroup)" 2>/dev/null
	exit $result
}

# verify COMMAND…: trouble.py's word on what happened.
verify() {
	"$PYTHON" -BSE "$HERE/trouble.py" --netns "$CLIENT_INODE" "$@" >&2 ||
		fail "$(tail -1 "$TEST_LOG" | cut -c1-300)"
}

# start NAME COMMAND…: in the background, its pid in NAME.pid, its streams in NAME.out and NAME.err.
start() {
	name=$1
	shift
	rm -f "$name.err"
	# The pid must be the program's, not that of a shell that waits for it.
	case $1 in
	in_client) shift && set -- nsenter --net="/run/netns/$CLIENT_NS" -- "$@" ;;
	in_service) shift && set -- nsenter --net="/run/netns/$SERVICE_NS" -- "$@" ;;
	esac
	"$@" >"$name.out" 2>"$name.err" &
	echo $! >"$name.pid"
}

# ended NAME SECONDS STATUS: it ends in time, and with this status.
ended() {
	until_true "$2" gone "$(cat "$1.pid")" || fail "$1 still runs after $(($2 * E2E_SLOW)) s"
	status=0
	wait "$(cat "$1.pid")" || status=$?
	rm "$1.pid"
	[ "$status" -eq "$3" ] || fail "$1 ended with $status, not $3: $(tail -1 "$1.err")"
}

watching() { grep -q '^imdsnitch: watching' "$1.err" || gone "$(cat "$1.pid")"; }

# watch NAME [options of watch]: a further tracer, or one of another format. Returns when it watches.
watch() {
	name=$1
	shift
	start "$name" "$IMDSNITCH" watch "$@"
	tracer_watches "$name"
}

tracer_watches() {
	until_true 20 watching "$1" || fail "$1 does not get ready: $(tail -1 "$1.err")"
	gone "$(cat "$1.pid")" && fail "$1 ended at once: $(tail -1 "$1.err")"
	return 0
}

# through COMMANDS PROGRAM…: the program in a mount namespace of its own, after shell commands that spoil it.
through() {
	commands=$1
	shift
	# shellcheck disable=SC2016
	exec unshare -m sh -c 'eval "$0" && exec "$@"' "$commands" "$@"
}

# refused WORD COMMAND…: exit 3, and one line on stderr that has the word in it and says what to do.
refused() {
	word=$1
	shift
	start refused "$@"
	ended refused 20 3
	[ "$(wc -l <refused.err)" -eq 1 ] || fail "$(wc -l <refused.err) lines on stderr, not 1"
	grep -q "$word" refused.err || fail "the message does not name $word"
	[ ! -s refused.out ] || fail "something is on stdout"
}

# Told once, and in these words.
told() {
	count=$(grep -c "$1" tracer.err)
	[ "$count" -eq "${2-1}" ] || fail "stderr says \"$1\" $count times, not ${2-1}: $(cat tracer.err)"
}

sanitized() { grep -q __asan_init "$IMDSNITCH"; }

# memory NAME, peak NAME, files NAME: kB in memory, and at most so far; descriptors.
memory() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$(cat "$1.pid")/status"; }
memory_beside_ring() { sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$(cat "$1.pid")/status"; }
peak() { sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$(cat "$1.pid")/status"; }
files() { set -- /proc/"$(cat "$1.pid")"/fd/*; echo $#; }

# From here on: the start needs more than what follows.
peak_anew() { echo 5 >"/proc/$(cat "$1.pid")/clear_refs"; }

# A sanitizer keeps what was freed.
memory_at_most() {
	sanitized && return 0
	size=$(peak tracer)
	[ "$size" -le "$1" ] || fail "$size kB were resident, more than $1"
}

# written FILE COUNT: so many lines are in the file.
written() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }
served() { written service.log "$1"; }
event_of() { grep -q "$1" "${2-events.json}"; }

# call [PATH]: one plain call.
call() {
	in_client "$ACT" one "$SERVICE" 80 --path "${1-/latest/meta-data/mac}" >/dev/null || fail "a call fails"
}

# calls COUNT: that many on one connection.
calls() { in_client "$ACT" keepalive "$SERVICE" 80 --count "$1" >/dev/null || fail "calls fail"; }

# ids NAME KIND: of the links (link), programs (prog) and maps (map) the process holds.
ids() {
	cat /proc/"$(cat "$1.pid")"/fdinfo/* 2>/dev/null | sed -n "s/^$2_id:[[:space:]]*//p" | sort -u
}

# Of the guard's readers (src/bpf/readers.h): they are pinned, and hold a ring until another tracer takes its place.
reader_ids() {
	for info in /proc/"$(cat "$1.pid")"/fdinfo/*; do
		grep -qE '^map_type:[[:space:]]*(12|27)$' "$info" 2>/dev/null &&
			sed -n 's/^map_id:[[:space:]]*//p' "$info"
	done | sort -u
}

note_ids() {
	for kind in link prog map; do ids "$1" $kind >"$1.$kind"; done
	reader_ids "$1" >"$1.readers"
	[ ! -e /sys/fs/bpf/imdsnitch/readers ] || { grep -vxFf "$1.readers" "$1.map" >"$1.own" || :; mv "$1.own" "$1.map"; }
	[ -s "$1.link" ] || fail "$1 holds no BPF link"
}

# The kernel frees programs and maps after a grace period.
all_gone() {
	for kind in link prog map; do
		while read -r id; do
			until_true 5 "$ACT" $kind-gone :: 0 --count "$id" || fail "BPF $kind $id is left"
		done <"$1.$kind"
	done
}

# Ports that no other test on this machine has at the same time: events of which the caller was lost are told by them.
own_ports() { in_client sysctl -qw net.ipv4.ip_local_port_range='1100 9900'; }
ports_of_all() { in_client sysctl -qw net.ipv4.ip_local_port_range='10000 65000'; }

bad_cable() {
	for ns in "$CLIENT_NS" "$SERVICE_NS"; do
		tc -n "$ns" qdisc add dev imds0 root netem "$@" 2>/dev/null || skip "this kernel has no sch_netem"
	done
}

bad_cable_mended() {
	for ns in "$CLIENT_NS" "$SERVICE_NS"; do tc -n "$ns" qdisc del dev imds0 root 2>/dev/null; done
}

# spin CPU: keeps one busy, its pid in spin.pid.
spin() {
	start spin taskset -c "$1" sh -c 'while :; do :; done'
}

# Counts for machines of ordinary speed; emulated ones get fewer.
scaled() { echo $(($1 / E2E_SLOW)); }
