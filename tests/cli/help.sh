# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# Help, man page and tables say the same.

# "--name ARGUMENT" for each option of a command, from its help.
help_options() {
	"$program" "$1" --help | awk '/^  --/ { print $1 (match($0, /^  [^ ]+ [^ ]/) ? " " $2 : "") }' | sort
}

# The same from the man page: the options below the headings given.
man_options() {
	mandoc -Tascii -Owidth=200 "$man" 2>/dev/null | sed "s/.$backspace//g" | awk -v wanted=" $* " '
		/^[A-Z]/ { heading = "" }
		/^   [^ ]/ { heading = $1 }
		/^     --[a-z-]+( [A-Z]+[^ ]*)?(  |$)/ && index(wanted, " " heading " ") {
			sub(/^ */, "")
			split($0, column, /  +/)
			print column[1]
		}' | sort
}

man_has_options() {
	shared=
	"$program" "$1" --help | grep -q '^  --format ' && shared=Options
	help_options "$1" >"$work/help"
	man_options "$1" "$shared" All >"$work/man"
	[ -s "$work/help" ] || fail "the help names no options"
	diff "$work/help" "$work/man" >"$work/diff" ||
		fail "help (<) and man page (>) differ: $(grep '^[<>]' "$work/diff" | tr '\n' ' ')"
}

man_has_commands() {
	commands >"$work/commands"
	sed -n '/^\.Sh SYN/,/^\.Sh DESC/s/^\.Cm //p' "$man" | sort >"$work/synopsis"
	sed -n 's/^\.Ss \([a-z]*\)$/\1/p' "$man" | sort >"$work/sections"
	sort "$work/commands" | diff - "$work/synopsis" || fail "the synopsis has other commands than --help"
	sort "$work/commands" | diff - "$work/sections" || fail "the man page describes other commands than --help"
}

# Whether a manual this one refers to is installed here is no matter.
man_is_clean() {
	! mandoc -Tlint "$man" 2>&1 | grep -v 'referenced manual not found\|outdated mandoc.db'
}

man_is_for_this_version() {
	version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
	run 0 --version
	[ "$(cat "$work/out")" = "imdsnitch $version" ] || fail "--version says $(cat "$work/out"), meson.build $version"
}

help_is_readable() {
	run 0 "$@" --help
	[ -s "$work/out" ] || fail "nothing on stdout"
	[ ! -s "$work/err" ] || fail "something on stderr"
	awk 'length > 80 { print; bad = 1 } END { exit bad }' "$work/out" || fail "a line is longer than 80 columns"
	! grep -q "$(printf '\t')" "$work/out" || fail "there is a tab"
	cp "$work/out" "$work/long"
	run 0 "$@" -h
	cmp -s "$work/out" "$work/long" || fail "-h and --help differ"
}

# completed WORD...: what bash offers for the last one.
completed() {
	PATH=$(dirname "$program"):$PATH bash -c '. completions/imdsnitch.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _imdsnitch && echo "${COMPREPLY[*]}"' bash "$@"
}

completes() {
	[ "$(completed imdsnitch '' | tr ' ' '\n' | grep -v -e - | sort)" = "$(commands | sort)" ] ||
		fail "it offers other commands: $(completed imdsnitch '')"
	[ "$(completed imdsnitch watch --for)" = --format ] || fail "it does not know --format"
	[ "$(completed imdsnitch watch --format j)" = json ] || fail "it does not know json"
	[ "$(completed imdsnitch replay READ)" = README.md ] || fail "it does not know files"
	[ "$(completed imdsnitch service '')" = 'install uninstall status' ] || fail "it does not know actions"
	help_options watch | sed 's/ .*//' | sort >"$work/offered"
	completed imdsnitch watch -- | tr ' ' '\n' | sort | diff - "$work/offered" || fail "it offers other options than --help"
}

# "SECTION key default" for each key of the configuration, "-" where it has none, as the program has them.
program_keys() {
	"$program" serve --defaults | awk '/^; \[/ { section = toupper(substr($2, 2, length($2) - 2)) }
		/^; [a-z_]+ = / && $2 != "enabled" { print section, $2, $4 == ";" ? "-" : $4 }' | sort
}

# The same from the manual page.
manual_keys() {
	awk '/^\.Sh / { section = $2; key = "" }
		/^\.It Cm [a-z_]+ No = / { key = $3; if (key != "enabled") value[section " " key] = "-" }
		/^Default:$/ { getline; if ($1 == ".Ql" || $1 == ".Pa") value[section " " key] = $2 }
		END { for (k in value) print k, value[k] }' man/imdsnitch.conf.5 | sort
}

man_has_keys() {
	program_keys >"$work/program"
	manual_keys >"$work/manual"
	[ "$(wc -l <"$work/program")" -gt 20 ] || fail "the program has only $(wc -l <"$work/program") keys"
	# What follows from other keys, or from the machine, has its default in words; groups share one with the user.
	diff "$work/program" "$work/manual" | grep '^[<>]' | grep -v ' LOG path \| SERVICE user \| INVENTORY ca ' >"$work/diff"
	[ ! -s "$work/diff" ] || fail "program (<) and manual (>) differ: $(tr '\n' ' ' <"$work/diff")"
	man=man/imdsnitch.conf.5 man_is_clean
}

# What is printed is a configuration, and so it is without its comments.
defaults_are_a_configuration() {
	run 0 serve --defaults
	cp "$work/out" "$work/defaults.conf"
	run 0 serve --check --config "$work/defaults.conf"
	sed -n 's/^; \(\[.*\]\)/\1/p; s/^; \([a-z_]* = [^;]*[^; ]\) *;.*/\1/p' "$work/out" >/dev/null
	sed 's/^; //; /^[a-z_]* = *;/d; s/^listen = none/listen = 127.0.0.1:9000/; s/^rules = .*/rules = none/' "$work/defaults.conf" >"$work/full.conf"
	run 0 serve --check --config "$work/full.conf"
	grep -q '5 sinks' "$work/err" || fail "not every sink is there: $(cat "$work/err")"
}

# Every mistake with its line, none twice, and nothing is started.
check_says_all() {
	printf '[log]\nkeep = x\n[lgo]\nwhatever\n[syslog]\nto = y\nkey = /k\n' >"$work/bad.conf"
	run 2 serve --check --config "$work/bad.conf"
	for line in 2 3 6 5; do
		[ "$(grep -c "bad.conf:$line: " "$work/err")" -eq 1 ] || fail "line $line is not told: $(cat "$work/err")"
	done
	[ "$(wc -l <"$work/err")" -eq 4 ] || fail "it says $(wc -l <"$work/err") lines"
	run 2 serve --config "$work/bad.conf"
	run 2 serve --check --config "$work/none.conf"
	[ -e /etc/imdsnitch/imdsnitch.conf ] || run 0 serve --check
	[ -e /etc/imdsnitch/imdsnitch.conf ] || grep -q 'is not there' "$work/err" || fail "it says: $(cat "$work/err")"
}

# The rules of the guard are checked with it.
check_says_rules() {
	printf '[guard]\nrules = %s/guard.rules\n' "$work" >"$work/guard.conf"
	printf 'mode audit\nallow usr root\ndeny v3\n' >"$work/guard.rules"
	run 2 serve --check --config "$work/guard.conf"
	for place in 2:7 3:6; do
		[ "$(grep -c "guard.rules:$place: " "$work/err")" -eq 1 ] || fail "$place is not told: $(cat "$work/err")"
	done
	printf 'mode audit\nallow user root\n' >"$work/guard.rules"
	run 0 serve --check --config "$work/guard.conf"
	grep -q 'guard.rules is fine: 1 rules' "$work/err" || fail "it does not count rules: $(cat "$work/err")"
	rm "$work/guard.rules"
	run 2 serve --check --config "$work/guard.conf"
}

check man-keys man_has_keys
check defaults defaults_are_a_configuration
check check check_says_all
check check-rules check_says_rules
for command in $(commands); do
	check "help/$command" help_is_readable "$command"
	check "man-options/$command" man_has_options "$command"
done
check help help_is_readable
check man-commands man_has_commands
check man-lint man_is_clean
check version man_is_for_this_version
check completion completes
