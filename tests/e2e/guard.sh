# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A guard in a test: in force from guard_apply to guard_off, or to the end of the test. Sourced by topic/guard*.sh.

# guard_apply: rules from standard input, for the users of the namespaces of this test.
guard_apply() {
	[ -n "${IMDSNITCH-}" ] || skip "without the program there is no guard"
	[ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] || mount -t bpf bpf /sys/fs/bpf || skip "no bpffs"
	cat >guard.rules
	echo on >guard.on
	"$IMDSNITCH" guard apply guard.rules >guard.out 2>guard.err || fail "the guard is not applied: $(tail -n 1 guard.err)"
}

guard_off() {
	"$IMDSNITCH" guard off || fail "the guard stays"
	rm -f guard.on
}

# guard_refuses COMMAND…: it must not succeed.
guard_refuses() {
	! client "$@" >refused.out 2>refused.err || fail "it was not refused: $*"
}
