# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# Rules against logs: what is in a log is somebody else's, and a log may be missing, damaged, or too young.

calls=tests/golden/guard/calls.json
line=$(sed -n 2p $calls)

guard_tests() {
	printf 'deny\n' >"$work/deny.rules"
	printf 'allow\n' >"$work/allow.rules"
	echo "$line" >"$work/calls.jsonl"
	run 1 guard test "$work/deny.rules" --log "$work/calls.jsonl"
	grep -q "by $work/deny.rules:1: deny" "$work/out" || fail "it does not name the rule: $(cat "$work/out")"
	run 0 guard test --log "$work/calls.jsonl" "$work/allow.rules"
	run 1 guard test --log "$work/calls.jsonl" --log "$work/calls.jsonl" --json "$work/deny.rules"
	python3 -c 'import json, sys
o = json.load(sys.stdin)
sys.exit(o["refused"] != 2 or o["refusals"][0]["rule"]["text"] != "deny")' <"$work/out" || fail "it says $(cat "$work/out")"
}

guard_tells_unusable() {
	printf '%s\nnonsense\n{"a":1}\n%s' "$line" '{"torn' >"$work/bad.jsonl"
	run 4 guard test --log "$work/bad.jsonl" "$work/allow.rules"
	grep -q 'no events: 2' "$work/out" || fail "it does not count them: $(cat "$work/out")"
	run 1 guard test --log "$work/bad.jsonl" "$work/deny.rules"
	run 4 guard suggest --log "$work/bad.jsonl"
	grep -q '^# Not covered: 2 lines' "$work/out" || fail "it does not count them: $(cat "$work/out")"
}

guard_tells_reach() {
	now=$(date -u +%Y-%m-%dT%H:%M:%S)
	echo "$line" | sed "s/\"@timestamp\":\"[^\"]*\"/\"@timestamp\":\"${now}Z\"/" >"$work/new.jsonl"
	run 0 guard test --log "$work/new.jsonl" --since 7d "$work/allow.rules"
	grep -q "the log reaches back to ${now}Z only" "$work/out" || fail "it says $(cat "$work/out")"
	echo "$line" | sed 's/"@timestamp":"2026/"@timestamp":"2006/' >>"$work/new.jsonl"
	run 0 guard test --log "$work/new.jsonl" --since 7d "$work/allow.rules"
	! grep -q 'reaches back' "$work/out" || fail "it says $(cat "$work/out")"
	grep -q '^calls *1:' "$work/out" || fail "it takes the old one: $(cat "$work/out")"
}

guard_suggests() {
	for log in $calls "$work/calls.jsonl"; do
		run '[04]' guard suggest --log "$log"
		cp "$work/out" "$work/suggested.rules"
		run '[04]' guard test --log "$log" "$work/suggested.rules"
	done
	! grep -q "$escape" "$work/out" || fail "an escape sequence went to the terminal"
	run 0 guard suggest --log /dev/null
	grep -q '^# No call was logged' "$work/out" || fail "it does not say that there is nothing: $(cat "$work/out")"
}

guard_refuses() {
	printf 'allow usr root\n' >"$work/bad.rules"
	run 2 guard test --log "$work/calls.jsonl" "$work/bad.rules"
	said "$work/bad.rules:1:7: "
	refused "$work/none.rules" guard test --log "$work/calls.jsonl" "$work/none.rules"
	refused "$work" guard test --log "$work" "$work/allow.rules"
	for span in '' 0 -1 days 1w 99999999999999999999d; do
		refused "expected a time span" guard suggest --since "$span"
	done
}

check guard/test guard_tests
check guard/unusable guard_tells_unusable
check guard/reach guard_tells_reach
check guard/suggest guard_suggests
check guard/refuses guard_refuses
