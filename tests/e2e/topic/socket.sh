# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Awkward sockets and processes.

for mode in v4-mapped nonblock connect-twice thread; do
	add "socket-$mode" "act $mode"
done
# The caller is who connected, whoever asks later.
for mode in scm thread-fork; do
	add "socket-$mode" "act $mode"
done
add socket-child-connects 'CHECK=--child; act child-connects'
add socket-reconnect 'REQUESTS=2; act reconnect'
# Some kernels have no hook that says who connected.
add socket-mptcp 'CHECK=--maybe-no-caller; act mptcp'
add socket-mptcp-both 'SERVICE_OPTIONS=-m CHECK=--maybe-no-caller; act mptcp'
add socket-abort 'act abort --path "/latest/meta-data/?delay=300"'
add socket-silent 'REQUESTS=0 CHECK="--connects 1"; act silent'
add socket-half 'REQUESTS=0 CHECK="--connects 1"; act half'
add socket-refused 'REQUESTS=0 CHECK="--connects 1 --want-connect event.reason=\"ECONNREFUSED\"";
	SERVICE_PORT=81; both "$ACT" refused "$SERVICE" 80'
add process-short 'CHECK=--maybe-no-answer; act short'
add process-comm 'CHECK="--no-caller --want process.name=\"a\\u001b[1m\\\"\\\\\\n\\u00ff\\u0020b\""; act comm'
add process-exec 'act exec'
add process-setuid 'CHECK="--uid 65534"; act setuid --uid 65534'
add process-setuid-after 'act setuid-after --uid 65534'
add process-big-arguments 'CHECK="--comm exe --no-args --want process.args_truncated=true"; act big-arguments'
add process-recycle 'REQUESTS=2 CHECK="--child"; act recycle'
