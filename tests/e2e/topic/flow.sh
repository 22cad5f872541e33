# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Many requests on one connection, many connections.

add flow-pipeline-2 'REQUESTS=2; act pipeline --count 2'
add flow-pipeline-50 'REQUESTS=50; act pipeline --count 50'
add flow-pipeline-mixed 'REQUESTS=19; act pipeline-mixed --count 9'
add flow-pipeline-slow 'REQUESTS=5; act pipeline --count 5 --path "/latest/meta-data/mac?delay=20"'
add flow-keepalive 'REQUESTS=20; act keepalive --count 20'
add flow-keepalive-6 'REQUESTS=20; act6 keepalive --count 20'
add flow-keepalive-slow 'REQUESTS=3; act keepalive --count 3 --path "/latest/meta-data/mac?delay=50"'
add flow-session 'REQUESTS=2; act session'
add flow-burst 'REQUESTS=700; act burst'
add flow-burst-pieces 'REQUESTS=2118; act burst --size 200000 --at 1371'
add flow-connections 'REQUESTS=50; act connections --count 50'
add flow-load 'REQUESTS=2000; act load --concurrency 16 --count 2000'
