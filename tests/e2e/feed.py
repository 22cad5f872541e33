# SPDX-License-Identifier: Apache-2.0
"""What `serve` does for a sink program: frames on a socket (src/feed/frame.h) with rows (src/sink/row.h) in them."""

import os
import re
import socket
import struct
import subprocess
import time

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SETTINGS, EVENT, COUNTS, REOPEN, STATE = 1, 2, 3, 4, 5
HAS_DURATION, HAS_STATUS, COMPLETE, FORWARDED = 1, 2, 4, 8


def header(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


ROW_FIELDS = [name.lower() for name in re.findall(r"\bROW_(\w+), +/\*", header("src/sink/row.h"))]
assert ROW_FIELDS[0] == "action" and ROW_FIELDS[-1] == "sdk_supports_v2", ROW_FIELDS


def numbers(struct_name):
    """The uint64_t of a struct in src/feed/frame.h: its first members, in their order."""
    body = re.search(rf"struct {struct_name} \{{(.*?)\n\}};", header("src/feed/frame.h"), re.S)[1]
    names = re.findall(r"uint64_t ([^;]*);", re.sub(r"/\*.*?\*/", "", body))
    return [name for each in names for name in re.split(r",\s*", each.strip())]


VERSION = int(re.search(r"#define FRAME_VERSION +(\d+)", header("src/feed/frame.h"))[1])
COUNTS_FIELDS = numbers("feed_counts")
STATE_FIELDS = numbers("feed_state")
assert COUNTS_FIELDS[0] == "time" and COUNTS_FIELDS[-1] == "last", COUNTS_FIELDS
assert STATE_FIELDS[0] == "written", STATE_FIELDS


def frame(kind, payload, when=0):
    return struct.pack("=IHHQ", len(payload), kind, 6, when) + payload


def row(fields, when=None, duration=None, status=None, flags=COMPLETE):
    """One row; `fields` has what is known, by name, as bytes."""
    unknown = set(fields) - set(ROW_FIELDS)
    assert not unknown, unknown
    flags |= (HAS_DURATION if duration is not None else 0) | (HAS_STATUS if status is not None else 0)
    data = struct.pack("=QQII", when or time.time_ns(), duration or 0, status or 0, flags)
    for name in ROW_FIELDS:
        value = fields.get(name)
        data += struct.pack("=I", 0xFFFFFFFF) if value is None else struct.pack("=I", len(value)) + value
    return data


def request(version=b"v1", program=b"curl", **fields):
    known = {
        "action": b"imds-request", "provider": b"aws", "service": b"ec2", "class": b"metadata",
        "verdict": b"observed", "outcome": b"success", "version": version, "program": program,
        "path": b"/latest/meta-data/", "executable": b"/usr/bin/curl", "user": b"root",
    }
    if version == b"v1":
        known["cause"] = b"no-token-support"
    known.update(fields)
    return row(known, duration=1500000, status=200)


class Program:
    """A sink program and the service's end of its feed."""

    def __init__(self, path, kind, settings):
        ours, theirs = socket.socketpair()
        self.socket = ours
        with open("program.err", "ab") as err:
            self.process = subprocess.Popen([path], stdin=theirs, stdout=subprocess.DEVNULL, stderr=err)
        theirs.close()
        with open("program.pid", "w", encoding="ascii") as file:
            file.write(f"{self.process.pid}\n")
        self.counts = dict.fromkeys(COUNTS_FIELDS, 0)
        self.counts["attached_since"] = time.time_ns()
        self.states = b""
        data = struct.pack("=I", VERSION) + kind.encode() + b"\0\0"
        for key, value in settings.items():
            data += f"{key}\0{value}\0".encode()
        self.send(frame(SETTINGS, data))

    def send(self, data):
        self.socket.sendall(data)

    def calls(self, *rows):
        self.send(b"".join(frame(EVENT, each) for each in rows))

    def count(self, **changes):
        """The counts of every second."""
        self.counts.update(changes, time=time.time_ns())
        values = [self.counts[name] for name in COUNTS_FIELDS]
        self.send(frame(COUNTS, struct.pack(f"={len(values)}Q40s40s", *values, b"boot", b"run")))

    def state(self):
        """The latest struct feed_state; None: none yet."""
        try:
            while True:
                data = self.socket.recv(65536, socket.MSG_DONTWAIT)
                if not data:
                    break
                self.states += data
        except BlockingIOError:
            pass
        latest, at = None, 0
        while len(self.states) >= at + 16 and len(self.states) >= at + 16 + struct.unpack_from("=I", self.states, at)[0]:
            length, kind = struct.unpack_from("=IH", self.states, at)
            assert kind == STATE, kind
            *values, failure = struct.unpack_from(f"={len(STATE_FIELDS)}Q256s", self.states, at + 16)
            latest = dict(zip(STATE_FIELDS, values), failure=failure.split(b"\0")[0].decode())
            at += 16 + length
        self.states = self.states[at:]
        return latest

    def end(self, last=True):
        """Ends the feed, with or without saying so, and waits for the program's end; its exit status."""
        if last:
            self.count(last=1)
        self.state()
        self.socket.shutdown(socket.SHUT_WR)
        return self.process.wait(timeout=30)


def errors():
    with open("program.err", encoding="utf-8") as file:
        return file.read().splitlines()


def until(what, check, seconds=20):
    """Waits until check() is true, and returns what it returned."""
    end = time.monotonic() + seconds * int(os.environ.get("E2E_SLOW", "1"))
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.02)
    raise SystemExit(f"in {seconds} s: not {what}")
