# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2016 # a test's body is evaluated later
# What the guard refuses, and when: by who at connect, by what at the send that completes the request.

. "$HERE/guard.sh"

add guard-who '
	service_start
	rules "mode enforce" "deny user 65534" allow
	says EPERM as 65534 $SERVICE 80 connect
	says EPERM as 65534 $SERVICE6 80 connect
	says EPERM as 65534 ::ffff:$SERVICE 80 connect
	says connected as 65533 $SERVICE 80 connect
	says "status 200" asks $SERVICE one /latest/meta-data/ami-id
	says "status 200" as 65533 $SERVICE6 80 one /latest/meta-data/ami-id
	[ "$(guard_count denied)" = 3 ] || fail "$(guard_count denied) denied"
	unrelated; service_stop'

# A package is upgraded: the file behind the path is another one. Who was started before is still the one that is allowed.
add guard-exe-upgrade '
	service_start
	cp -L "$PYTHON" agent && cp agent agent.new
	rules "mode enforce" "allow exe $(pwd -P)/agent" deny
	in_client ./agent -SEBc "
import os, socket, time
open(\"agent.up\", \"w\").close()
while not os.path.exists(\"agent.go\"): time.sleep(0.02)
socket.create_connection((\"$SERVICE\", 80), 10)
print(\"connected\")" >old.out 2>&1 &
	old=$!
	until_true 10 test -e agent.up || fail "it does not start: $(cat old.out)"
	mv agent.new agent
	: >agent.go
	wait $old
	[ "$(cat old.out)" = connected ] || fail "who was started before: $(tail -1 old.out)"
	says connected in_client ./agent -SEB "$HERE/client/guarded.py" $SERVICE 80 connect
	cp agent other
	says EPERM in_client ./other -SEB "$HERE/client/guarded.py" $SERVICE 80 connect
	service_stop'

add guard-what '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	for address in $SERVICE $SERVICE6 ::ffff:$SERVICE; do
		says EACCES asks $address one /latest/user-data
		says "status 200" asks $address one /latest/meta-data/ami-id
	done
	[ "$(arrived)" = 3 ] || fail "the service received: $(cat service.log)"
	unrelated; service_stop'

add guard-version '
	service_start
	rules "mode enforce" "deny v1" allow
	says EACCES asks $SERVICE one /latest/meta-data/ami-id
	in_client curl -sS -m 20 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $URL/latest/api/token >token || fail "no token"
	in_client curl -sS -m 20 -H "$TOKEN_HEADER: $(cat token)" $URL/latest/meta-data/ami-id >out || fail "v2 fails"
	grep -q ^ami- out || fail "no answer: $(cat out)"
	service_stop'

add guard-split '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	asks $SERVICE split /latest/user-data >out 2>&1
	grep -q "let through at \[\]" out || fail "$(cat out)"
	says "$(printf "EACCES last\nthen EACCES")" asks $SERVICE bytes /latest/user-data
	says "status 200" asks $SERVICE bytes /latest/meta-data/ami-id
	service_stop'

add guard-pipeline '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	says "$(printf "2 requests, exactly\nthen EACCES\n[\047status 200\047, \047status 200\047]")" \
		asks $SERVICE pipeline /latest/meta-data/ami-id /latest/meta-data/ami-id /latest/user-data /latest/meta-data/ami-id
	[ "$(arrived)" = 2 ] || fail "the service received: $(cat service.log)"
	says "$(printf "0 requests, EACCES\nthen EACCES\n[]")" asks $SERVICE pipeline /latest/user-data /latest/meta-data/ami-id
	says "$(printf "status 200\nstatus 200\nEACCES\nEACCES")" asks $SERVICE keepalive \
		/latest/meta-data/ami-id /latest/meta-data/ami-id /latest/user-data /latest/meta-data/ami-id
	service_stop'

add guard-forms '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	cat >forms <<-EOT
		refused /latest/user-data
		refused /latest/user-data/
		refused /latest/user-data/more
		refused /latest/user-data?x=y
		refused /latest/user-data#x
		refused //latest//user-data
		refused /./latest/./user-data/.
		refused /latest/meta-data/../user-data
		refused /../../latest/user-data
		refused /latest/%%75ser-data
		refused /%%6c%%61test%%2fuser-data
		refused /latest/%%2e%%2e/latest/user-data
		refused /LATEST/User-Data
		refused http://imds/latest/user-data
		refused HTTP://imds:80//latest/user-data
		refused latest/user-data
		refused /latest/user-data\\\\x00
		passed /latest/user-datax
		passed /latest/user-dat
		passed /latest/meta-data/user-data
		passed /latest/user-data/../meta-data/ami-id
		passed /latest/%%2575ser-data
		passed /?/latest/user-data
	EOT
	sed -i "s/%%/%/g; s/\\\\\\\\/\\\\/g" forms
	sed -i "/x00/d" forms
	asks $SERVICE forms <forms >out 2>&1
	[ "$(cat out)" = "0 wrong" ] || fail "$(cat out)"
	service_stop'

add guard-long '
	service_start
	long=$(printf "%2100s" "" | tr " " a)
	rules "mode enforce" "$DENY_PATH" allow
	says EACCES asks $SERVICE one /latest/$long
	says EACCES asks $SERVICE head 20000 /latest/user-data
	says "status 200" asks $SERVICE head 20000 /latest/meta-data/ami-id
	rules "mode enforce" "allow path /latest/meta-data" deny
	says EACCES asks $SERVICE one /latest/$long
	rules "mode enforce" "deny user 65534" allow
	asks $SERVICE one /latest/$long >out
	grep -q ^status out || fail "a long path that no rule looks at: $(cat out)"
	service_stop'

add guard-unread '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	in_client "$ACT" no-http $SERVICE 80 >out 2>&1 && fail "what is no HTTP was sent"
	in_client "$ACT" tls $SERVICE 80 >out 2>&1 && fail "what is no HTTP was sent"
	says EACCES asks $SERVICE urgent /latest/user-data
	[ "$(arrived)" = 0 ] || fail "the service received: $(cat service.log)"
	[ "$(guard_count unread)" -gt 0 ] || fail "not counted"
	rules "mode enforce" "deny user 65534" allow
	in_client "$ACT" no-http $SERVICE 80 >out 2>&1
	service_stop'

add guard-ports '
	service_start
	SERVICE_PORT=8080 in_service "$STANDIN" -p other.pid $SERVICE:8080
	rules "mode enforce" "deny user 65534" "$DENY_PATH" allow
	says "$(printf "sendto: EPERM\nconnect: EPERM")" as 65534 $SERVICE 53 udp
	says "$(printf "sendto: EPERM\nconnect: EPERM")" as 65534 $SERVICE6 53 udp
	says "$(printf "sendto: sent\nconnect: sent")" as 65533 $SERVICE 53 udp
	says EPERM as 65534 $SERVICE 8080 connect
	says connected as 65533 $SERVICE 8080 connect
	says "status 200" as 65533 $SERVICE 8080 one /latest/user-data
	service_stop'

add guard-fastopen '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	for mode in fastopen fastopen-connect; do
		timeout $((3 * E2E_SLOW)) nsenter --net=/run/netns/$CLIENT_NS -- "$ACT" $mode $SERVICE 80 --path /latest/user-data >out 2>&1
	done
	! grep -q user-data service.log || fail "it was sent: $(cat service.log)"
	in_client "$ACT" fastopen $SERVICE 80 --path /latest/meta-data/ami-id >out 2>&1 || fail "an allowed one fails: $(tail -1 out)"
	[ "$(grep -c ami-id service.log)" = 2 ] || fail "the service received: $(cat service.log)"
	service_stop'

add guard-full-queue '
	service_start
	rules "mode enforce" "$DENY_PATH" allow
	asks $SERVICE nonblocking /latest/user-data >out 2>&1
	! grep -q user-data service.log || fail "it was sent: $(cat service.log)"
	service_stop'

add guard-audit '
	service_start
	rules "deny user 65534" "$DENY_PATH" allow
	says "status 200" asks $SERVICE one /latest/user-data
	says "status 200" as 65534 $SERVICE 80 one /latest/meta-data/ami-id
	says "$(printf "sendto: sent\nconnect: sent")" as 65534 $SERVICE 53 udp
	[ "$(guard_count denied)" = 0 ] || fail "something was refused"
	[ "$(guard_count would_deny)" -ge 4 ] || fail "would be denied: $(guard_count would_deny)"
	service_stop'

# Every way to write that act knows: none gets past.
for mode in one bytes writev sendmsg sendmmsg sendfile splice vmsplice zerocopy more cork mss uring uring-connect; do
	add "guard-write-$mode" '
		service_start
		rules "mode enforce" "$DENY_PATH" allow
		in_client "$ACT" '"$mode"' $SERVICE 80 --path /latest/user-data >out 2>&1
		status=$?
		[ $status -ne 77 ] || skip "$(tail -1 out)"
		[ $status -ne 0 ] || fail "the client was content"
		[ "$(arrived)" = 0 ] || fail "the service received: $(cat service.log)"
		service_stop'
done

# The table the unit tests ask: the kernel decides the same. Debian 11 lets nobody but root make user namespaces.
add guard-cases '
	[ -n "${IMDSNITCH-}" ] || skip "there is no guard without the program"
	[ -z "${E2E_VM-}" ] || [ ! -e /proc/sys/kernel/unprivileged_userns_clone ] || echo 1 >/proc/sys/kernel/unprivileged_userns_clone
	: >guard.on
	timeout $((60 * E2E_SLOW)) "$BUILD/tests/guard/ask" "$HERE/../guard/cases" "$BUILD/tests/guard/ask_caller" >out 2>&1 || fail "$(tail -2 out)"'

# Rules that have never matched, of those in force.
add guard-check-hits '
	service_start
	rules "mode enforce" "$DENY_PATH" "deny user 65534" "allow user 0" allow
	says EACCES asks $SERVICE one /latest/user-data
	says "status 200" asks $SERVICE one /latest/meta-data/ami-id
	"$IMDSNITCH" guard check --hits rules >out 2>&1
	[ $? -eq 1 ] || fail "rules that never matched are no finding: $(cat out)"
	[ "$(sed -n "s/^.*rules:\([0-9]*\): has not matched.*/\1/p" out | tr "\n" " ")" = "3 5 " ] || fail "it says: $(cat out)"
	says EACCES as 65534 $SERVICE 80 one /latest/meta-data/ami-id
	says "status 200" as 65533 $SERVICE 80 one /latest/meta-data/ami-id
	"$IMDSNITCH" guard check --hits rules >out 2>&1 || fail "all have matched: $(cat out)"
	service_stop'
