#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""holds.py FILE NETNS EXPRESSION: whether something holds for our events; prints them when not.

The expression knows calls, connects, stats (lists of events) and values(NAME): that field of every call.
"""
import json
import sys

from check import get, is_ours


def main(argv):
    """What does not hold, and events, or nothing."""
    path, netns, expression = argv
    with open(path, encoding="utf-8") as f:
        events = [json.loads(line) for line in f]
    ours = [e for e in events if is_ours(e, int(netns), set())]
    calls = [e for e in ours if get(e, "event.action") == "imds-request"]
    names = {
        "calls": calls,
        "connects": [e for e in ours if get(e, "event.action") == "imds-connect"],
        "stats": [e for e in events if get(e, "event.action") == "imds-stats"],
        "values": lambda name: [get(e, name) for e in calls],
        "get": get,
    }
    if eval(f"({expression})", names):
        return []
    return [json.dumps(e)[:1500] for e in ours[:5]] + [f"does not hold: {expression}"]


if __name__ == "__main__":
    found = main(sys.argv[1:])
    print(*found, sep="\n")
    sys.exit(1 if found else 0)
