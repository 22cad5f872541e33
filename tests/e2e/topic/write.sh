# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# One request, written in every way.

act() {
	mode=$1
	shift
	both "$ACT" "$mode" "$SERVICE" 80 "$@"
}

act6() {
	mode=$1
	shift
	both "$ACT" "$mode" "$SERVICE6" 80 "$@"
}

for mode in one bytes writev sendmsg sendmmsg sendfile splice vmsplice zerocopy more cork mss half-close \
	uring uring-connect uring-worker uring-poll; do
	add "write-$mode" "act $mode"
	add "write-$mode-6" "act6 $mode"
done
# What the service makes of an urgent byte nobody else can know: never a wrong path, never a version.
add write-oob 'EXPECT_STATUS=4 CHECK="--unsure urgent"; act oob'
for mode in fastopen fastopen-connect; do
	add "write-$mode" "REQUESTS=2; act $mode"
	add "write-$mode-6" "REQUESTS=2; act6 $mode"
done
for at in 1 4 40 41 60 80 100; do
	add "write-split-$at" "act split --at $at --token wrong"
done
