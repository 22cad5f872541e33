# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# Every mistake one can make on the command line: status 2, one line that names the thing, nothing on stdout.

# A value that is wrong for an option. Options that take any text have none here, but a test of their own.
bad_value() {
	case $1 in
	--format) echo xml ;;
	--output) echo "$work" ;;
	--version) echo v3 ;;
	--class) echo tokens ;;
	--pid) echo -1 ;;
	--user) echo 99999999999 ;;
	--program | --unit) echo '' ;;
	--container) [ "$2" = guard ] && echo a/b || echo abc ;;
	--status) echo 4x ;;
	--service) echo ec3 ;;
	--endpoint) echo 169.254.169 ;;
	--provider) echo amazon ;;
	--count) echo 0 ;;
	--fail-on) echo v2 ;;
	--duration | --stats) echo 5x ;;
	--ring-size) echo 3M ;;
	--record) echo "$work/exists" ;;
	--config) echo "$work/none.conf" ;;
	--socket) echo status.sock ;;
	--exe | --cgroup | --header) echo x ;;
	--address) echo 169.254.169 ;;
	--group) echo 99999999999 ;;
	--method | --path) echo 'a b' ;;
	--log) echo "$work/none.jsonl" ;;
	--inventory) echo "$work/none.db" ;;
	--since) echo 5x ;;
	*) return 1 ;;
	esac
}

refuses_bad_values() {
	: >"$work/exists"
	operand=
	[ "$1" = replay ] && operand=/dev/null
	help_options "$1" | while read -r option argument; do
		[ -n "$argument" ] || {
			[ "$option" = --help ] || refused "$option takes no value" "$1" "$option=yes"
			continue
		}
		bad=$(bad_value "$option" "$1") || fail "this test knows no bad value for $option"
		# shellcheck disable=SC2086
		refused "${bad:-$option}" "$1" $operand "$option" "$bad"
		# shellcheck disable=SC2086
		refused "${bad:-$option}" "$1" $operand "$option=$bad"
		[ "$(grep -o -e "$option" "$work/err" | wc -l)" -le 1 ] || fail "the option is said twice: $(cat "$work/err")"
		# shellcheck disable=SC2086
		refused "$option needs a value" "$1" $operand "$option"
	done
}

refuses_words() {
	refused "unknown option --no-such" "$1" --no-such
	refused "unknown option --no-such" "$1" --no-such=1
	refused "unknown option -x" "$1" -x
	refused "unknown option --" "$1" --=
	case $1 in
	replay) ;;
	guard)
		refused "expected one of check, explain, test, suggest, apply" guard surplus
		refused "expected one of check, explain, test, suggest, apply" guard -- --json
		refused "guard suggest: expected no further words" guard suggest surplus
		refused "guard test: expected one FILE at most" guard test a b
		refused "guard apply: expected one FILE" guard apply
		;;
	service)
		refused "expected one of install, uninstall, status" service surplus
		refused "expected one of install, uninstall, status" service -- --purge
		;;
	*)
		refused "unexpected argument surplus" "$1" surplus
		refused "unexpected argument --format" "$1" -- --format
		;;
	esac
}

refuses_numbers() {
	for value in '' 0 -1 1.5 9x ' 1' 0x10 99999999999999999999 3651d; do
		refused --duration watch --duration "$value"
		refused --stats watch --stats "$value"
	done
	for value in '' 0 -1 1.5 99999999999999999999; do refused --count watch --count "$value"; done
	for value in '' 0 1 32K 3M 512M 16E; do refused --ring-size watch --ring-size "$value"; done
	for value in '' :80 1.2.3.4: 1.2.3.4:0 1.2.3.4:65536 '[::1' '[::1]x' ::g 1.2.3.4=none; do
		refused --endpoint watch --endpoint "$value"
	done
	for value in '' 4000 5-4 x-5 4xy -; do refused --status watch --status "$value"; done
}

# A long word is cut, an evil one is disarmed, and the line stays one.
refuses_evil_words() {
	refused "unknown option" watch "--$(printf '%05000d' 0)"
	refused "unknown command" "$(printf 'a\nb\033[31m')"
	! grep -q "$escape" "$work/err" || fail "an escape sequence went to the terminal"
}

for command in $(commands); do
	check "bad-values/$command" refuses_bad_values "$command"
	check "bad-words/$command" refuses_words "$command"
done
check bad-numbers refuses_numbers
check bad-words/evil refuses_evil_words
check no-command refused "which command?"
check unknown-command refused "unknown command wacth" wacth
check unknown-option refused "unknown option --wacth" --wacth
check replay-without-file refused "expected one FILE" replay
check service-without-action refused "expected one of install, uninstall, status" service
check service-two-actions refused "expected one of install, uninstall, status" service install status
check service-purge-elsewhere refused "--purge is for uninstall" service install --purge
check replay-two-files refused "expected one FILE" replay /dev/null /dev/null
