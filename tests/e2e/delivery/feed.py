# SPDX-License-Identifier: Apache-2.0
"""Runs a sink program as `imdsnitch serve` does: frames (src/feed/frame.h) over a stream socket pair."""
import os
import re
import socket
import struct
import subprocess
import sys
import time

SETTINGS, EVENT, COUNTS, REOPEN, STATE = 1, 2, 3, 4, 5
ALERT, ERROR, WARNING, INFO = 1, 3, 4, 6
FRAMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../src/feed/frame.h")
with open(FRAMES, encoding="utf-8") as frames:
    VERSION = int(re.search(r"#define FRAME_VERSION +(\d+)", frames.read())[1])
FRAME = struct.Struct("=IHHQ")
REPORT = struct.Struct("=QQQQQQ256s")
SLOW = int(os.environ.get("E2E_SLOW", "1"))


class Failed(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failed(text)


def eventually(condition, text, seconds=10):
    """Waits until the condition holds, and returns its value."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(text)
        time.sleep(0.01)


class State:
    def __init__(self, bytes_):
        self.written, self.unwritten, self.bytes, self.held, self.pid, _, failure = REPORT.unpack(bytes_)
        self.failure = failure.split(b"\0")[0].decode()

    def __str__(self):
        return f"{self.written} written, {self.unwritten} unwritten, {self.held} held, {self.failure!r}"


class Sink:
    """One program. `settings` are those of its section."""

    def __init__(self, kind, settings, name="", user=None, env=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        program = os.path.join(os.environ["BUILD"], "imdsnitch-" + kind)
        self.kind = kind
        self.feed = ours
        self.err = open(f"{kind}.err", "ab+")
        self.process = subprocess.Popen([program], stdin=theirs, stdout=subprocess.DEVNULL, stderr=self.err,
                                        user=user, env=env)
        theirs.close()
        self.events = 0
        self.rest = b""
        self.state = None
        payload = struct.pack("=I", VERSION) + kind.encode() + b"\0" + name.encode() + b"\0"
        for key, value in settings.items():
            payload += key.encode() + b"\0" + str(value).encode() + b"\0"
        self.frame(SETTINGS, payload)

    def frame(self, kind, payload=b"", level=0, when=0):
        self.feed.sendall(FRAME.pack(len(payload), kind, level, when) + payload)

    def event(self, payload, level=INFO, when=1795352271123456789):
        self.events += 1
        self.frame(EVENT, payload, level, when)

    def counts(self):
        """Counts come every second; here they wake the program."""
        self.frame(COUNTS, b"")

    def reopen(self):
        self.frame(REOPEN)

    def read_states(self):
        self.feed.setblocking(False)
        try:
            while True:
                block = self.feed.recv(65536)
                if not block:
                    break
                self.rest += block
        except (BlockingIOError, ConnectionResetError):
            pass
        self.feed.setblocking(True)
        while len(self.rest) >= FRAME.size:
            length, kind, _, _ = FRAME.unpack_from(self.rest)
            if len(self.rest) < FRAME.size + length:
                break
            require(kind == STATE and length == REPORT.size, f"a frame of kind {kind} from the sink")
            self.state = State(self.rest[FRAME.size:FRAME.size + length])
            self.rest = self.rest[FRAME.size + length:]
            total = self.state.written + self.state.unwritten + self.state.held
            require(total <= self.events, f"{self.state}: more than the {self.events} events sent")
        return self.state

    def wait_for(self, condition, text, seconds=10):
        """Waits for a state that fulfils the condition."""
        def look():
            self.read_states()
            if self.process.poll() is not None:
                raise Failed(f"{text}: the program ended with {self.process.returncode}: {self.talk()[-300:]}")
            return self.state and condition(self.state)
        try:
            eventually(look, text, seconds)
        except Failed:
            raise Failed(f"{text}: {self.state}; {self.talk()[-300:]}") from None
        return self.state

    def settled(self, seconds=10):
        """Waits until every event is written or given up, and the sum is exact."""
        return self.wait_for(lambda s: s.held == 0 and s.written + s.unwritten == self.events,
                             f"{self.events} events sent", seconds)

    def exact(self, seconds=10):
        """Waits until the counts add up to what was sent: all was taken."""
        return self.wait_for(lambda s: s.written + s.unwritten + s.held == self.events, "the counts add up", seconds)

    def talk(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")

    def told(self, text, seconds=10):
        eventually(lambda: text in self.talk(), f"{text!r} was not told: {self.talk()[-300:]}", seconds)

    def told_times(self, text, times):
        count = self.talk().count(text)
        require(count == times, f"{text!r} was told {count} times, not {times}")

    def end(self, status=0, seconds=15):
        """Closes the feed: the program brings out what it has and ends."""
        self.feed.shutdown(socket.SHUT_WR)
        try:
            code = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failed("the program does not end when the feed does") from None
        self.read_states()
        self.feed.close()
        require(code == status, f"the program ended with {code}, not {status}: {self.talk()[-300:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.feed.close()

    def rests(self):
        """With nothing to do it takes no processor time."""
        def ticks():
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
                return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        before = ticks()
        time.sleep(2)
        require(ticks() - before <= 5, f"{ticks() - before} ticks of processor time in two seconds of nothing")

    def resident(self):
        """kB of resident memory."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def main(tests):
    """Runs the test that is named, in the folder it is started in."""
    name = sys.argv[1]
    try:
        tests[name]()
    except Failed as reason:
        print(reason, file=sys.stderr)
        sys.exit(1)
