# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Requests of awkward content.

for mode in lower upper mixed no-space bare-lf leading-crlf empty-token token-twice in-value in-name in-query in-agent \
	http10 http10-token absolute put-no-ttl put-dated folded auth big long-line long-path controls http09 \
	bad-version bad-method; do
	add "bytes-$mode" "act $mode"
done
for mode in http10-keep head options body-length body-chunked expect; do
	add "bytes-$mode" "REQUESTS=2; act $mode"
done
add bytes-big-token "act big --token $TOKEN0"
add bytes-forwarded 'CHECK="--want imds.forwarded=true"; act forwarded'
add bytes-put-forwarded 'CHECK="--want imds.forwarded=true"; act put-forwarded'
for ttl in 0 1 21600 21601; do
	add "bytes-put-ttl-$ttl" "CHECK='--want imds.token.ttl=$ttl'; act put-ttl --count $ttl"
done
# No complete request head of HTTP: a connection is all there was.
for mode in no-http tls noise; do
	add "bytes-$mode" "REQUESTS=0 CHECK='--connects 1'; act $mode"
done
add bytes-endless "REQUESTS=0 TRACER_OPTIONS='--ring-size 16M' CHECK='--connects 1'; act endless"
