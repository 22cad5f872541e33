#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Judges logs that were written in trouble: are the lines safe, is what is missing counted, is nothing misjudged?

trouble.py --netns INODE COMMAND …; exit status 0, or 1 with every problem on stdout.
"""
import argparse
import collections
import json
import re
import sys

from check import PENDING_MAX, expected_version, get, problem, problems, read_log

# As src/base/escape.c: what moves a cursor, reorders or hides text.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
                    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]")


def read_events(path):
    events = []
    with open(path, "rb") as f:
        for line in f:
            if not line.endswith(b"\n"):
                problem(f"the last line is not complete: {line[-80:]!r}")
            try:
                events.append(json.loads(line.decode("utf-8")))
            except ValueError as e:
                problem(f"not JSON: {line[:200]!r}: {e}")
    return events


def gaps(events):
    """How many numbers are missing. A number that comes twice or falls is a problem at once."""
    missing, before = 0, None
    for e in events:
        now = get(e, "event.sequence")
        if before is not None:
            if now <= before:
                problem(f"event.sequence goes from {before} to {now}")
            missing += max(0, now - before - 1)
        before = now
    return missing


def lines(o):
    """One safe line an event, in every format."""
    for path in o.files:
        with open(path, "rb") as f:
            raw = f.read()
        if o.terminal:
            raw = re.sub(rb"\x1b\[[0-9;]*m", b"", raw).replace(b"\r\n", b"\n")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as e:
            problem(f"{path} is not UTF-8: {e}")
            continue
        for m in UNSAFE.finditer(text):
            problem(f"{path}: U+{ord(m[0]):04x} at {m.start()}: {text[max(0, m.start() - 60):m.start()]!r}")
        if not text.endswith("\n"):
            problem(f"{path} does not end with a line's end")
        shown = [x for x in text.splitlines() if not o.marker or o.marker in x]
        if o.count is not None and len(shown) != o.count:
            problem(f"{path}: {len(shown)} lines, not {o.count}")


def stats_of(events):
    stats = [e for e in events if get(e, "event.action") == "imds-stats"]
    if not stats or stats[-1] is not events[-1]:
        problem("the last event is not imds-stats")
    return get(stats[-1], "imds.stats", {}) if stats else {}


def check_response(e, r, crowded):
    """crowded: more requests than wait for their responses may have been on the way at once."""
    status, reason = get(e, "http.response.status_code"), get(e, "event.reason")
    if crowded and status is None and reason == "too many unanswered requests":
        if get(e, "event.outcome") != "unknown":
            problem(f"{r['target']}: outcome {get(e, 'event.outcome')} without a status")
    elif str(status) != r["status"]:
        problem(f"{r['target']}: status {status}, not {r['status']}; event.reason: {reason}")
    elif get(e, "http.response.bytes") != int(r["response_bytes"]):
        problem(f"{r['target']}: a response of {get(e, 'http.response.bytes')} bytes, not {r['response_bytes']}")


def check_seen(e, requests, port, crowded):
    """One event whose target was seen, against the request of that target; they are all different."""
    target = get(e, "url.original")
    r = requests.pop(target, None)
    if r is None:
        problem(f"port {port}: an event for {target}, which the service did not get there, or a second one")
        return
    complete, version = get(e, "imds.complete"), get(e, "imds.version")
    if version != expected_version(r) and (complete or version != "unknown"):
        problem(f"{target}: version {version}, not {expected_version(r)}, complete: {complete}")
    if get(e, "http.request.method") != r["method"]:
        problem(f"{target}: method {get(e, 'http.request.method')}, not {r['method']}")
    if complete:
        check_response(e, r, crowded)


def check_port(port, requests, events):
    """Returns how many requests of this port have no event."""
    by_target = {r["target"]: r for r in requests}
    if len(by_target) != len(requests):
        problem(f"port {port}: requests that cannot be told apart")
    for e in events:
        if get(e, "url.original") is not None:
            check_seen(e, by_target, port, len(requests) > PENDING_MAX)
        elif get(e, "imds.version") not in ("unknown", None):
            problem(f"port {port}: version {get(e, 'imds.version')} of a request that was not seen")
        elif get(e, "imds.complete"):
            problem(f"port {port}: a complete event without a path")
    if len(events) > len(requests):
        problem(f"port {port}: {len(events)} events for {len(requests)} requests")
    return max(0, len(requests) - len(events))


def account(o):
    """Every request the service got has its event, or is among what was lost; no event says what is not so."""
    all_events = read_events(o.events)
    missing_lines = gaps(all_events)
    stats = stats_of(all_events)
    requests, events = collections.defaultdict(list), collections.defaultdict(list)
    for r in read_log(o.log):
        requests[r["port"]].append(r)
    for e in all_events:
        if get(e, "network.namespace", o.netns if get(e, "source.port") in requests else None) != o.netns:
            continue
        if get(e, "event.action") == "imds-request":
            events[get(e, "source.port")].append(e)
        elif get(e, "imds.complete"):
            problem(f"a complete imds-connect ({get(e, 'event.reason')}), but every connection carried a request")
    missing = sum(check_port(port, requests[port], events[port]) for port in sorted(set(requests) | set(events)))
    total = sum(map(len, requests.values()))
    print(f"{total} requests, {missing} without an event, {missing_lines} lines missing, {stats}")
    if not o.partly and missing > stats.get("lost", 0) + missing_lines + stats.get("evicted", 0):
        problem(f"{missing} of {total} requests have no event, {stats.get('lost')} records were lost")
    if missing_lines != stats.get("unwritten", 0):
        problem(f"{missing_lines} numbers are missing, {stats.get('unwritten')} events were not written")
    if o.lossy and not stats.get("lost"):
        problem("nothing was lost: this was no overload")
    if o.unwritten and not missing_lines:
        problem("every event was written")
    if not o.lossy and (missing > missing_lines or missing_lines and not o.unwritten or stats.get("lost")):
        problem(f"{missing} of {total} requests have no event, {missing_lines} lines are missing: {stats}")


def want(o):
    """Fields of our own events of one action: NAME=JSON, or NAME alone for one that must be absent."""
    events = [e for e in read_events(o.events)
              if get(e, "network.namespace") == o.netns and get(e, "event.action") == o.action]
    if o.where:
        name, value = o.where.split("=", 1)
        events = [e for e in events if get(e, name) == json.loads(value)]
    if len(events) != o.count:
        problem(f"{len(events)} events of {o.action}, not {o.count}")
    for e in events:
        for text in o.fields:
            name, _, value = text.partition("=")
            value = json.loads(value) if value else None
            if get(e, name) != value:
                problem(f"{name} is {get(e, name)!r}, not {value!r}")


def silent(o):
    """Connections without a word: each is one event, or lost."""
    events = read_events(o.events)
    stats = stats_of(events)
    mine = [e for e in events if get(e, "event.action") != "imds-stats" and get(e, "network.namespace") == o.netns]
    connects = [e for e in mine if get(e, "event.action") == "imds-connect"]
    print(f"{len(connects)} of {o.count} connections, {stats}")
    if len(mine) != len(connects):
        problem(f"{len(mine) - len(connects)} requests, but nobody asked")
    if not o.count - stats.get("lost", 0) <= len(connects) <= o.count:
        problem(f"{len(connects)} events for {o.count} connections, {stats.get('lost')} records lost")
    if o.evicted and not stats.get("evicted"):
        problem("nothing was evicted")
    for e in connects:
        if get(e, "event.reason") != "no request" and get(e, "imds.complete"):
            problem(f"event.reason is {get(e, 'event.reason')}")


def strange(text):
    """Bytes as they stand in JSON: what is not UTF-8 as the character of the same number."""
    return text.decode("utf-8", "latin")


def dirty(o):
    """The caller of dirty names; the names come as files of raw bytes."""
    names = {}
    for f in o.names:
        with open(f, "rb") as g:
            names[f.rsplit("/", 1)[-1]] = g.read()
    seen = [e for e in read_events(o.events) if get(e, "network.namespace") == o.netns]
    if len(seen) != len(names["paths"].split(b"\0")):
        problem(f"{len(seen)} events, not {len(names['paths'].split(chr(0).encode()))}")
    for e, path in zip(seen, names["paths"].split(b"\0")):
        expect = {
            "process.name": strange(names["name"][:15]),
            "process.executable": strange(names["directory"] + b"/" + names["name"]),
            "process.working_directory": strange(names["directory"]),
            "cgroup.path": strange(b"/" + names["cgroup"]),
        }
        if path:
            expect["url.path"] = strange(path)
            expect["user_agent.original"] = "act/1"
        for name, value in expect.items():
            if get(e, name) != value:
                problem(f"{name} is {get(e, name)!r}, not {value!r}")
        if path and strange(path) not in get(e, "process.args", []):
            problem(f"process.args is {get(e, 'process.args')!r}")


def impostor(o):
    """Every event is of the process that asked, and says nothing of the one that has its pid now."""
    with open(o.pids, encoding="ascii") as f:
        pids = [int(x) for x in f.read().split() if x.isdigit()]
    events = [e for e in read_events(o.events)
              if get(e, "network.namespace") == o.netns and get(e, "event.action") == "imds-request"]
    if [get(e, "process.pid") for e in events] != pids:
        problem(f"the pids are {[get(e, 'process.pid') for e in events]}, not {pids}")
    for e in events:
        text = json.dumps(e)
        if "second" in text or get(e, "process.working_directory", "/") != "/":
            problem(f"the second process of pid {get(e, 'process.pid')} is in the event: "
                    f"{get(e, 'process.working_directory')} {text[-300:]}")
        if get(e, "process.args", [""])[1] != "part" or get(e, "process.parent.pid") is None:
            problem(f"the first process of pid {get(e, 'process.pid')} is not in the event: {text}")


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--netns", type=int)
    commands = p.add_subparsers(dest="command", required=True)
    c = commands.add_parser("lines")
    c.add_argument("--terminal", action="store_true")
    c.add_argument("--marker")
    c.add_argument("--count", type=int)
    c.add_argument("files", nargs="+")
    c = commands.add_parser("account")
    c.add_argument("--lossy", action="store_true", help="records were lost")
    c.add_argument("--partly", action="store_true", help="the load went on after the tracer's end")
    c.add_argument("--unwritten", action="store_true", help="events could not be written")
    c.add_argument("--events", default="events.json")
    c.add_argument("--log", default="service.log")
    c = commands.add_parser("want")
    c.add_argument("--events", default="events.json")
    c.add_argument("--action", default="imds-request")
    c.add_argument("--count", type=int, default=1)
    c.add_argument("--where")
    c.add_argument("fields", nargs="*")
    c = commands.add_parser("silent")
    c.add_argument("--events", default="events.json")
    c.add_argument("--evicted", action="store_true")
    c.add_argument("count", type=int)
    c = commands.add_parser("dirty")
    c.add_argument("--events", default="events.json")
    c.add_argument("names", nargs="+")
    c = commands.add_parser("impostor")
    c.add_argument("--events", default="events.json")
    c.add_argument("pids")
    return p.parse_args()


def main():
    o = options()
    globals()[o.command](o)
    for text in problems[:40]:
        print(text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
