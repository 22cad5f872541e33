# shellcheck shell=sh disable=SC2154 # variables of run
# SPDX-License-Identifier: Apache-2.0
# The machine, its network and its metadata service. Sourced by tests/systemd/run.

fail() {
	echo "$*"
	exit 1
}

# until_true SECONDS COMMAND...
until_true() {
	tries=$(($1 * 20 * slow))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# inside COMMAND...: in the machine.
inside() {
	nsenter -t "$(cat "$work/pid")" -m -p -n -C -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
		SYSTEMD_PAGER= SYSTEMD_COLORS=0 "$@"
}

# put PATH: a file of the machine, from standard input.
put() { inside sh -c 'mkdir -p "$(dirname "$0")" && cat >"$0"' "$1"; }

# One network namespace without a way out; the service listens outside of the machine.
network_up() {
	ip netns add "$network" || return 1
	ip -n "$network" link set lo up
	ip -n "$network" address add 169.254.169.254/32 dev lo
	nsenter --net="/run/netns/$network" "$build/tests/e2e/standin" -l "$work/service.log" -p "$work/service.pid" \
		169.254.169.254:80
}

machine_is_up() {
	case $(inside systemctl is-system-running 2>/dev/null) in
	running | degraded) return 0 ;;
	esac
	return 1
}

# Its first process is noted in $work/pid, as it is seen from here.
machine_start() {
	: >"$work/machine/console"
	mkdir -p "$cgroups/$machine"
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroups/$machine" nsenter --net="/run/netns/$network" \
		unshare --mount --pid --fork --kill-child --cgroup --uts --ipc --propagation private \
		"$here/machine" "$work/machine" >"$work/machine.log" 2>&1 &
	echo $! >"$work/unshare"
	until_true 10 machine_has_begun || fail "no machine: $(cat "$work/machine.log")"
	until_true 60 machine_is_up || fail "the machine does not get up: $(inside systemctl list-jobs 2>&1 | head -n 5)"
}

machine_has_begun() {
	pgrep -P "$(cat "$work/unshare")" >"$work/pid" && [ "$(cat "/proc/$(cat "$work/pid")/comm")" = systemd ]
}

machine_stop() {
	inside systemctl --no-block poweroff 2>/dev/null
	until_true 30 machine_is_gone || fail "the machine does not stop: $(inside systemctl list-jobs 2>&1 | head -n 5)"
}

machine_is_gone() { [ ! -e "/proc/$(cat "$work/pid")" ]; }

clean_up() {
	if [ -s "$work/pid" ] && ! machine_is_gone; then
		kill -9 "$(cat "$work/pid")"
		until_true 10 machine_is_gone
	fi
	[ ! -s "$work/service.pid" ] || kill "$(cat "$work/service.pid")"
	until_true 5 find "$cgroups/$machine" -depth -type d -exec rmdir {} +
	ip netns delete "$network"
	umount "$cgroups" "$work"
	rmdir "$work"
} 2>/dev/null

# value PROPERTY: of the unit.
value() { inside systemctl show --property="$1" --value imdsnitch.service; }

facts() { stat -c '%A %U:%G' "$1" 2>/dev/null; }

# What is another than on this machine: path, kind, owner, and what is in it. Not what every boot changes, nor the copies
# that the tools for users make of what was before.
tree() (
	cd "$work/machine/upper" || exit 1
	find . -mindepth 1 \( -path ./var/log/journal -o -path ./var/lib/systemd -o -path ./var/cache -o -name .updated \
		-o -path ./etc/.pwd.lock -o -path './etc/*-' \) -prune -o -print | sort | while read -r path; do
		if [ "$(facts "$path")" = "$(facts "/$path")" ]; then
			[ -d "$path" ] && continue
			[ -f "$path" ] && cmp -s "$path" "/$path" && continue
		fi
		echo "$path $(facts "$path") $(readlink "$path") $([ ! -f "$path" ] || sha256sum <"$path")"
	done
)
