# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# What people without rights are told. `nobody` has none at all.

cp "$program" "$work/imdsnitch"

# as_nobody STATUS ARGUMENT...
as_nobody() {
	want=$1
	shift
	status=0
	timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
		"$work/imdsnitch" "$@" </dev/null >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$want" ] || fail "\`imdsnitch $*\` ends with $status, not $want: $(head -n 1 "$work/err")"
}

watch_wants_rights() {
	as_nobody 3 watch
	said 'CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or root; run it with sudo'
}

demo_wants_rights() {
	as_nobody 3 demo
	said 'run it with sudo'
}

service_wants_rights() {
	for action in install uninstall; do
		as_nobody 3 service $action
		said "service $action needs root; run it with sudo"
	done
}

# Where systemd is not the first process, in a namespace that hides it.
service_wants_systemd() {
	for action in install uninstall status; do
		status=0
		unshare --mount --propagation private sh -c 'mount -t tmpfs none /run && exec "$@"' without \
			"$program" service $action >"$work/out" 2>"$work/err" || status=$?
		[ $status -eq 3 ] || fail "service $action ends with $status"
		# shellcheck disable=SC2016
		said 'let your init system run `imdsnitch serve`'
	done
}

replay_wants_none() {
	chmod 644 "$empty"
	as_nobody 0 replay "$empty"
	chmod 600 "$empty"
	as_nobody 2 replay "$empty"
	said "$empty cannot be opened: Permission denied"
}

# The table has a heading, one row an ability, each with an answer, and a sentence.
doctor_table() {
	awk 'NR == 1 && !/^Linux / { exit 1 }
		NR == 3 && !/^ABILITY +HERE WHAT FOR, OR WHY NOT$/ { exit 1 }
		NR > 3 && !NF { ended = 1; next }
		NR > 3 && !ended && substr($0, 17, 4) !~ /^(yes |no  |NO  )$/ { exit 1 }
		NR > 3 && !ended && length(substr($0, 22)) < 5 { exit 1 }
		ended { sentence = $0 }
		END { exit sentence != "'"$1"'" }' "$work/out" || fail "the table is not as it should be"
	[ ! -s "$work/err" ] || fail "something on stderr: $(cat "$work/err")"
}

doctor_as_root() {
	run 0 doctor
	doctor_table 'watch can run here.'
	! grep -q ' NO ' "$work/out" || fail "there is a NO"
}

doctor_as_nobody() {
	as_nobody 3 doctor
	doctor_table 'watch cannot run here: see the rows with NO.'
	! grep -q 'the kernel has no' "$work/out" || fail "the kernel gets the blame: $(grep 'the kernel has no' "$work/out")"
}

check rights/watch watch_wants_rights
check rights/demo demo_wants_rights
check rights/service service_wants_rights
check service-without-systemd service_wants_systemd
check rights/replay replay_wants_none
check rights/doctor doctor_as_nobody
check doctor doctor_as_root
