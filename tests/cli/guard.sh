# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# The guard's rules, without a guard: what check finds, what explain says.

# rules LINE...: a rule file of these lines.
rules() { printf '%s\n' "$@" >"$work/guard.rules"; }

# tells TEXT...: each is on stdout.
tells() {
	for text in "$@"; do
		grep -qF -- "$text" "$work/out" || fail "\"$text\" is not in: $(cat "$work/out")"
	done
}

check_tells_mistakes() {
	rules 'mode loud' 'allow usr root' '' 'deny user nobody-here, x-y' 'deny path latest from v3'
	run 2 guard check "$work/guard.rules"
	for place in 1:6 2:7 4:11 4:24 5:11 5:23; do
		[ "$(grep -c "^imdsnitch: $work/guard.rules:$place: .*expected" "$work/err")" -eq 1 ] ||
			fail "$place is not told: $(cat "$work/err")"
	done
	[ "$(wc -l <"$work/err")" -eq 6 ] || fail "it says $(wc -l <"$work/err") lines"
	run 2 guard check "$work/none.rules"
	run 2 guard explain "$work/none.rules"
}

check_tells_what_does_nothing() {
	rules 'allow user root' 'deny v1' 'deny v1 user root' 'allow user 33 not user 33'
	run 1 guard check "$work/guard.rules"
	tells "guard.rules:3: line 1 takes every call" "guard.rules:4: no call can be all of this"
	rules 'allow user root' 'deny v1'
	run 0 guard check "$work/guard.rules"
	tells 'is fine: 2 rules, mode audit'
}

check_without_guard() {
	rules 'deny v1'
	run 3 guard check --hits "$work/guard.rules"
}

explain_says_why() {
	rules 'mode enforce' 'allow user 0' 'allow exe /usr/bin/cloud-init' 'deny v1' \
		'deny class credentials user 33' 'deny path /latest/user-data container *'
	run 1 guard explain "$work/guard.rules" --user 33 --path /latest/meta-data/ --v1
	tells 'refused when the request is sent (EACCES) by' 'guard.rules:4' 'its user is 33' 'the version is v1'
	run 1 guard explain "$work/guard.rules" --user 33 --v2 --path //latest/x/%2e%2e/meta-data/iam/security-credentials/r
	tells 'guard.rules:5'
	run 0 guard explain "$work/guard.rules" --user 34 --v2 --path /latest/user-data
	tells 'allowed: no rule matches' 'it is in no container'
	run 1 guard explain "$work/guard.rules" --user 34 --v2 --path /latest/user-data --container web
	tells 'guard.rules:6'
	run 0 guard explain "$work/guard.rules" --user 34
	tells 'later:'
	run 0 guard explain "$work/guard.rules" --user 34 --exe /usr/bin/cloud-init
	tells 'allowed by' 'guard.rules:3'
	rules 'deny unit nginx.service' 'deny group 4'
	run 1 guard explain "$work/guard.rules" --unit nginx.service
	tells 'would be refused at connect (EPERM) by'
	run 1 guard explain "$work/guard.rules" --user 34 --group 5 --group 4
	tells 'guard.rules:2'
}

explain_refuses() {
	rules 'deny v1'
	refused 'expected one of --v1 and --v2' guard explain "$work/guard.rules" --v1 --v2
	refused 'expected one of --cgroup, --unit and --container' guard explain "$work/guard.rules" --unit a.service --container b
	refused 'expected a whole name' guard explain "$work/guard.rules" --unit nginx
	refused 'it is no endpoint' guard explain "$work/guard.rules" --address 192.0.2.1
}

# Every example of the manual is a good rule file that has no rules for nothing.
manual_examples_are_rules() {
	awk -v file="$work/example" '/^\.Bd -literal/ { n++; keep = 1; next } /^\.Ed/ { keep = 0 } keep { print > (file n) }' \
		man/imdsnitch-guard.5
	count=0
	for example in "$work"/example*; do
		grep -q '^imdsnitch guard' "$example" && continue
		# The users of the examples are those of others.
		sed 's/user backup/user 34/; s/user www-data/user 33/' "$example" >"$example.rules"
		run 0 guard check "$example.rules"
		count=$((count + 1))
	done
	[ "$count" -ge 5 ] || fail "there are only $count"
	man=man/imdsnitch-guard.5 man_is_clean
}

check guard/mistakes check_tells_mistakes
check guard/idle check_tells_what_does_nothing
"$program" guard status >/dev/null 2>&1 || check guard/hits check_without_guard
check guard/explain explain_says_why
check guard/explain-mistakes explain_refuses
check guard/manual manual_examples_are_rules
check guard/no-action refused "expected one of check, explain" guard
check guard/no-file refused "guard check: expected one FILE" guard check
