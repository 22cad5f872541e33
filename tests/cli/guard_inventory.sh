# shellcheck shell=sh disable=SC2154,SC2317 # variables of run; functions are called by check
# SPDX-License-Identifier: Apache-2.0
# Rules against the inventory, where the log does not reach: an inventory may be missing, damaged, or not to be read.

db=$work/inventory.db

# A log that begins today, or "$1" days ago.
log_of() {
	when=$(date -u -d "$1 days ago" +%Y-%m-%dT%H:%M:%S)
	sed -n 2p tests/golden/guard/calls.json |
		sed "s/\"@timestamp\":\"[^\"]*\"/\"@timestamp\":\"${when}Z\"/" >"$work/log.jsonl"
}

# asked STATUS RULES OPTION...
asked() {
	status=$1
	printf '%b' "$2" >"$work/asked.rules"
	shift 2
	run "$status" guard test --log "$work/log.jsonl" --inventory "$db" "$@" "$work/asked.rules"
}

# says TEXT: it is in the output.
says() { grep -qF -- "$1" "$work/out" || fail "\"$1\" is not in: $(cat "$work/out")"; }

inventory_made() {
	python3 tests/cli/inventory.py "$(dirname "$program")/imdsnitch-inventory" "$db"
	log_of 0
}

inventory_tests() {
	asked 1 'deny v1\n'
	says "before   $db"
	says 'rows     5 (46 calls), first seen before '
	says 'of them  2 allowed, 2 refused, 0 in doubt, 1 not judged'
	says 'not judged: 1 rows (1 calls), the inventory does not know the caller'
	says 'www-data(33) /usr/sbin/nginx unit nginx.service'
	says 'ec2 v1 metadata, last GET /latest/meta-data/39'
	says "by $work/asked.rules:1: deny v1"
	grep -q '^      40  ' "$work/out" || fail "it does not say how often: $(cat "$work/out")"
	[ ! -s "$work/err" ] || fail "stderr has: $(cat "$work/err")"
	asked 1 'deny user 33\n' --since 40d
	says 'rows     4 (45 calls)'
	asked 4 'allow\n'
	says 'of them  4 allowed, 0 refused'
}

inventory_doubts() {
	asked 4 'deny path /latest/meta-data/iam/info\n'
	says 'in doubt'
	says '(or not: the inventory does not have the path of every call)'
	asked 0 'allow\n' --since 708h
	asked 4 'deny group 5 container *\n' --since 708h
	says 'root(0) /app container cccc'
	says '(or not: the inventory does not have the group of every call)'
}

inventory_is_harmless() {
	asked 1 'deny user 1000\n'
	says '/tmp/\x1b[2J\n\xff'
	! grep -q "$escape" "$work/out" || fail "an escape sequence went to the terminal"
	asked 1 'deny exe /tmp/**\n'
	says 'deny exe'
	cp "$db" "$work/raw.db"
	python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("UPDATE callers SET user_name = char(27, 0, 10) || place, request = executable, place = char(27, 155)")' \
		"$work/raw.db"
	for option in '' --json; do
		# shellcheck disable=SC2086
		run 1 guard test --log "$work/log.jsonl" --inventory "$work/raw.db" $option "$work/deny.rules"
		! grep -q "$escape" "$work/out" || fail "an escape sequence went to the terminal with $option"
	done
}

inventory_json() {
	asked 1 'deny v1\nallow user 5 path /x\ndeny class credentials\n' --json
	python3 -c 'import json, sys
i = json.load(sys.stdin)["inventory"]
web, box = i["refusals"][0], [r for r in i["refusals"] if r.get("executable") == "/app"][0]
sys.exit(not (i["read"] and i["needed"] and i["all"] == {"rows": 5, "calls": 46} and i["refused"]["rows"] == 3
    and web["calls"] == 40 and web["user"]["name"] == "www-data" and web["rule"]["line"] == 1 and not web["in_doubt"]
    and box["rule"]["line"] == 3 and box["place_kind"] == "container"))' <"$work/out" ||
		fail "it says $(cat "$work/out")"
}

# Where the log has it all the inventory is not asked; it is not added up.
inventory_is_needless() {
	log_of 8
	asked 0 'deny user 33\n' --since 7d
	! grep -q '^before' "$work/out" || fail "it reads the inventory: $(cat "$work/out")"
	run 0 guard test --log "$work/log.jsonl" "$work/allow.rules"
	! grep -q '^before' "$work/out" || fail "it reads an inventory: $(cat "$work/out")"
	log_of 100
	asked 1 'deny v1\n'
	says 'rows     1 (1 calls)'
	log_of 0
}

inventory_refuses() {
	: >"$work/empty.db"
	cp "$db" "$work/later.db"
	python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.execute("PRAGMA user_version = 9"); db.close()' "$work/later.db"
	cp "$db" "$work/torn.db"
	dd if=/dev/urandom of="$work/torn.db" bs=4096 seek=1 count=100 conv=notrunc status=none
	for bad in empty:no\ inventory later:schema\ 9 torn:malformed; do
		run 2 guard test --log "$work/log.jsonl" --inventory "$work/${bad%%:*}.db" "$work/asked.rules"
		said "${bad#*:}"
	done
	refused '--inventory "0000' guard test --inventory "$(printf '%050000d' 0)" "$work/asked.rules"
	for bad in "$work/none.db" "$work" /dev/null ''; do
		refused "expected the database of an inventory" guard test --inventory "$bad" "$work/asked.rules"
	done
}

# in_empty STATUS ARGUMENT...: on a host with nothing of the service's, but for what is in $work/host.
in_empty() {
	want=$1
	shift
	status=0
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount -t tmpfs none /var/log && mount -t tmpfs none /var/lib && cp -r "$1"/. /var && shift &&
		exec "$@"' sh "$work/host" "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" = "$want" ] || fail "\`$*\` ends with $status, not $want: $(cat "$work/out" "$work/err")"
}

inventory_by_default() {
	mkdir -p "$work/host" "$work/alone"
	in_empty 2 "$program" guard test "$work/asked.rules"
	said 'neither the log /var/log/imdsnitch/calls.jsonl nor the inventory /var/lib/imdsnitch/inventory.db is there'
	mkdir -p "$work/host/log/imdsnitch" "$work/host/lib/imdsnitch"
	cp "$work/log.jsonl" "$work/host/log/imdsnitch/calls.jsonl"
	in_empty 0 "$program" guard test "$work/allow.rules"
	says 'before   /var/lib/imdsnitch/inventory.db: there is none; only the log was judged'
	cp "$db" "$work/host/lib/imdsnitch/inventory.db"
	in_empty 4 "$program" guard test "$work/allow.rules"
	says 'of them  4 allowed'
	cp "$program" "$work/alone/imdsnitch"
	in_empty 4 "$work/alone/imdsnitch" guard test "$work/allow.rules"
	says 'not judged: the program imdsnitch-inventory is not installed'
	in_empty 0 "$work/alone/imdsnitch" guard test --log "$work/log.jsonl" "$work/allow.rules"
	cp "$work/torn.db" "$work/host/lib/imdsnitch/inventory.db"
	in_empty 4 "$program" guard test "$work/allow.rules"
	says 'not judged, or not all of it: it cannot be read'
	rm "$work/host/log/imdsnitch/calls.jsonl"
	cp "$db" "$work/host/lib/imdsnitch/inventory.db"
	in_empty 1 "$program" guard test "$work/deny.rules"
	says 'history  /var/log/imdsnitch/calls.jsonl: there is none; only the inventory was judged'
	says 'rows     5 (46 calls), all there are'
}

inventory_program() {
	inventory=$(dirname "$program")/imdsnitch-inventory
	for arguments in --callers "--callers $db $db" --help; do
		status=0
		# shellcheck disable=SC2086
		"$inventory" $arguments </dev/null >"$work/out" 2>"$work/err" || status=$?
		[ "$status" = 2 ] || fail "it takes $arguments"
		said 'not by hand'
	done
}

check guard/inventory-made inventory_made
check guard/inventory inventory_tests
check guard/inventory-doubts inventory_doubts
check guard/inventory-harmless inventory_is_harmless
check guard/inventory-json inventory_json
check guard/inventory-needless inventory_is_needless
check guard/inventory-refuses inventory_refuses
check guard/inventory-default inventory_by_default
check guard/inventory-program inventory_program
