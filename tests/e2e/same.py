#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""same.py ONE OTHER [--first]: do both hold the same calls? Only what the kernel says is compared.

--first: OTHER may go on after the calls of ONE.
"""
import datetime
import json
import sys

from check import get

KERNEL = """@timestamp event.action event.kind event.outcome event.duration event.reason imds http url user_agent
source destination network process.pid process.start process.name process.executable process.user.id process.group.id
process.entity_id process.parent.pid process.parent.start process.parent.name host""".split()
TIMES = {"@timestamp", "process.start", "process.parent.start"}


def calls(path):
    with open(path, encoding="utf-8") as f:
        events = [json.loads(line) for line in f]
    return [{k: get(e, k) for k in KERNEL} for e in events if get(e, "event.action") != "imds-stats"]


def is_same(name, a, b):
    """Clocks are set while a tracer runs, and two tracers look at them one after the other."""
    if name in TIMES:
        a, b = (datetime.datetime.fromisoformat(t.replace("Z", "+00:00")).timestamp() for t in (a, b))
        return abs(a - b) < 0.02
    if name == "event.duration" and a and b:
        return abs(a - b) < 20e6
    return a == b


def main():
    one, other = calls(sys.argv[1]), calls(sys.argv[2])
    if "--first" in sys.argv:
        other = other[: len(one)]
    differences = [f"{k}: {a[k]} and {b[k]}" for a, b in zip(one, other) for k in KERNEL if not is_same(k, a[k], b[k])]
    if len(one) != len(other):
        differences.append(f"{len(one)} and {len(other)} calls")
    print("\n".join(differences[:20]))
    return 1 if differences or not one else 0


if __name__ == "__main__":
    sys.exit(main())
