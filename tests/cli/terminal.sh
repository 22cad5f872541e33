# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# Colours and width, on a terminal and elsewhere.

# terminal COLUMNS COMMAND...: what a terminal gets.
terminal() {
	columns=$1
	shift
	script -qec "stty cols $columns; $*" /dev/null </dev/null
}

colours_terminal_only() {
	terminal 100 "$program replay $empty" | grep -q "$escape" || fail "a terminal gets no colour"
	! terminal 100 "NO_COLOR=1 $program replay $empty" | grep -q "$escape" || fail "NO_COLOR is not heeded"
	terminal 100 "NO_COLOR= $program replay $empty" | grep -q "$escape" || fail "an empty NO_COLOR means nothing"
	! terminal 100 "TERM=dumb $program replay $empty" | grep -q "$escape" || fail "TERM=dumb is not heeded"
	! terminal 100 "$program replay $empty | cat" | grep -q "$escape" || fail "a pipe gets colour"
	! terminal 100 "$program replay --output $work/plain $empty" | grep -q . || fail "there is talk on the terminal"
	! grep -q "$escape" "$work/plain" || fail "a file gets colour"
	! terminal 100 "$program replay --format json $empty" | grep -q "$escape" || fail "JSON gets colour"
}

fits_terminal() {
	for columns in 80 119 120 150 200; do
		terminal $columns "NO_COLOR=1 $program replay $empty" | head -n 1 | tr -d '\r\n' >"$work/heading"
		[ "$(wc -c <"$work/heading")" -le $columns ] || fail "the heading does not fit $columns columns"
	done
	terminal 80 "NO_COLOR=1 $program replay $empty" | grep -q ' WHO ' || fail "80 columns get the wide layout"
	terminal 0 "COLUMNS=80 NO_COLOR=1 $program replay $empty" | grep -q ' WHO ' || fail "COLUMNS=80 is not heeded"
	terminal 0 "COLUMNS=200 NO_COLOR=1 $program replay $empty" | grep -q ' CONTAINER/UNIT ' ||
		fail "COLUMNS=200 is not heeded"
	COLUMNS=80 "$program" replay "$empty" | grep -q ' CONTAINER/UNIT ' || fail "a pipe has a width"
}

check terminal/colour colours_terminal_only
check terminal/width fits_terminal
