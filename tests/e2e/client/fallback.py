# SPDX-License-Identifier: Apache-2.0
# As SDKs do it: asks for a token, and goes on without one when there is none. Waits for a file to appear, if named.
import os
import sys
import time
from http.client import HTTPConnection

host, timeout = sys.argv[1], float(sys.argv[2])
while len(sys.argv) > 3 and not os.path.exists(sys.argv[3]):
    time.sleep(0.02)


def ask(method, path, headers):
    c = HTTPConnection(host, timeout=timeout)
    try:
        c.request(method, path, headers=headers)
        return c.getresponse().read()
    except OSError:
        return b"no answer\n"
    finally:
        c.close()


if len(sys.argv) <= 3:
    ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
sys.stdout.buffer.write(ask("GET", "/latest/meta-data/mac", {}))
