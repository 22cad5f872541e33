# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Where the events go is in trouble: full disks, readers that go or stand still, descriptors that are closed.

. "$HERE/trouble.sh"

# small_disk: mnt is a file system of 2 MB.
small_disk() {
	mkdir mnt
	mount -t tmpfs -o size=2m trouble mnt || skip "tmpfs cannot be mounted"
}

fill_disk() { cat /dev/zero >mnt/fill 2>/dev/null; [ -s mnt/fill ] || fail "the disk is not full"; }

# More than fits into memory is lost, counted, and told once; then it goes on.
full_disk() {
	trouble
	small_disk
	service_start
	tracer_start --output mnt/events.json
	calls 3
	until_true 5 written mnt/events.json 4 || fail "no events on an empty disk"
	fill_disk
	calls 2000
	until_true 20 grep -q 'cannot write to' tracer.err || fail "a full disk is not told"
	calls 500
	rm mnt/fill
	until_true 10 grep -q 'can be written again' tracer.err || fail "it does not recover"
	call
	call
	tracer_stop 4
	cp mnt/events.json .
	told 'cannot write to'
	told 'can be written again'
	verify account --unwritten
	lost=$(sed -n 's/.*"unwritten":\([0-9]*\).*/\1/p' events.json | tail -1)
	[ "$lost" -gt 100 ] || fail "unwritten is $lost: the disk was not full for long"
	told "again; $lost events were lost"
}

# To the end: what was kept in memory is counted when the program ends.
disk_stays_full() {
	trouble
	small_disk
	service_start
	tracer_start --output mnt/events.json
	fill_disk
	calls 5
	until_true 20 grep -q 'cannot write to' tracer.err || fail "a full disk is not told"
	tracer_stop 4
	told 'cannot write to'
	told 'events could not be written to mnt/events.json'
	[ ! -s mnt/events.json ] || verify lines mnt/events.json
}

# What begins in the middle of a line, after a SIGKILL on a full disk, is ended first.
torn_line() {
	trouble
	service_start
	printf '{"torn":' >events.torn
	tracer_start --output events.torn
	call
	tracer_stop
	[ "$(head -1 events.torn)" = '{"torn":' ] || fail "the torn line was not ended: $(head -c 100 events.torn)"
	sed 1d events.torn >events.json
	verify account
}

# A limit of the shell, where the kernel sends SIGXFSZ.
file_limit() {
	trouble
	service_start
	# shellcheck disable=SC3045 # dash and busybox have it
	start tracer sh -c 'ulimit -f 40; exec "$@"' limited "$IMDSNITCH" watch --format json --output events.json
	tracer_watches tracer
	calls 100
	until_true 20 grep -q 'cannot write to' tracer.err || fail "the limit is not told"
	kill -INT "$(cat tracer.pid)"
	ended tracer 10 4
	verify lines events.json
}

full_recording() {
	trouble
	small_disk
	service_start
	tracer_start --record mnt/rec
	calls 5
	until_true 5 written events.json 6 || fail "no events on an empty disk"
	sleep 0.2
	fill_disk
	calls 2000
	until_true 20 grep -q 'recording' tracer.err || fail "a full disk is not told"
	rm mnt/fill
	calls 5
	tracer_stop 4
	told 'recording mnt/rec is incomplete'
	verify account
	status=0
	"$IMDSNITCH" replay --format json --output replayed.json mnt/rec 2>replay.err || status=$?
	[ "$status" -eq 4 ] || fail "replay ended with $status, not 4"
	[ "$(grep -c imds-request replayed.json)" -ge 5 ] || fail "nothing of the recording is left"
	grep -q 'ends inside a record' replay.err || fail "replay says: $(cat replay.err)"
}

# watch | head -1: the next event ends it, without a word, and that is no failure.
closed_pipe() {
	trouble
	service_start
	mkfifo pipe
	start reader sh -c 'head -n "$1" <pipe' reader "$2"
	"$IMDSNITCH" watch --format "$1" --program "$ACT" >pipe 2>tracer.err &
	echo $! >tracer.pid
	tracer_watches tracer
	note_ids tracer
	call
	ended reader 5 0
	call
	ended tracer 5 0
	[ "$(wc -l <tracer.err)" -eq 1 ] || fail "it is not quiet: $(cat tracer.err)"
	verify lines reader.out
	all_gone tracer
}

# A reader that stands still holds nobody up: what does not fit is counted, and SIGTERM works.
still_reader() {
	trouble
	service_start
	mkfifo pipe
	start reader sh -c 'exec cat <pipe'
	"$IMDSNITCH" watch --format json >pipe 2>tracer.err &
	echo $! >tracer.pid
	tracer_watches tracer
	kill -STOP "$(cat reader.pid)"
	calls 2500
	until_true 20 grep -q 'its reader is too slow' tracer.err || fail "a slow reader is not told"
	kill -CONT "$(cat reader.pid)"
	until_true 10 grep -q 'can be written again' tracer.err || fail "it does not recover"
	kill -STOP "$(cat reader.pid)"
	calls 300
	kill -TERM "$(cat tracer.pid)"
	ended tracer 10 4
	kill -CONT "$(cat reader.pid)"
	ended reader 5 0
	verify lines reader.out
}

# No descriptor of ours may take the place of one that is closed.
closed_descriptors() {
	trouble
	service_start
	for closed in '<&-' '>&-' '2>&-' '<&- >&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		rm -f events.json rec links tracer.err
		: >tracer.err
		sh -c 'echo $$ >tracer.pid; exec "$@" '"$closed" closed "$IMDSNITCH" watch --count 3 --program "$ACT" \
			--format json --output events.json --record rec 2>>tracer.err >tracer.out &
		until_true 20 written events.json 1 || fail "$closed: it does not start: $(cat tracer.err)"
		calls 3
		pid=$!
		until_true 20 gone $pid || fail "$closed: it does not end after 3 events: $(cat tracer.err)"
		status=0
		wait $pid || status=$?
		[ $status -eq 0 ] || fail "$closed: exit $status: $(cat tracer.err)"
		[ ! -s tracer.out ] || fail "$closed: something is on stdout"
		"$IMDSNITCH" replay --format json --output replayed.json rec || fail "$closed: the recording is damaged"
		[ "$(grep -c imds-request replayed.json)" -ge 3 ] || fail "$closed: calls are missing in the recording"
		rm replayed.json
		verify lines events.json
		[ "$(grep -c imds-request events.json)" -eq 3 ] || fail "$closed: $(wc -l <events.json) lines"
	done
	status=0
	"$IMDSNITCH" watch --duration 1s >&- 2>closed.err || status=$?
	[ $status -eq 2 ] || fail "without stdout: exit $status"
	grep -q 'standard output cannot be written' closed.err || fail "without stdout: $(cat closed.err)"
}

add trouble-output-full-disk full_disk
add trouble-output-disk-stays-full disk_stays_full
add trouble-output-torn-line torn_line
add trouble-output-file-limit file_limit
add trouble-output-full-recording full_recording
add trouble-output-closed-pipe-text 'closed_pipe text 2'
add trouble-output-closed-pipe-json 'closed_pipe json 1'
add trouble-output-still-reader still_reader
add trouble-output-closed-descriptors closed_descriptors
