# SPDX-License-Identifier: Apache-2.0
"""imdsnitch-journal: with a real systemd-journald of our own, and with a socket that is slow, full or gone."""
import array
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

from feed import Failed, Sink, eventually, main, require

JOURNALD = "/lib/systemd/systemd-journald"


def fields(pairs):
    """The native protocol, each value with its length."""
    out = b""
    for name, value in pairs.items():
        if isinstance(value, str):
            value = value.encode()
        out += name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return out


def event(number, **more):
    return fields({"MESSAGE": f"event {number}", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "imdsnitch",
                   "IMDS_SEQUENCE": str(number), **more})


class Journald:
    """systemd-journald with a /run and a /var/log of its own: started by `unshare -m` in delivery.sh."""

    def __init__(self):
        if not os.path.exists(JOURNALD):
            print("systemd-journald is not installed", file=sys.stderr)
            sys.exit(77)
        os.makedirs("/run/systemd/journal", exist_ok=True)
        self.log = open("journald.log", "ab")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([JOURNALD], stdout=self.log, stderr=self.log)
        with open("journald.pid", "w", encoding="ascii") as f:
            f.write(str(self.process.pid))
        eventually(lambda: os.path.exists("/run/systemd/journal/socket"), "journald does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def entries(self):
        r = subprocess.run(["journalctl", "-D", "/run/log/journal", "-o", "json", "--no-pager", "--all",
                            "SYSLOG_IDENTIFIER=imdsnitch"], capture_output=True, check=False)
        return [json.loads(line) for line in r.stdout.splitlines()]

    def wait_entries(self, count):
        return eventually(lambda: len(self.entries()) >= count and self.entries(),
                          f"{len(self.entries())} entries in the journal, not {count}")


def real():
    """Fields, binary values and events larger than a datagram arrive in a real journal."""
    journald = Journald()
    sink = Sink("journal", {})
    sink.event(event(1, IMDS_PATH=b"/a\n\0\xff", IMDS_VERSION="v1"))
    sink.event(event(2, IMDS_ARGUMENTS="x" * 700000))
    sink.settled()
    entries = journald.wait_entries(2)
    require(entries[0]["MESSAGE"] == "event 1" and entries[0]["PRIORITY"] == "4", f"got {entries[0]}")
    require(entries[0]["IMDS_VERSION"] == "v1", "IMDS_VERSION is lost")
    require(bytes(entries[0]["IMDS_PATH"]) == b"/a\n\0\xff", f"got {entries[0]['IMDS_PATH']}")
    require(entries[0]["_COMM"] == "imdsnitch-journ", f"_COMM is {entries[0]['_COMM']}")
    require(len(entries[1]["IMDS_ARGUMENTS"]) == 700000, "the large value is cut")
    sink.end()
    journald.stop()


def restart():
    """journald away for a while: what came meanwhile is in the journal afterwards, once and in order."""
    journald = Journald()
    sink = Sink("journal", {})
    for number in range(1, 11):
        sink.event(event(number))
    sink.settled()
    journald.stop()
    try:
        os.unlink("/run/systemd/journal/socket")
    except FileNotFoundError:
        pass
    for number in range(11, 31):
        sink.event(event(number))
    sink.told("does not take events")
    sink.exact()
    journald.start()
    sink.settled()
    sink.told("takes events again; 0 were lost")
    sink.end()
    numbers = [int(e["IMDS_SEQUENCE"]) for e in journald.wait_entries(30)]
    require(numbers == list(range(1, 31)), f"got {numbers}")
    journald.stop()


class Slow:
    """A socket in journald's place whose reader we are."""

    def __init__(self, path):
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)

    def read(self, seconds=1.0):
        """One event's bytes, or None."""
        self.socket.settimeout(seconds)
        try:
            data, control, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        except socket.timeout:
            return None
        if control:
            fds = array.array("i", control[0][2])
            with os.fdopen(fds[0], "rb") as f:
                f.seek(0)
                return f.read()
        return data


def numbers_of(receiver, seconds=1.0):
    out = []
    while True:
        data = receiver.read(seconds)
        if data is None:
            return out
        at = data.index(b"IMDS_SEQUENCE\n") + 14
        length = struct.unpack_from("<Q", data, at)[0]
        out.append(int(data[at + 8:at + 8 + length]))


def slow():
    """Nobody reads: memory is bounded, the newest are dropped and counted, one gap."""
    path = os.path.abspath("socket")
    receiver = Slow(path)
    sink = Sink("journal", {"socket": path})
    for number in range(1, 20001):
        sink.event(event(number, IMDS_ARGUMENTS="x" * 200))
    state = sink.exact()
    require(state.unwritten > 1000, f"nothing was dropped: {state}")
    require(state.held > 1000, f"nothing is held: {state}")
    sink.told("it is too slow")
    require(sink.resident() < 40000 or "asan" in os.environ.get("BUILD", ""), f"{sink.resident()} kB resident")
    got = []
    while len(got) < state.held + state.written:
        more = numbers_of(receiver, 0.3)
        require(more, f"{len(got)} came")
        got += more
    require(got == list(range(1, len(got) + 1)), "not the oldest, or not in order")
    sink.told(f"takes events again; {state.unwritten} were lost")
    sink.event(event(20001))
    require(numbers_of(receiver) == [20001], "it does not go on")
    sink.settled()
    sink.told_times("takes events again", 1)
    sink.end()


def absent():
    """No journal at all: it starts, waits, and counts at the end."""
    sink = Sink("journal", {"socket": os.path.abspath("nowhere")})
    for number in range(1, 11):
        sink.event(event(number))
    state = sink.exact()
    require(state.held == 10, f"{state}")
    require("No such file" in state.failure, f"{state}")
    sink.end()
    sink.told("10 events could not be given to the journal")
    sink.told_times("does not take events", 1)


def large():
    """What no datagram holds comes as a sealed file."""
    path = os.path.abspath("socket")
    receiver = Slow(path)
    sink = Sink("journal", {"socket": path})
    sink.event(event(1, IMDS_ARGUMENTS="x" * 1500000))
    sink.event(event(2))
    got = numbers_of(receiver)
    require(got == [1, 2], f"got {got}: the large event does not come, or out of order")
    sink.settled()
    sink.end()


if __name__ == "__main__":
    main({"real": real, "restart": restart, "slow": slow, "absent": absent, "large": large})
