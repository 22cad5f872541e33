# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Who made the call: users, cgroups, namespaces, programs that are no more.

# in_cgroup PATH COMMAND…: below a slice of this run's own, at the cgroup v2 mount.
in_cgroup() {
	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$mount" ] || skip "cgroup v2 is not mounted"
	path=imdse2e$$.slice/$1
	shift
	mkdir -p "$mount/$path" || skip "no cgroup can be made"
	both "$HERE/client/in_cgroup.sh" "$mount/$path" "$@"
}

# contained PATH FIELDS: the call of a process in that cgroup has these fields, as NAME=JSON.
contained() {
	CHECK="--no-caller --want cgroup.path=\"/imdse2e$$.slice/$1\""
	path_=$1
	shift
	for field; do CHECK="$CHECK --want $field"; done
	in_cgroup "$path_" "$ACT" one "$SERVICE" 80
}

HEX=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
UID_=12345678-9abc-def0-1234-56789abcdef0
POD=kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$(echo $UID_ | tr - _).slice

add who-unit 'contained system.slice/foo.service "systemd.unit=\"foo.service\""; holds "not get(calls[0], \"container\")"'
add who-unit-nested 'contained system.slice/foo.service/payload/x "systemd.unit=\"foo.service\""'
add who-session 'contained user.slice/user-1000.slice/session-3.scope "systemd.unit=\"session-3.scope\""'
add who-docker 'contained system.slice/docker-$HEX.scope "container.id=\"$HEX\"" "container.runtime=\"docker\""'
add who-podman 'contained machine.slice/libpod-$HEX.scope "container.id=\"$HEX\"" "container.runtime=\"podman\""'
add who-pod 'contained $POD/cri-containerd-$HEX.scope "container.id=\"$HEX\"" "container.runtime=\"containerd\"" \
	"kubernetes.pod.uid=\"$UID_\""'
add who-pod-cgroupfs 'contained kubepods/besteffort/pod$UID_/$HEX "container.id=\"$HEX\"" "kubernetes.pod.uid=\"$UID_\""'
add who-cgroup-deep 'contained "$(printf "a%.0s/" 1 2 3 4 5 6 7 8 9 10 11 12)end"'

add who-user 'need setpriv
	CHECK="--no-caller --want process.user.id=\"65534\" --want process.group.id=\"65533\""
	both setpriv --reuid 65534 --regid 65533 --clear-groups "$ACT" one "$SERVICE" 80'
# Root of a user namespace is still the user who made it.
add who-user-namespace 'need unshare; need setpriv; CHECK="--no-caller --want process.user.id=\"65534\""
	setpriv --reuid 65534 --clear-groups unshare -Ur true 2>/dev/null || skip "no user namespaces for users"
	both setpriv --reuid 65534 --clear-groups unshare -Ur "$ACT" one "$SERVICE" 80'
# The pid is the host'\''s.
add who-pid-namespace 'need unshare; CHECK=--child; both unshare -p -f "$ACT" one "$SERVICE" 80
	holds "get(calls[0], \"process.pid\") > 1 and get(calls[0], \"process.name\") == \"act\""'
add who-chroot 'mkdir mnt; CHECK=--no-caller
	both unshare -m sh -c "mount --rbind / mnt && exec chroot mnt \"\$@\"" sh "$ACT" one "$SERVICE" 80
	holds "get(calls[0], \"process.executable\").endswith(\"/act\") and get(calls[0], \"process.name\") == \"act\""'
add who-parents 'CHECK=--child; both sh -c "sh -c \"\\\"\\\$@\\\"; true\" middle \"\$@\"; true" outer "$ACT" one "$SERVICE" 80
	holds "[p[\"name\"] for p in get(calls[0], \"process.ancestors\")[:2]] == [\"sh\", \"sh\"] and
		get(calls[0], \"process.ancestors\")[-1][\"pid\"] == 1 and
		get(calls[0], \"process.ancestors\")[0] .items() >= {\"pid\": get(calls[0], \"process.parent.pid\")}.items() and
		all(a[\"start\"] >= b[\"start\"] for a, b in zip(get(calls[0], \"process.ancestors\"),
			get(calls[0], \"process.ancestors\")[1:]))"'
# The parent ends first: the caller belongs to init, or to a reaper, and says so.
add who-orphan 'CHECK=--no-caller; both sh -c "(sleep 0.1; exec \"\$@\") & exec sleep 0.3" sh "$ACT" one "$SERVICE" 80
	holds "get(calls[0], \"process.name\") == \"act\" and get(calls[0], \"process.parent.pid\") > 0"'
# The program is not there any more when it calls, or another one has its place.
add who-deleted 'CHECK=--no-caller; both "$PYTHON" -SEB "$HERE/client/gone.py" "$ACT" "" one "$SERVICE" 80
	holds "\"gone-program\" in get(calls[0], \"process.executable\")"'
add who-replaced 'CHECK=--no-caller; both "$PYTHON" -SEB "$HERE/client/gone.py" "$ACT" /bin/true one "$SERVICE" 80
	holds "\"gone-program\" in get(calls[0], \"process.executable\") and get(calls[0], \"process.args\")[1] == \"one\""'
# The process is gone before anybody can look: all there is comes from the kernel.
# Nor is anybody left to read the answer: whether the kernel still takes it is a matter of time.
add who-short 'CHECK=--maybe-no-answer; act short; holds "get(calls[0], \"process.executable\").endswith(\"/act\") and
	get(calls[0], \"process.args\")[1] == \"short\" and get(calls[0], \"process.parent.pid\")"'
add who-short-slow 'CHECK="--child --maybe-no-answer"; both sh -c "\"\$@\"; sleep 1" sh \
	"$ACT" short "$SERVICE" 80 --path "/latest/meta-data/?delay=300"
	holds "get(calls[0], \"http.response.status_code\") is None"'
add who-short-many 'REQUESTS=30 CHECK="--child --maybe-no-answer"; both sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3; do \"\$@\" & done; wait; done" sh \
	"$ACT" short "$SERVICE" 80
	holds "len(set(values(\"process.pid\"))) == 30 and set(values(\"process.name\")) == {\"act\"} and
		all(a[1] == \"short\" for a in values(\"process.args\"))"'
add who-empty-argv 'CHECK=--no-caller; both "$PYTHON" -SEB "$HERE/client/gone.py" "$ACT" - one "$SERVICE" 80
	holds "get(calls[0], \"process.args\")[0] == \"\\x1b[31m\\n\\\"\\xff\""'
