# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The guard in a test. Whatever happens, clean_up_test (lib.sh) opens the gate again. Sourced by topic/guard*.sh.

DENY_PATH='deny path /latest/user-data'

# rules LINE…: puts them in force.
rules() {
	[ -n "${IMDSNITCH-}" ] || skip "there is no guard without the program"
	for line; do echo "$line"; done >rules
	guard_apply rules
}

guard_apply() {
	: >guard.on
	"$IMDSNITCH" guard apply "$1" >apply.out 2>&1 || fail "guard apply: $(tail -1 apply.out)"
	"$IMDSNITCH" guard status --json >guard.base
}

guard_off() {
	"$IMDSNITCH" guard off || fail "guard off fails"
	rm -f guard.on
}

# asks ADDRESS MODE [ARGUMENT]…: the caller, in the client's namespace.
asks() {
	asked=$1
	shift
	in_client "$PYTHON" -SEB "$HERE/client/guarded.py" "$asked" "${ASK_PORT-80}" "$@"
}

# says TEXT COMMAND…: that is what it prints.
says() {
	expected=$1
	shift
	said=$("$@" 2>&1)
	[ "$said" = "$expected" ] || fail "$* says: $said; expected: $expected"
}

# as UID COMMAND…: with that user and no groups. A function of the test runs in the subshell of its caller.
as() {
	uid=$1
	shift
	in_client setpriv --reuid "$uid" --regid "$uid" --clear-groups "$PYTHON" -SEB "$HERE/client/guarded.py" "$@"
}

# How many requests the service got.
arrived() { grep -c "" service.log 2>/dev/null || [ $? -eq 1 ] || echo 0; }

# rules_read: puts rules from standard input in force.
rules_read() {
	[ -n "${IMDSNITCH-}" ] || skip "there is no guard without the program"
	[ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] || mount -t bpf bpf /sys/fs/bpf || skip "no bpffs"
	cat >guard.rules
	guard_apply guard.rules
}

# guard_refuses COMMAND…: it must not succeed.
guard_refuses() {
	! client "$@" >refused.out 2>refused.err || fail "it was not refused: $*"
}
