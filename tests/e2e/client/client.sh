# SPDX-License-Identifier: Apache-2.0
# The way of every shell script: the token in a variable, then on the command line.
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 21600' "$1/latest/api/token")
curl -s -H "X-aws-ec2-metadata-token: $token" "$1/latest/meta-data/instance-id"
