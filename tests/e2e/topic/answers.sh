# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the service answers: paired with its request, and what is taken out of it.

# asked BEHAVIOUR: one request answered so.
asked() {
	act one --path "/latest/meta-data/mac?$1"
}

ROLE=/latest/meta-data/iam/security-credentials/demo-role
KEY='ASIAEXAMPLESTANDIN01'

add answers-slow 'asked delay=300
	holds "250e6 < values(\"event.duration\")[0] < 250e6 + 2e9 * $E2E_SLOW"'
add answers-pipelined-slow 'REQUESTS=4; act pipeline --count 4 --path "/latest/meta-data/mac?delay=100"
	holds "values(\"event.duration\") == sorted(values(\"event.duration\")) and values(\"event.duration\")[3] > 350e6"'
for behaviour in interim=1 interim=3 chunked 'chunked&size=100000' undelimited size=1 drip=1 'drip=7&chunked' close \
	garbage reset cut=1 cut=12 cut=60 cut=130 'cut=3000&size=10000' 'cut=3000&size=10000&chunked' \
	status=204 status=304 status=404 status=500 'interim=2&chunked&drip=3'; do
	add "answers-$(echo "$behaviour" | tr '=&' '--')" "asked '$behaviour'"
done
add answers-huge 'TRACER_OPTIONS="--ring-size 64M"; asked size=20000000'
add answers-pipelined-mixed 'REQUESTS=6; act keepalive --count 6 --path "/latest/meta-data/mac?chunked&interim=1&drip=11"'

# The key's id, its expiration and the role are kept; the secrets are nowhere: check.py looks for them everywhere.
credentials() {
	holds "values('imds.credentials.access_key_id') == ['$KEY'] and values('imds.class') == ['credentials'] and \
		values('imds.credentials.expiration') == ['2036-11-22T18:00:00Z']"
}

add answers-credentials 'CHECK="--want event.kind=\"alert\" --want imds.credentials.role=\"demo-role\""
	act one --path "$ROLE" && credentials'
add answers-credentials-chunked 'act one --path "$ROLE?chunked&drip=9" && credentials'
add answers-credentials-undelimited 'act one --path "$ROLE?undelimited" && credentials'
add answers-credentials-ecs 'both "$ACT" one 169.254.170.2 80 --path /v2/credentials/x && credentials'
add answers-credentials-eks 'both "$ACT" one 169.254.170.23 80 --path /v1/credentials && credentials'
add answers-credentials-cut 'CHECK="--absent imds.credentials.access_key_id"; act one --path "$ROLE?cut=300"'
add answers-credentials-refused 'CHECK="--absent imds.credentials"; act one --path "$ROLE" --token SECRETMARKERwrong'

add answers-hop-limit 'SERVICE_OPTIONS="-t ttl=3" CHECK="--want imds.hop_limit=3"; act put-ttl --count 60'
add answers-hop-limit-6 'SERVICE_OPTIONS="-t ttl=2" CHECK="--want imds.hop_limit=2"; act6 put-ttl --count 60'

# caused CAUSE: of the last call.
caused() {
	holds "values('imds.cause')[-1] == '$1' and values('imds.version')[-1] == 'v1'"
}

fallback() {
	both "$PYTHON" -S "$HERE/client/fallback.py" "$SERVICE" "$@"
}

add answers-cause-no-token-support 'act one && caused no-token-support'
add answers-cause-token-refused 'REQUESTS=2 SERVICE_OPTIONS="-t status=403"; fallback 5 && caused token-refused'
add answers-cause-token-unanswered 'REQUESTS=2 SERVICE_OPTIONS="-t silent"; fallback 1 && caused token-unanswered'
add answers-cause-token-reset 'REQUESTS=2 SERVICE_OPTIONS="-t reset"; fallback 5 && caused token-unanswered'
add answers-cause-token-granted 'REQUESTS=2; fallback 5 && caused unknown'
# A process that is older than the tracer may have asked for a token before.
add answers-cause-older-process '[ -n "$IMDSNITCH" ] || skip "needs the tracer"; service_start
	client "$PYTHON" -S "$HERE/client/fallback.py" "$SERVICE" 5 go >old.out &
	old=$!
	until_true 5 test -s client.pid || fail "the client does not start"
	sleep 0.1
	tracer_start
	: >go
	wait $old || fail "the client failed"
	tracer_stop
	caused unknown'
# The token of a script stands on curl's command line.
add answers-token-in-argv 'need curl; REQUESTS=2 CHECK=--child; both sh "$HERE/client/client.sh" "$URL"
	holds "\"X-aws-ec2-metadata-token: **token redacted**\" in get(calls[1], \"process.args\") and \
		\"SECRET\" not in str(calls)"'
