# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# Recordings that are none or damaged, outputs that cannot be written.

empty=$work/empty.rec
header=184 # sizeof(struct recording_header)

makes_recording() {
	run '[04]' watch --duration 1ms --record "$work/new.rec"
	[ "$(stat -c %a "$work/new.rec")" = 600 ] || fail "its mode is $(stat -c %a "$work/new.rec")"
	refused "$work/new.rec cannot be created: File exists" watch --duration 1ms --record "$work/new.rec"
	head -c $header "$work/new.rec" >"$empty"
}

replays_nothing() {
	run 0 replay "$empty"
	[ ! -s "$work/err" ] || fail "something on stderr: $(cat "$work/err")"
	[ "$(wc -l <"$work/out")" -eq 2 ] || fail "there are not two lines, heading and counts"
	cp "$work/out" "$work/before"
	run 0 replay "$empty" --format text
	cmp -s "$work/out" "$work/before" || fail "the option behind the file counts for nothing"
	run 0 replay --format text -- "$empty"
	cmp -s "$work/out" "$work/before" || fail "-- is not understood"
}

refuses_files() {
	: >"$work/nothing"
	echo 'imdsrec is not what this is, however long the line of text may be that stands here' >"$work/text"
	head -c 20 "$empty" >"$work/short"
	refused "$work/missing cannot be opened: No such file" replay "$work/missing"
	for file in nothing text short; do refused "$work/$file is no recording" replay "$work/$file"; done
	refused "$work is no recording" replay "$work"
	refused "/dev/null is no recording" replay /dev/null
}

# Behind the header: a length that cannot be, and a record that is not all there.
tells_damage() {
	{ cat "$empty" && head -c 24 /dev/zero; } >"$work/zeros"
	run 4 replay "$work/zeros"
	grep -q "$work/zeros is damaged at byte $(wc -c <"$empty")" "$work/err" || fail "it says $(cat "$work/err")"
	{ cat "$empty" && printf '\004\000\000\000\040\000\000\000'; } >"$work/cut"
	run 4 replay "$work/cut"
	grep -q "$work/cut is damaged at byte $(wc -c <"$empty"): the file ends inside a record" "$work/err" ||
		fail "it says $(cat "$work/err")"
}

check recording makes_recording
check replay/empty replays_nothing
check replay/no-recording refuses_files
check replay/damaged tells_damage

# Every real recording in the tree: cut in the middle it still gives what comes before.
cuts_recording() {
	size=$(wc -c <"$1")
	head -c $((size - 5)) "$1" >"$work/cut"
	run 4 replay --format json "$work/cut"
	grep -q 'damaged at byte .*; what comes before it was replayed' "$work/err" || fail "it says $(cat "$work/err")"
	tail -n 1 "$work/out" | grep -q imds-stats || fail "the counts are missing"
}

for file in tests/golden/*.rec; do
	[ -f "$file" ] || continue
	check "replay/cut-$(basename "$file" .rec)" cuts_recording "$file"
done

appends_to_file() {
	run 0 replay --output "$work/log" "$empty"
	[ ! -s "$work/out" ] || fail "something on stdout"
	[ "$(stat -c %a "$work/log")" = 640 ] || fail "its mode is $(stat -c %a "$work/log")"
	run 0 replay --output "$work/log" "$empty"
	[ "$(wc -l <"$work/log")" -eq 4 ] || fail "the second run did not append"
	run 0 replay --output - "$empty"
	[ "$(wc -l <"$work/out")" -eq 2 ] || fail "- is not stdout"
}

refuses_outputs() {
	ln -s /dev/null "$work/link"
	refused "--output $work cannot be opened for appending: Is a directory" replay --output "$work" "$empty"
	refused "$work/no/folder cannot be opened" replay --output "$work/no/folder" "$empty"
	refused "$work/link cannot be opened" replay --output "$work/link" "$empty"
	refused "--output" watch --output ''
}

# What could not be written must not look like success, and a reader that went away is no news.
tells_full_disk() {
	status=0
	"$program" replay "$empty" >/dev/full 2>"$work/err" || status=$?
	[ "$status" -eq 4 ] || fail "replay ends with $status, not 4"
	grep -q 'No space left on device' "$work/err" || fail "replay says $(cat "$work/err")"
	for words in --help 'watch --help' doctor --version; do
		status=0
		# shellcheck disable=SC2086
		"$program" $words >/dev/full 2>"$work/err" || status=$?
		[ "$status" -eq 4 ] || fail "$words ends with $status, not 4"
		: >"$work/out"
		said 'standard output cannot be written: No space left on device'
	done
}

leaves_with_reader() {
	(
		"$program" replay "$empty" 2>"$work/err"
		echo $? >"$work/status"
	) | true
	[ ! -s "$work/err" ] || fail "it says $(cat "$work/err")"
	grep -qx 0 "$work/status" || fail "it ends with $(cat "$work/status")"
}

check output/file appends_to_file
check output/refused refuses_outputs
check output/full tells_full_disk
check output/closed-pipe leaves_with_reader
