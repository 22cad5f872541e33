# SPDX-License-Identifier: Apache-2.0
"""A token, a read with it, a read without: `urllib` opens a connection each, `http` keeps one alive."""
import http.client
import sys
import urllib.request

TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


def with_urllib(host):
    def ask(method, path, headers):
        request = urllib.request.Request(f"http://{host}{path}", method=method, headers=headers)
        return urllib.request.urlopen(request).read().decode()

    return ask


def with_http_client(host):
    connection = http.client.HTTPConnection(host, 80)

    def ask(method, path, headers):
        connection.request(method, path, headers=headers)
        return connection.getresponse().read().decode()

    return ask


ask = {"urllib": with_urllib, "http": with_http_client}[sys.argv[1]](sys.argv[2])
token = ask("PUT", "/latest/api/token", TTL)
print(ask("GET", "/latest/meta-data/mac", {"X-aws-ec2-metadata-token": token}))
print(ask("GET", "/latest/meta-data/instance-id", {}))
