# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The command line: filters, ends, formats, recordings. All calls are made, and watched, as a user of this run's own.

CLI_USER=$((64000 + $$ % 1000))

cli_ready() { grep -q '^imdsnitch: watching' "$1.err" || gone "$(cat "$1.pid")"; }

# cli_watch NAME [options]: a tracer of our user's calls; stdout goes to NAME.out.
cli_watch() {
	[ -n "${IMDSNITCH-}" ] || skip "needs the tracer"
	name=$1
	shift
	"$IMDSNITCH" watch --user $CLI_USER --ring-size 16M "$@" >"$name.out" 2>"$name.err" &
	echo $! >"$name.pid"
	until_true 20 cli_ready "$name" || fail "the tracer does not get ready: $(tail -1 "$name.err")"
	gone "$(cat "$name.pid")" && fail "the tracer ended at once: $(tail -1 "$name.err")"
	return 0
}

# cli_ended NAME STATUS: it ends by itself; cli_unwatch NAME STATUS: it is told to.
cli_ended() {
	until_true 20 gone "$(cat "$1.pid")" || fail "$1 does not end"
	status=0
	wait "$(cat "$1.pid")" || status=$?
	rm "$1.pid"
	case $status-$2 in
	"$2-$2") ;;
	4-0) grep -Eq '(lost|truncated|evicted)(":| )[1-9]|[1-9][0-9]* (lost|truncated|evicted)' "$1.out" ||
		fail "$1 ended with 4 and says of nothing that it was lost" ;;
	*) fail "$1 ended with $status, not $2: $(tail -1 "$1.err")" ;;
	esac
}

cli_unwatch() {
	kill -INT "$(cat "$1.pid")"
	cli_ended "$1" "$2"
}

cli_as_user() {
	in_client setpriv --reuid $CLI_USER --regid $CLI_USER --clear-groups -- "$@" >>answers
}

cli_call() {
	mode=$1
	shift
	cli_as_user "$ACT" "$mode" "$SERVICE" 80 "$@" || fail "act $mode failed"
}

# Six requests and a connection without one.
cli_scene() {
	need setpriv
	cli_call one
	cli_call one --token SECRETMARKERwrong
	cli_call put-ttl --count 60
	cli_call one --path /latest/meta-data/iam/security-credentials/demo-role
	cli_as_user "$ACT" one 169.254.170.2 80 --path /v2/credentials/x
	cli_call abort --path '/latest/meta-data/?delay=500'
	cli_call silent
}

cli_lines() {
	seen=$(grep -c "$2" "$1")
	[ "$seen" -eq "$3" ] || fail "$1: $seen lines with $2, not $3"
}

# cli_filtered EVENTS OPTIONS…: with these filters so many events of the scene are left.
cli_filtered() {
	number=$((number + 1))
	expected=$1
	shift
	cli_watch filter$number --format json "$@"
	eval "expected_$number=\$expected filter_$number=\"\$*\""
}

cli_filters_hold() {
	service_start
	cli_scene
	sleep 0.1
	while [ "$number" -gt 0 ]; do
		cli_unwatch filter$number 0
		eval "expected=\$expected_$number filter=\$filter_$number"
		seen=$(grep -Ec '"action":"imds-(request|connect)"' filter$number.out)
	# shellcheck disable=SC2154 # set by the loop of the caller
		[ "$seen" -eq "$expected" ] || fail "$filter: $seen events, not $expected"
		number=$((number - 1))
	done
	service_stop
}

add cli-filter-version 'number=0; cli_filtered 3 --version v1; cli_filtered 2 --version v2; cli_filtered 5 --version v1 --version v2
	cli_filters_hold'
add cli-filter-class 'number=0; cli_filtered 2 --class credentials; cli_filtered 1 --class token; cli_filtered 7
	cli_filtered 1 --class credentials --service ecs; cli_filters_hold'
add cli-filter-status 'number=0; cli_filtered 1 --status 401; cli_filtered 1 --status 4xx; cli_filtered 1 --status 400-499
	cli_filtered 4 --status 200; cli_filters_hold'
add cli-filter-program 'number=0; cli_filtered 7 --program "a?t"; cli_filtered 0 --program "c*"; cli_filtered 7 --program "*/act"
	cli_filtered 0 --container 0123456789ab; cli_filters_hold'
add cli-filter-pid 'number=0; service_start; need setpriv
	cli_as_user sh -c "until [ -e go ]; do sleep 0.05; done; exec \"\$@\"" sh "$ACT" one "$SERVICE" 80 &
	client=$!
	until_true 5 pgrep -u $CLI_USER -x sh || fail "no client"
	pid=$(pgrep -u $CLI_USER -x sh)
	cli_watch mine --format json --pid "$pid"; cli_watch other --format json --pid 1
	: >go; wait $client || fail "the client failed"
	cli_unwatch mine 0; cli_unwatch other 0
	cli_lines mine.out imds-request 1; cli_lines other.out imds-request 0; service_stop'

add cli-count 'need setpriv; service_start; cli_watch w --format json --count 2
	cli_call one; cli_call one; cli_call one
	cli_ended w 0; cli_lines w.out imds-request 2; service_stop'
add cli-duration 'cli_watch w --format json --duration 1s; cli_ended w 0; cli_lines w.out imds-stats 2'
add cli-fail-on 'need setpriv; service_start
	cli_watch v1 --fail-on v1; cli_watch any --fail-on any; cli_watch credentials --fail-on credentials; cli_watch both --fail-on v1 --fail-on credentials
	cli_call put-ttl --count 60
	cli_unwatch any 1; cli_unwatch v1 0
	cli_watch v1 --fail-on v1
	cli_call one
	cli_unwatch v1 1; cli_unwatch credentials 0; cli_unwatch both 1; service_stop'
add cli-fail-on-filtered 'need setpriv; service_start; cli_watch w --fail-on v1 --class credentials
	cli_call one
	cli_unwatch w 0; service_stop'

# No colour outside a terminal; no secret in any format, nor on stderr.
add cli-formats 'service_start; cli_watch text; cli_watch aws --format aws; cli_watch json --format json
	cli_scene
	cli_unwatch text 0; cli_unwatch aws 0; cli_unwatch json 0
	service_stop
	grep -q "$(printf "\033")" text.out && fail "escape sequences in a file"
	cli_lines text.out " v1 .*200.*GET /latest/meta-data/instance-id" 1
	cli_lines text.out " v2 .*401.*GET" 1; cli_lines text.out "v2 .*200 .*PUT /latest/api/token" 1
	cli_lines text.out "imdsnitch" 0
	cli_lines aws.out "^\[....-..-..T..:..:..\] \[WARNING\] IMDSv1(!) (pid:[0-9]*:act argv:/.*/act " 3
	cli_lines aws.out "\[INFO\] IMDSv2 (pid:" 2
	cli_lines aws.out " called by -> (pid:.*Req details: .* HTTP/1.1, " 6
	cli_lines aws.out "X-aws-ec2-metadata-token: \*\*token redacted\*\*, " 1
	cli_lines json.out imds-request 6
	grep -l SECRET ./*.out ./*.err && fail "a secret is shown"; true'

# What replay knows is what the kernel said; the rest came from /proc.
add cli-record 'service_start; cli_watch w --format json --record w.rec
	cli_scene
	cli_unwatch w 0; service_stop
	[ "$(stat -c %a w.rec)" = 600 ] || fail "mode $(stat -c %a w.rec)"
	"$IMDSNITCH" replay --user $CLI_USER --format json w.rec >replayed.out
	case $? in 0 | 4) ;; *) fail "replay failed" ;; esac
	"$PYTHON" -SEB "$HERE/same.py" w.out replayed.out >&2 || fail "replay gives other events"
	grep -q SECRET replayed.out && fail "a secret is shown"; true'
add cli-two-tracers 'service_start; cli_watch a --format json; cli_watch b --format json
	cli_scene
	cli_unwatch a 0; cli_call one; cli_unwatch b 0; service_stop
	cli_lines a.out imds-request 6; cli_lines b.out imds-request 7
	sed -i "\$d" b.out; "$PYTHON" -SEB "$HERE/same.py" a.out b.out --first >&2 || fail "they saw different calls"'
add cli-stats 'cli_watch w --format json --stats 1s; sleep 2.5; cli_unwatch w 0
	holds "len(stats) >= 4 and stats[-1][\"imds\"][\"stats\"][\"attached_seconds\"] >= 2 and
		stats[-1][\"imds\"][\"stats\"][\"denied\"] == 0" w.out'

add cli-doctor '"$IMDSNITCH" doctor >out 2>err || fail "doctor: $(cat out)"
	grep -q "watch can run here" out || fail "$(cat out)"; grep -q " NO " out && fail "$(cat out)"; test ! -s err'
add cli-demo 'timeout -k 5 $((60 * E2E_SLOW)) "$IMDSNITCH" demo >out 2>err
	status=$?
	[ $status -eq 0 ] || [ $status -eq 4 ] || fail "demo ended with $status: $(tail -1 err)"
	cli_lines out " v1 .*GET /latest/meta-data/instance-id" 1
	grep -q "fd00:ec2::254\|hostname" out || fail "nothing over IPv6"
	grep -q SECRET out err && fail "a secret is shown"
	ip netns list | grep -q demo && fail "a namespace is left"; true'
for options in '--format xml' '--version v3' '--count 0' '--nonsense' '--status 99999' '--duration 5x' 'argument'; do
	add "cli-bad$(echo "$options" | tr ' ' '-')" "\"\$IMDSNITCH\" watch $options >out 2>err; status=\$?
		[ \$status -eq 2 ] || fail \"status \$status\"; test ! -s out || fail 'something on stdout'
		[ \$(wc -l <err) -eq 1 ] || fail \"\$(cat err)\""
done
