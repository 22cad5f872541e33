# SPDX-License-Identifier: Apache-2.0
"""inventory.py PROGRAM FILE: has imdsnitch-inventory write the inventory that tests/cli/guard_inventory.sh asks about.

A month ago: nginx with v1 (40 calls), a container for credentials, a name that means to move the cursor, a caller
nobody knows. A year ago: somebody who has gone since.
"""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import feed  # pylint: disable=wrong-import-position

DAY = 86400 * 10**9
WEB = {
    "version": b"v1", "class": b"metadata", "executable": b"/usr/sbin/nginx", "user_id": b"33", "user": b"www-data",
    "unit": b"nginx.service",
}
BOX = {
    "version": b"v2", "class": b"credentials", "executable": b"/app", "user_id": b"0", "user": b"root",
    "container": b"c" * 64, "path": b"/latest/meta-data/iam/security-credentials/role",
}
EVIL = {
    "version": b"v2", "class": b"metadata", "executable": b"/tmp/\x1b[2J\n\xff", "user_id": b"1000",
    "unit": b"user@1000.service",
}
NOBODY = {"version": b"v2", "class": b"metadata"}
GONE = {"version": b"v1", "class": b"user-data", "executable": b"/gone", "user_id": b"7", "unit": b"gone.service"}


def call(fields, age, number=0):
    known = {
        "action": b"imds-request", "provider": b"aws", "service": b"ec2", "verdict": b"observed", "outcome": b"success",
        "method": b"GET", "path": b"/latest/meta-data/%d" % number,
    }
    return feed.row({**known, **fields}, when=time.time_ns() - age * DAY)


def main(program, path):
    folder = os.path.dirname(path)
    os.chdir(folder)
    sink = feed.Program(program, "inventory", {"path": path})
    sink.calls(*(call(WEB, 30, i) for i in range(40)))
    sink.calls(call(BOX, 30), call(BOX, 29), call(EVIL, 30), call(EVIL, 29), call(NOBODY, 30), call(GONE, 360))
    sink.count(calls=46)
    if sink.end() != 0:
        sys.exit("\n".join(feed.errors()))


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
