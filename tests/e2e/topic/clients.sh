# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The programs people use.

URL6="http://[$SERVICE6]"
CLIENTS=$HERE/client

curl_() {
	need curl
	both curl -s "$@"
}

wget_() {
	need wget
	both wget -q -O - --no-config "$@"
}

busybox_() {
	need busybox
	both busybox wget -q -O - "$@"
}

# A client of three requests: token, read with it, read without.
trio() {
	need "$1"
	REQUESTS=3
	both "$@"
}

java_() {
	need java
	# Not a compiler's output folder: the source is what is run.
	CHECK="--comm java" trio java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto "$CLIENTS/Client.java" "$URL"
}

add curl-v1 'curl_ "$URL/latest/meta-data/instance-id"'
add curl-v1-6 'curl_ -g "$URL6/latest/meta-data/instance-id"'
add curl-include 'curl_ -i "$URL/latest/meta-data/"'
add curl-head 'curl_ -I "$URL/latest/meta-data/mac"'
add curl-token "CHECK='--want imds.token.ttl=21600'
	curl_ -X PUT -H '$TOKEN_HEADER-ttl-seconds: 21600' \$URL/latest/api/token"
add curl-bad-token "curl_ -H '$TOKEN_HEADER: not-a-token' \$URL/latest/user-data"
add curl-two-urls 'REQUESTS=2; curl_ "$URL/latest/meta-data/mac" "$URL/latest/meta-data/ami-id"'
add curl-parallel 'REQUESTS=3; curl_ -Z -o a "$URL/latest/meta-data/mac" -o b "$URL/latest/user-data" -o c "$URL/latest/x"'
add curl-post 'curl_ -d "GET /latest/user-data HTTP/1.1" "$URL/latest/meta-data/"'
add curl-big-post 'head -c 300000 /dev/zero >body; curl_ --data-binary @body "$URL/latest/meta-data/"'
add curl-http10 'curl_ -0 "$URL/latest/meta-data/mac"'
add curl-refuse-v1 'SERVICE_OPTIONS=-2; curl_ "$URL/latest/meta-data/mac"'
add curl-timeout 'SERVICE_OPTIONS="-a silent" CLIENT_STATUS=28; curl_ -m 1 "$URL/latest/meta-data/mac"'
add curl-proxy 'curl_ --noproxy "" -x "$URL:80" "$URL/latest/meta-data/mac"'
add curl-ecs 'CHECK="--want imds.service=\"ecs\" --want imds.class=\"credentials\""
	curl_ http://169.254.170.2/v2/credentials/11111111-2222-3333-4444-555555555555'
add curl-eks 'CHECK="--want imds.service=\"eks-pod-identity\" --want imds.class=\"credentials\""
	curl_ -H "Authorization: SECRETMARKERpod" http://169.254.170.23/v1/credentials'
add curl-eks-6 'CHECK="--want imds.service=\"eks-pod-identity\""; curl_ -g "http://[fd00:ec2::23]/v1/credentials"'
add shell-script 'need curl; REQUESTS=2 CHECK=--child; both sh "$CLIENTS/client.sh" "$URL"'
add wget-v1 'wget_ "$URL/latest/meta-data/instance-id"'
add wget-v2 'CLIENT_STATUS=6; wget_ --header "$TOKEN_HEADER: wrong" "$URL/latest/meta-data/mac"'
add wget-v1-6 'wget_ "$URL6/latest/meta-data/instance-id"'
add busybox-v1 'busybox_ "$URL/latest/meta-data/instance-id"'
add busybox-token-in-argv "CLIENT_STATUS=1; busybox_ --header '$TOKEN_HEADER: wrong' \$URL/latest/meta-data/mac"
add bash-tcp 'need bash; both bash "$CLIENTS/client.bash" "$SERVICE"'
add python-urllib 'trio /usr/bin/python3 -S "$CLIENTS/client.py" urllib "$SERVICE"'
add python-http-client 'trio /usr/bin/python3 -S "$CLIENTS/client.py" http "$SERVICE"'
add node 'trio node "$CLIENTS/client.js" "$URL"'
add java java_
