# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016 # a test's body is evaluated later
# That it holds: against the end of processes, swaps, half of it, others on the same cgroups, old connections.

. "$HERE/guard.sh"

BYSTANDER=${BYSTANDER:-$BUILD/tests/e2e/bystander}

hierarchy() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }

# beside FOLDER ADDRESS [alone]: a program of somebody else's on that cgroup, until the file beside.on goes.
beside() {
	"$BYSTANDER" "$1" "$2" beside.on ${3:+"$3"} >beside.out 2>&1 &
	echo $! >beside.pid
	until_true 5 test -e beside.on || fail "the other program is not attached: $(cat beside.out)"
}

beside_end() {
	rm -f beside.on
	wait "$(cat beside.pid)"
	rm -f beside.pid
}

ours() { bpftool cgroup tree "$(hierarchy)" 2>/dev/null | grep -c guard_; }

add guard-hold-killed '
	service_start
	tracer_start
	rules "mode enforce" "$DENY_PATH" allow
	kill -9 "$(cat tracer.pid)"; wait "$(cat tracer.pid)"; rm tracer.pid
	says EACCES asks $SERVICE one /latest/user-data
	tracer_start
	says EACCES asks $SERVICE one /latest/user-data
	tracer_stop
	says EACCES asks $SERVICE one /latest/user-data
	[ "$(guard_count denied)" = 3 ] || fail "$(guard_count denied) denied"
	service_stop'

swapped() { [ "$(grep -c "^swap" swaps)" -ge "$1" ]; }

# Two sets that both deny one path and allow the other, by rules at other places, exchanged as fast as it goes.
add guard-hold-swap '
	service_start
	printf "mode enforce\ndeny path /latest/user-data\nallow\n" >a
	{ echo "mode enforce"; echo "allow path /latest/meta-data"
		for i in 1 2 3 4 5 6 7 8; do echo "allow path /never/$i from user 6500$i"; done
		echo "deny path /latest/user-data"; echo "allow user root"; echo deny; } >b
	guard_apply a
	{ while [ ! -e stop ]; do "$IMDSNITCH" guard apply b && "$IMDSNITCH" guard apply a || exit 1; echo swap; done; } >swaps 2>&1 &
	swapping=$!
	asks $SERVICE loop stop $((60 * E2E_SLOW)) >loop.1 2>calls.1 &
	first=$!
	asks $SERVICE6 loop stop $((60 * E2E_SLOW)) >loop.2 2>calls.2 &
	second=$!
	sleep $((4 * E2E_SLOW))
	until_true 50 swapped 3
	: >stop
	wait $first $second
	wait $swapping || fail "a swap failed: $(tail -1 swaps)"
	[ "$(cat loop.1 loop.2)" = "$(printf "0 wrong\n0 wrong")" ] || fail "$(head -3 loop.1 loop.2)"
	! grep -q user-data service.log || fail "a call was let through"
	swapped 3 || fail "only $(grep -c "^swap" swaps) swaps"
	service_stop'

# As if another version had pinned it: its first word says which. The new guard holds before the old one goes.
pretend_other_version() {
	pinned=/sys/fs/bpf/imdsnitch/guard/control
	# shellcheck disable=SC2046 # a word for each byte
	bpftool map update pinned $pinned key hex 00 00 00 00 value hex 00 00 63 00 \
		$(bpftool -j map dump pinned $pinned | "$PYTHON" -SEc "
import json, sys
print(*[b[2:] for b in json.load(sys.stdin)[0][\"value\"][4:]])")
}

add guard-hold-upgrade '
	need bpftool
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	pretend_other_version || fail "the version cannot be changed"
	"$IMDSNITCH" guard status >out && fail "another version is taken for this one: $(cat out)"
	says EACCES asks $SERVICE one /latest/user-data
	asks $SERVICE loop stop $((8 * E2E_SLOW)) >loop.1 2>calls.1 &
	loop=$!
	sleep 0.3
	"$IMDSNITCH" guard apply rules >apply.out 2>&1 || fail "guard apply: $(tail -1 apply.out)"
	"$IMDSNITCH" guard status >out || fail "the guard is not whole: $(cat out)"
	: >stop
	wait $loop
	[ "$(cat loop.1)" = "0 wrong" ] || fail "while it was exchanged: $(head -3 loop.1)"
	! grep -q user-data service.log || fail "a call was let through"
	[ "$(ours)" = 6 ] || fail "$(ours) programs are attached"
	service_stop'

add guard-hold-off '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	asks $SERVICE loop stop $((2 * E2E_SLOW)) >loop.1 2>&1 &
	sleep 0.5
	"$IMDSNITCH" guard off || fail "off under load fails"
	wait $!
	rm guard.on
	for _ in 1 2 3; do says "status 200" asks $SERVICE one /latest/user-data; done
	[ "$(ours)" = 0 ] || fail "programs are left attached"
	[ ! -e /sys/fs/bpf/imdsnitch/guard ] || fail "pins are left"
	service_stop'

add guard-hold-broken '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	rm /sys/fs/bpf/imdsnitch/guard/guard_connect4 /sys/fs/bpf/imdsnitch/guard/tables
	"$IMDSNITCH" guard status >out && fail "a broken guard is called whole"
	rules "mode enforce" "$DENY_PATH" allow
	says EACCES asks $SERVICE one /latest/user-data
	rm /sys/fs/bpf/imdsnitch/guard/control /sys/fs/bpf/imdsnitch/guard/guard_request
	guard_off
	[ "$(ours)" = 0 ] || fail "programs are left attached"
	says "status 200" asks $SERVICE one /latest/user-data
	service_stop'

add guard-hold-all-or-nothing '
	need bpftool
	[ -z "${E2E_VM-}" ] || "$IMDSNITCH" guard off
	printf "mode enforce\ndeny user 65534\n" >rules
	setpriv --bounding-set -net_admin,-sys_admin --inh-caps -all "$IMDSNITCH" guard apply rules >out 2>&1 && fail "without rights it works"
	grep -q "guard:" out || fail "it does not say why: $(cat out)"
	[ "$(ours)" = 0 ] || fail "some programs are attached"
	beside "$(hierarchy)" 203.0.113.9 alone
	: >guard.on
	"$IMDSNITCH" guard apply rules >out 2>&1 && fail "beside a program that is to be alone it works"
	grep -q "guard_egress cannot be attached" out || fail "it does not say which: $(cat out)"
	[ "$(ours)" = 0 ] || fail "some programs are attached"
	[ ! -e /sys/fs/bpf/imdsnitch/guard ] || fail "pins are left"
	beside_end'

add guard-hold-two-applies '
	service_start
	[ -z "${E2E_VM-}" ] || "$IMDSNITCH" guard off
	printf "mode enforce\ndeny path /latest/user-data\nallow\n" >rules
	: >guard.on
	for i in 1 2 3; do "$IMDSNITCH" guard apply rules >out.$i 2>&1 & echo $!; done >pids
	for pid in $(cat pids); do wait "$pid" || fail "an apply fails: $(cat out.?)"; done
	"$IMDSNITCH" guard status >out || fail "the guard is not whole"
	[ "$(ours)" = 6 ] || fail "$(ours) programs are attached"
	says EACCES asks $SERVICE one /latest/user-data
	service_stop'

add guard-hold-old '
	service_start
	[ -z "${E2E_VM-}" ] || "$IMDSNITCH" guard off
	asks $SERVICE hold held.1 /latest/user-data >held.out &
	first=$!
	echo $first >first.pid
	shared=$(mktemp -d /tmp/imds-e2e-held.XXXXXX) && chmod 777 "$shared"
	as 65533 $SERVICE 80 hold "$shared/held" /latest/meta-data/ami-id >held2.out &
	second=$!
	echo $second >second.pid
	until_true 5 test -e held.1 || fail "no connection"
	until_true 5 test -e "$shared/held" || fail "no connection"
	rules "mode enforce" "allow user 65533" deny
	: >held.1.go; : >"$shared/held.go"
	wait $first; wait $second
	rm -r first.pid second.pid "$shared"
	case $(cat held.out) in EPIPE | closed | ECONNRESET) ;; *) fail "the old connection says $(cat held.out)" ;; esac
	[ "$(cat held2.out)" = "status 200" ] || fail "the one that may stay says $(cat held2.out)"
	! grep -q user-data service.log || fail "it was sent"
	service_stop'

add guard-hold-beside '
	service_start
	root=$(hierarchy)
	mkdir -p "$root/imdse2e$$.slice/inner"
	beside "$root/imdse2e$$.slice" $OTHER
	rules "mode enforce" "$DENY_PATH" allow
	echo 0 >"$root/imdse2e$$.slice/inner/cgroup.procs"
	timeout $((2 * E2E_SLOW)) nsenter --net=/run/netns/$CLIENT_NS -- "$ACT" one $OTHER 80 >out 2>&1 && fail "the other program refuses nothing any more"
	says EACCES asks $SERVICE one /latest/user-data
	says "status 200" asks $SERVICE one /latest/meta-data/ami-id
	echo 0 >"$root/cgroup.procs"
	unrelated
	beside_end
	beside "$root" 203.0.113.9
	says EACCES asks $SERVICE one /latest/user-data
	unrelated
	beside_end
	service_stop'

add guard-hold-no-bpffs '
	printf "allow\n" >rules
	unshare --mount sh -c "umount -l /sys/fs/bpf; $IMDSNITCH guard apply rules" >out 2>&1 && fail "without bpffs it works"
	grep -q "mount -t bpf" out || fail "it does not name the mount: $(cat out)"'

# Anybody may mount anything over any path in a user namespace of his own: such a path proves nothing.
add guard-hold-user-namespace '
	service_start
	rules "mode enforce" "allow exe /usr/bin/imds-allowed" "deny user 65533" allow
	fake=$(mktemp -d /tmp/imds-e2e-fake.XXXXXX)
	chmod 755 "$fake"; cp -L "$PYTHON" "$fake/imds-allowed"; cp "$HERE/client/guarded.py" "$fake"
	in_client setpriv --reuid 65533 --regid 65533 --clear-groups unshare --user --map-root-user --mount sh -c "
		mount --bind $fake /usr/bin && exec /usr/bin/imds-allowed -SEB /usr/bin/guarded.py $SERVICE 80 connect" >out 2>&1
	rm -rf "$fake"
	grep -q "not permitted" out && skip "no user namespaces: $(head -1 out)"
	grep -q EPERM out || fail "a forged path counts: $(cat out)"
	service_stop'

add guard-mptcp '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	timeout $((3 * E2E_SLOW)) nsenter --net=/run/netns/$CLIENT_NS -- "$ACT" mptcp $SERVICE 80 --path /latest/user-data >out 2>&1
	[ $? -ne 77 ] || skip "$(tail -1 out)"
	! grep -q user-data service.log || fail "it was sent: $(cat service.log)"'

# What it does not keep out, so that nobody believes it does.
add guard-not-raw '
	service_start
	rules "mode enforce" "deny user 0" allow
	says EPERM asks $SERVICE connect
	in_client "$PYTHON" -SEB -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
s.sendto(bytes.fromhex(\"3039003500080000\"), (\"$SERVICE\", 0))" || fail "a raw packet is refused: the documents say it is not"
	service_stop'

add guard-not-proxy '
	service_start
	rules "mode enforce" "deny user 65533" allow
	in_client "$PYTHON" -SEB -c "
import socket
l = socket.create_server((\"127.0.0.1\", 8888)); open(\"proxy.on\", \"w\").close()
c, _ = l.accept(); s = socket.create_connection((\"$SERVICE\", 80))
s.sendall(c.recv(4096)); c.sendall(s.recv(4096))" &
	until_true 5 test -e proxy.on || fail "no proxy"
	says EPERM as 65533 $SERVICE 80 connect
	says "status 200" as 65533 127.0.0.1 8888 one /latest/meta-data/ami-id
	wait
	service_stop'

add guard-not-passed '
	service_start
	rules "mode enforce" "deny user 65533" allow
	in_client "$ACT" scm $SERVICE 80 >out 2>&1 || fail "a connection that was handed on is refused: $(tail -1 out)"
	service_stop'

# The executable is the allowed one; what it does is what it was told.
add guard-not-script '
	service_start
	cp -L "$PYTHON" imds-allowed
	rules "mode enforce" "allow exe $(pwd -P)/imds-allowed" deny
	says EPERM asks $SERVICE connect
	says connected in_client ./imds-allowed -SEB "$HERE/client/guarded.py" $SERVICE 80 connect
	service_stop'

# Who connected counts, whatever became of it: another user, another program.
add guard-not-after '
	service_start
	rules "mode enforce" "deny user 65533" "deny exe /usr/bin/env" allow
	says EPERM as 65533 $SERVICE 80 connect
	says "HTTP/1.1 200 OK" in_client "$PYTHON" -SEB "$HERE/client/becomes.py" $SERVICE 65533
	service_stop'
