# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016 # commands for another shell
# A kernel, rights or a machine that lack something; tracers that come, go and die.

. "$HERE/trouble.sh"

# Mounts of the tracer's own namespace go before it; see through().
NO_CGROUP2='while m=$(sed -n "s/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup2 .*/\1/p" /proc/self/mountinfo | tail -1)
	[ -n "$m" ]; do umount -l "$m" || exit 1; done'
NO_BTF='mount -t tmpfs none /sys/kernel/btf'
NO_PROC='mount -t tmpfs none /proc'

not_root() {
	trouble
	need setpriv
	refused 'sudo' setpriv --reuid 65534 --regid 65534 --clear-groups "$IMDSNITCH" watch
	refused 'sudo' setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all --bounding-set -all \
		"$IMDSNITCH" watch
	refused 'CAP_BPF' setpriv --inh-caps -all --bounding-set -all "$IMDSNITCH" watch
	for missing in bpf,-sys_admin net_admin,-sys_admin perfmon,-sys_admin; do
		refused 'CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON' \
			setpriv --inh-caps "-$missing" --bounding-set "-$missing" "$IMDSNITCH" watch
	done
}

# What the documentation says is enough.
least_rights() {
	trouble
	need setpriv
	mountpoint -q /sys/fs/cgroup/unified || mountpoint -q /sys/fs/cgroup || skip "cgroup v2 is not mounted"
	least=-all,+bpf,+net_admin,+perfmon,+sys_ptrace,+dac_read_search,+sys_resource
	service_start
	start tracer setpriv --bounding-set "$least" \
		"$IMDSNITCH" watch --format json --output events.json
	tracer_watches tracer
	call
	kill -INT "$(cat tracer.pid)"
	ended tracer 10 0
	verify want --count 1 http.response.status_code=200 "process.executable=\"$ACT\""
}

# As a service manager starts it: another user, with the rights as ambient ones. No program it runs gets any of them.
ambient_rights() {
	trouble
	need setpriv
	mountpoint -q /sys/fs/cgroup/unified || mountpoint -q /sys/fs/cgroup || skip "cgroup v2 is not mounted"
	few=-all,+bpf,+net_admin,+perfmon,+sys_ptrace,+dac_read_search
	chmod 755 "$WORK"
	chmod 777 .
	cp "$IMDSNITCH" imdsnitch
	service_start
	# shellcheck disable=SC3045
	start tracer sh -c 'ulimit -l unlimited; exec "$@"' ambient setpriv --reuid 65534 --regid 65534 --clear-groups \
		--inh-caps "$few" --ambient-caps "$few" --bounding-set "$few" \
		./imdsnitch watch --format json --output events.json
	tracer_watches tracer
	call
	[ "$(sed -n 's/^Cap\(Inh\|Prm\|Eff\|Amb\):[[:space:]]*//p' "/proc/$(cat tracer.pid)/status" | tr '\n' ' ')" = \
		'0000000000000000 0000000000080004 0000000000080004 0000000000000000 ' ] ||
		fail "it has other rights: $(grep ^Cap "/proc/$(cat tracer.pid)/status" | tr '\n' ' ')"
	kill -INT "$(cat tracer.pid)"
	ended tracer 10 0
	verify want --count 1 http.response.status_code=200 "process.executable=\"$ACT\""
}

no_btf() {
	trouble
	refused '/sys/kernel/btf/vmlinux is missing' through "$NO_BTF" "$IMDSNITCH" watch
}

# Mounted nowhere: the program mounts it for itself, and sees every process all the same.
no_cgroup2() {
	trouble
	service_start
	start tracer through "$NO_CGROUP2" "$IMDSNITCH" watch --format json --output events.json
	tracer_watches tracer
	! grep -q ' - cgroup2 ' "/proc/$(cat tracer.pid)/mountinfo" || fail "cgroup v2 is mounted for the tracer"
	call
	kill -INT "$(cat tracer.pid)"
	ended tracer 10 0
	verify want --count 1 http.response.status_code=200 "process.executable=\"$ACT\""
}

# Where that is forbidden, too.
no_cgroup2_at_all() {
	trouble
	need setpriv
	refused 'mount -t cgroup2' through "$NO_CGROUP2" \
		setpriv --inh-caps -sys_admin --bounding-set -sys_admin "$IMDSNITCH" watch
}

no_bpf_call() {
	trouble
	"$ACT" without-bpf :: 0 -- true || skip "no seccomp filters"
	refused 'bpf(2)' "$ACT" without-bpf :: 0 -- "$IMDSNITCH" watch
}

# The kernel's word on the caller is enough.
no_proc() {
	trouble
	sanitized && skip "the sanitizers read /proc"
	service_start
	start tracer through "$NO_PROC" "$IMDSNITCH" watch --format json --output events.json
	until_true 20 grep -q 'imdsnitch: watching' tracer.err || fail "it does not start: $(cat tracer.err)"
	call
	kill -INT "$(cat tracer.pid)"
	ended tracer 10 0
	verify want --count 1 http.response.status_code=200 "process.executable=\"$ACT\"" process.name='"act"' \
		process.working_directory process.user.id='"0"'
	verify lines events.json
}

# Either it runs, and knows all it should, or it says what is missing.
# What this script was started with (a lock) takes none of the few.
few_descriptors() {
	trouble
	service_start
	# shellcheck disable=SC3045
	refused 'open files' sh -c 'ulimit -n 24; exec "$@"' few setpriv --bounding-set -sys_resource "$IMDSNITCH" watch
	for limit in 4 16 40; do
		rm -f events.json
		# shellcheck disable=SC3045
		start tracer sh -c 'exec 3>&- 4>&-; ulimit -n $0; exec "$@"' $limit "$IMDSNITCH" watch --format json --output events.json
		until_true 20 watching tracer || fail "$limit descriptors: neither starts nor ends"
		if gone "$(cat tracer.pid)"; then
			ended tracer 1 3
			[ "$(wc -l <tracer.err)" -eq 1 ] || fail "$limit descriptors: $(cat tracer.err)"
			grep -qi 'open files' tracer.err || fail "$limit descriptors: $(cat tracer.err)"
			continue
		fi
		in_client "$ACT" stay "$SERVICE" 80 --seconds 1 >stay.out || fail "a call fails"
		kill -INT "$(cat tracer.pid)"
		ended tracer 10 0
		verify want --count 2 http.response.status_code=200 "process.working_directory=\"$PWD\""
	done
	[ -s events.json ] || fail "it does not run with 40 descriptors"
}

# Kernels before 5.11 charge maps to the limit of locked memory, and it says so; later ones do not.
little_memory() {
	trouble
	set -- setpriv --inh-caps -sys_resource --bounding-set -sys_resource "$IMDSNITCH" watch --duration 1s
	kernel=$(uname -r)
	major=${kernel%%.*} minor=${kernel#*.}
	if [ "$major" -eq 5 ] && [ "${minor%%.*}" -lt 11 ]; then
		# shellcheck disable=SC3045
		refused 'LimitMEMLOCK=infinity' sh -c 'ulimit -l 64; exec "$@"' little "$@"
	else
		# shellcheck disable=SC3045
		start tracer sh -c 'ulimit -l 0; exec "$@"' little "$@"
		tracer_watches tracer
		ended tracer 10 0
	fi
}

two_tracers() {
	trouble
	service_start
	tracer_start
	watch second --format json --output second.json
	calls 50
	kill -INT "$(cat second.pid)"
	ended second 10 0
	calls 20
	tracer_stop
	verify want --count 50 --events second.json http.response.status_code=200
	verify want --count 70 http.response.status_code=200
}

# One on each file, one after the other and at the same time.
same_file() {
	trouble
	service_start
	tracer_start
	watch second --format json --output events.json
	calls 200
	kill -INT "$(cat second.pid)"
	ended second 10 0
	tracer_stop
	verify lines events.json
	[ "$(grep -c '"namespace":'"$CLIENT_INODE" events.json)" -eq 400 ] || fail "events are missing"
}

is_program() {
	[ "$(readlink "/proc/$(cat "$1.pid")/exe")" = "$(readlink -f "$IMDSNITCH")" ] || gone "$(cat "$1.pid")"
}

start_stop() {
	trouble
	service_start
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		start tracer "$IMDSNITCH" watch --format json --output "$i.json"
		# Before it is ready the signal may come before it is caught. Not before it is the program: the shell's own
		# child still has the shell's traps for a moment, and drops a signal that comes then.
		if [ $((i % 2)) -eq 1 ]; then
			until_true 5 is_program tracer || fail "it does not start"
			kill -TERM "$(cat tracer.pid)"
			until_true 10 gone "$(cat tracer.pid)" || fail "SIGTERM does not end it"
			continue
		fi
		tracer_watches tracer
		note_ids tracer
		call
		kill -TERM "$(cat tracer.pid)"
		ended tracer 10 0
		all_gone tracer
		verify want --events $i.json http.response.status_code=200
	done
}

# However it ends, nothing is left, and the next one works at once.
killed() {
	trouble
	service_start
	for signal in TERM INT KILL HUP SEGV; do
		rm -f tracer.err
		tracer_start
		note_ids tracer
		call
		kill -$signal "$(cat tracer.pid)"
		until_true 10 gone "$(cat tracer.pid)" || fail "SIG$signal does not end it"
		all_gone tracer
		rm tracer.pid tracer.err
		tracer_start
		call
		tracer_stop
		verify want http.response.status_code=200
	done
}

# Killed with events under way: the file stays readable, and goes on.
killed_and_appended() {
	trouble
	service_start
	tracer_start
	start load in_client "$ACT" mix "$SERVICE" 80 --concurrency 4 --seconds 2
	until_true 5 served 50
	kill -KILL "$(cat tracer.pid)"
	until_true 10 gone "$(cat tracer.pid)"
	mv events.json first.json
	cp first.json whole.json
	status=0
	"$IMDSNITCH" watch --format json --output whole.json --duration 1s 2>second.err || status=$?
	[ $status -eq 0 ] || [ $status -eq 4 ] || fail "the second run ends with $status"
	head -c "$(wc -c <first.json)" whole.json | cmp -s - first.json || fail "the first run's events were changed"
	ended load 30 0
	[ "$(tail -c 1 whole.json | od -An -c | tr -d ' ')" = '\n' ] || fail "the file does not end with a line"
}

add trouble-rights-not-root not_root
add trouble-rights-least least_rights
add trouble-rights-ambient ambient_rights
add trouble-rights-no-btf no_btf
add trouble-rights-no-cgroup2 no_cgroup2
add trouble-rights-no-cgroup2-at-all no_cgroup2_at_all
add trouble-rights-no-bpf no_bpf_call
add trouble-rights-no-proc no_proc
add trouble-rights-few-descriptors few_descriptors
add trouble-rights-little-memory little_memory
add trouble-rights-two-tracers two_tracers
add trouble-rights-same-file same_file
add trouble-rights-start-stop start_stop
add trouble-rights-killed killed
add trouble-rights-killed-and-appended killed_and_appended
