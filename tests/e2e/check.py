#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the tracer's events against the service's log and against the process that made the calls.

Exit status 0, or 1 with every difference on stdout, the most telling one last.
"""
import argparse
import codecs
import datetime
import json
import os
import re
import shlex
import shutil
import sys

MARKER = "SECRETMARKER"
# Requests of one connection that may wait for their answers (src/call/dialogue.h).
PENDING_MAX = 64
REDACTED = "**token redacted**"
LOG_FIELDS = "method target http token status client port service request_bytes response_bytes".split()
VERSIONED = {"169.254.169.254", "fd00:ec2::254"}
problems = []


def problem(text):
    problems.append(text)


def get(event, name, default=None):
    """The field of a dotted name."""
    for part in name.split("."):
        if not isinstance(event, dict) or part not in event:
            return default
        event = event[part]
    return event


# Bytes that are not UTF-8 stand in JSON as the character of the same number.
codecs.register_error("latin", lambda e: ("".join(chr(b) for b in e.object[e.start:e.end]), e.end))


def unescape(text):
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
    return raw.decode("utf-8", "latin")


def read_log(path):
    requests = []
    with open(path, encoding="ascii") as f:
        for line in f:
            r = dict(zip(LOG_FIELDS, line.rstrip("\n").split("\t")))
            r["target"] = unescape(r["target"])
            r["port"] = int(r["port"])
            requests.append(r)
    return requests


def read_events(path, netns, ports):
    """All events, but not those of other people on this machine."""
    events = []
    with open(path, "rb") as f:
        for line in f:
            try:
                events.append(json.loads(line.decode("utf-8")))
            except ValueError as e:
                problem(f"not JSON: {line[:200]!r}: {e}")
    sequence = [get(e, "event.sequence") for e in events]
    if sequence and sequence != list(range(sequence[0], sequence[0] + len(events))):
        problem(f"event.sequence has gaps: {sequence[:20]}")
    for e in events:
        check_shape(e)
    return [e for e in events if get(e, "event.action") == "imds-stats" or is_ours(e, netns, ports)]


def is_ours(event, netns, ports):
    """An event without a caller is ours when the service knows its port."""
    seen = get(event, "network.namespace")
    return seen == netns if seen else get(event, "source.port") in ports


def check_shape(event, path=""):
    """What holds for every field of every event."""
    if path == "":
        for name in ("@timestamp", "ecs", "event", "host"):
            if name not in event:
                problem(f"no {name}: {json.dumps(event)[:300]}")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(event.get("@timestamp"))):
            problem(f"@timestamp: {event.get('@timestamp')}")
        if MARKER in json.dumps(event):
            problem(f"a secret: {json.dumps(event)}")
    for name, value in event.items():
        if isinstance(value, dict):
            check_shape(value, f"{path}{name}.")
        elif value is None or value == "" or value == []:
            problem(f"{path}{name} is {value!r}: a field that is not known is absent")


def expected_version(r):
    path = r["target"].split("?")[0]
    if r["service"] not in VERSIONED:
        return None
    if r["method"] == "PUT" and path.endswith("/api/token"):
        return "v2"
    return "v2" if r["token"] == "token" else "v1"


def expected(r):
    target = r["target"]
    origin = re.sub(r"^http://[^/]*", "", target) or "/"
    want = {
        "http.request.method": r["method"],
        "url.original": target,
        "url.path": origin.split("?")[0],
        "http.version": r["http"],
        "imds.version": expected_version(r),
        "http.response.status_code": None if r["status"] == "-" else int(r["status"]),
        "source.port": r["port"],
        "destination.ip": r["service"],
        "destination.port": 80,
        "network.transport": "tcp",
        "network.type": "ipv6" if ":" in r["service"] else "ipv4",
        "http.request.bytes": int(r["request_bytes"]),
        "imds.complete": True,
    }
    if r["status"] != "-":
        want["http.response.bytes"] = int(r["response_bytes"])
        want["event.outcome"] = "success" if int(r["status"]) < 400 else "failure"
    return want


def compare(event, want, what):
    for name, value in want.items():
        seen = get(event, name)
        if seen != value:
            problem(f"{what}: {name} is {seen!r}, not {value!r}")


def unanswered(want):
    kept = {k: v for k, v in want.items() if not k.startswith("http.response.")}
    return {**kept, "http.response.status_code": None, "event.outcome": "unknown"}


def check_requests(events, requests, ignore, unsure, maybe_no_answer):
    calls = [e for e in events if get(e, "event.action") == "imds-request"]
    if len(calls) != len(requests):
        for e in calls[:50]:
            print("event:", get(e, "source.port"), get(e, "http.request.method"), get(e, "url.original"))
        for r in requests[:50]:
            print("service:", r["port"], r["method"], r["target"])
    for port in {r["port"] for r in requests} | {get(e, "source.port") for e in calls}:
        of_port = [r for r in requests if r["port"] == port]
        seen = [e for e in calls if get(e, "source.port") == port]
        for e, r in zip(seen, of_port):
            want = {k: v for k, v in expected(r).items() if k not in ignore}
            if len(of_port) > PENDING_MAX and get(e, "event.reason") == "too many unanswered requests":
                want = {k: v for k, v in want.items() if not k.startswith("http.response.") and k != "event.outcome"}
            if maybe_no_answer and get(e, "http.response.status_code") is None:
                want = unanswered(want)
            if unsure:
                want = {"imds.complete": False, "imds.version": "unknown"}
                if unsure not in get(e, "event.reason", ""):
                    problem(f"event.reason is {get(e, 'event.reason')}")
            compare(e, want, f"{r['method']} {r['target'][:80]}")
            if not 0 < get(e, "event.duration", 1) < 600e9:
                problem(f"event.duration is {get(e, 'event.duration')}")
        if len(seen) != len(of_port):
            problem(f"port {port}: {len(seen)} events for {len(of_port)} requests")
    if len(calls) != len(requests):
        problem(f"{len(calls)} events for {len(requests)} requests the service received")


def check_connects(events, count):
    connects = [e for e in events if get(e, "event.action") == "imds-connect"]
    if count is not None and len(connects) != count:
        reasons = sorted({str(get(e, "event.reason")) for e in connects})
        problem(f"{len(connects)} imds-connect events, not {count}: {reasons}")


def check_stats(events, calls, status):
    stats = [e for e in events if get(e, "event.action") == "imds-stats"]
    if len(stats) < 2:
        problem(f"{len(stats)} imds-stats events: one at start and one at end are the least")
        return
    last = get(stats[-1], "imds.stats", {})
    for name in "calls calls_v1 calls_v2 lost truncated evicted open_at_start attached_seconds denied".split():
        if not isinstance(last.get(name), int):
            problem(f"imds.stats.{name} is {last.get(name)!r}")
    if last.get("calls", 0) < calls:
        problem(f"imds.stats.calls is {last.get('calls')}, {calls} calls are in the log")
    if status == 4 and not any(last.get(name) for name in ("lost", "truncated", "evicted")):
        problem(f"the tracer ended with 4 and says of nothing that it was lost: {last}")
    if events[-1] is not stats[-1] or events[0] is not stats[0]:
        problem("the first and the last event are not imds-stats")


def is_argument(seen, sent):
    """Whether an argument is what was given, but for secrets."""
    return seen == sent or REDACTED in seen and re.fullmatch(".+".join(map(re.escape, seen.split(REDACTED))), sent)


def expected_caller(o):
    program = shutil.which(o.command[0])
    want = {
        "process.pid": o.pid,
        "process.name": o.comm or os.path.basename(program)[:15],
        "process.executable": os.path.realpath(program),
        "process.user.id": str(o.uid),
        "process.parent.pid": o.parent,
        "network.namespace": o.netns,
    }
    return want


def check_caller(events, o):
    want = expected_caller(o)
    for e in events:
        if get(e, "event.action") == "imds-stats":
            continue
        if o.maybe_no_caller and "process" not in e:
            compare(e, {"event.reason": "the caller was not seen"}, "caller")
            continue
        if o.child:
            pids = [p.get("pid") for p in get(e, "process.ancestors", [])]
            if o.pid not in pids:
                problem(f"{o.pid} is no ancestor of {get(e, 'process.pid')}: {pids}")
            continue
        compare(e, want, "caller")
        check_process(e, o)


def check_arguments(e, command):
    seen = get(e, "process.args", [])
    if len(seen) != len(command) or not all(is_argument(*pair) for pair in zip(seen, command)):
        problem(f"process.args: {seen}, not {command}")
    if get(e, "process.command_line") != shlex.join(seen):
        problem(f"process.command_line: {get(e, 'process.command_line')}, not {shlex.join(seen)}")


def check_process(e, o):
    if not o.no_args:
        check_arguments(e, o.command)
    ancestors = get(e, "process.ancestors", [{}])
    if ancestors[0].get("pid") != o.parent:
        problem(f"process.ancestors begins with {ancestors[0].get('pid')}, not {o.parent}")
    start = datetime.datetime.fromisoformat(get(e, "process.start", "1970-01-01T00:00:00Z").replace("Z", "+00:00"))
    age = datetime.datetime.fromisoformat(e["@timestamp"].replace("Z", "+00:00")) - start
    if not -0.05 < age.total_seconds() < 600:
        problem(f"process.start is {start}, the call was at {e['@timestamp']}")


def check_baseline(path, requests):
    """The service received the same with and without the tracer, but for ports."""
    keys = [k for k in LOG_FIELDS if k != "port"]
    strip = lambda rs: sorted(tuple(r[k] for k in keys) for r in rs)
    without, seen = strip(read_log(path)), strip(requests)
    if without != seen:
        problem("the service received something else with the tracer than without")
        for mark, lines in (("-", without), ("+", seen)):
            for line in lines[:50]:
                print(mark, *line)


def check_files(paths):
    for path in paths:
        with open(path, "rb") as f:
            if MARKER.encode() in f.read():
                problem(f"a secret is in {path}")


def options(argv):
    p = argparse.ArgumentParser()
    p.add_argument("--events", required=True)
    p.add_argument("--log", required=True)
    p.add_argument("--baseline")
    p.add_argument("--netns", type=int)
    p.add_argument("--pid", type=int)
    p.add_argument("--parent", type=int)
    p.add_argument("--uid", type=int, default=0)
    p.add_argument("--comm")
    p.add_argument("--child", action="store_true", help="the caller is a descendant of the command")
    p.add_argument("--no-caller", action="store_true", help="the caller is checked elsewhere")
    p.add_argument("--maybe-no-caller", action="store_true", help="or the event says that it was not seen")
    p.add_argument("--maybe-no-answer", action="store_true", help="or the event has none: the caller had closed")
    p.add_argument("--no-args", action="store_true", help="its arguments are checked elsewhere")
    p.add_argument("--connects", type=int, default=0)
    p.add_argument("--any-connects", action="store_true")
    p.add_argument("--unsure", help="each call is incomplete, of unknown version, for a reason with this word")
    p.add_argument("--status", type=int, default=0, help="how the tracer ended")
    p.add_argument("--ignore", action="append", default=[], help="a field that is checked elsewhere")
    p.add_argument("--want", action="append", default=[], help="NAME=JSON: a field that every call has")
    p.add_argument("--want-connect", action="append", default=[], help="the same for imds-connect events")
    p.add_argument("--absent", action="append", default=[], help="a field that no call has")
    p.add_argument("command", nargs=argparse.REMAINDER)
    return p.parse_args(argv)


def main(argv):
    """What does not hold, the most telling last."""
    problems.clear()
    o = options(argv)
    requests = read_log(o.log)
    events = read_events(o.events, o.netns, {r["port"] for r in requests})
    if o.baseline:
        check_baseline(o.baseline, requests)
    if o.command and not o.no_caller:
        check_caller(events, o)
    calls = [e for e in events if get(e, "event.action") == "imds-request"]
    connects = [e for e in events if get(e, "event.action") == "imds-connect"]
    for text, seen in [(t, calls) for t in o.want] + [(t, connects) for t in o.want_connect]:
        name, value = text.split("=", 1)
        for e in seen:
            compare(e, {name: json.loads(value)}, get(e, "event.action"))
    for name in o.absent:
        for e in calls:
            compare(e, {name: None}, "call")
    check_stats(events, len(calls), o.status)
    check_connects(events, None if o.any_connects else o.connects)
    check_files([f for f in ("tracer.err", "tracer.out", o.events) if os.path.exists(f)])
    check_requests(events, requests, o.ignore, o.unsure, o.maybe_no_answer)
    return problems[:60]


if __name__ == "__main__":
    found = main(sys.argv[1:])
    print(*found, sep="\n")
    sys.exit(1 if found else 0)
