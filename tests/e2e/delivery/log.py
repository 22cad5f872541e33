# SPDX-License-Identifier: Apache-2.0
"""imdsnitch-log: rotation by itself and by logrotate, kills, full disks, a folder it cannot write, a second writer."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from feed import SLOW, Failed, Sink, eventually, main, require

LOG = os.path.abspath("calls.jsonl")
TIME = "2026-11-22T12:57:51.123456Z"


def event(number, length=0):
    line = f'{{"@timestamp":"{TIME}","event":{{"sequence":{number}}}'
    return (line + f',"x":"{"x" * max(0, length - len(line) - 8)}"}}\n').encode()


def send(sink, first, last, length=0):
    for number in range(first, last + 1):
        sink.event(event(number, length))


def age(name):
    """Files in the order of time: calls.jsonl is the youngest."""
    number = name.rsplit(".", 1)[1]
    return -int(number) if number.isdigit() else 0


def sequences(log=LOG):
    """Of all lines in all files, oldest first. Whatever is no whole line fails the test."""
    out = []
    for name in sorted(glob.glob(log + "*"), key=age):
        with open(name, "rb") as f:
            data = f.read()
        require(not data or data.endswith(b"\n"), f"{name} ends within a line")
        for line in data.splitlines():
            try:
                out.append(json.loads(line)["event"]["sequence"])
            except ValueError:
                raise Failed(f"{name} has a broken line: {line[:80]!r}") from None
    return out


def gapless(first, last, log=LOG):
    got = sequences(log)
    require(got == list(range(first, last + 1)), f"not {first} to {last}, each once and in order: {got[:3]} … {got[-3:]}")


def rotates():
    """Fifty rotations: no line is lost, split or out of order; the sizes are kept; so is the mode."""
    sink = Sink("log", {"path": LOG, "max_size": "4K", "keep": 60})
    send(sink, 1, 2000, 105)
    state = sink.settled()
    require((state.written, state.unwritten) == (2000, 0), f"{state}")
    sink.end()
    gapless(1, 2000)
    files = glob.glob(LOG + ".*")
    require(len(files) >= 50, f"only {len(files)} rotations")
    for name in files:
        require(os.stat(name).st_size <= 4096, f"{name} has {os.stat(name).st_size} bytes")
        require(os.stat(name).st_mode & 0o7777 == 0o640, f"{name} has mode {os.stat(name).st_mode:o}")


def keeps():
    """The oldest go; a restart goes on with the file that is there."""
    for start in range(1, 1001, 100):
        sink = Sink("log", {"path": LOG, "max_size": "4K", "keep": 3})
        send(sink, start, start + 99, 105)
        sink.end()
    require(sorted(glob.glob(LOG + "*")) == [LOG, LOG + ".1", LOG + ".2", LOG + ".3"], f"{glob.glob(LOG + '*')}")
    got = sequences()
    gapless(got[0], 1000)


def by_age():
    """By age as well, without another event, and through a restart."""
    sink = Sink("log", {"path": LOG, "max_size": "never", "max_age": "2s"})
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    sink.event(event(1).replace(TIME[:19].encode(), now.encode()))
    sink.settled()
    sink.end()
    sink = Sink("log", {"path": LOG, "max_size": "never", "max_age": "2s"})
    eventually(lambda: os.path.exists(LOG + ".1"), "it does not rotate by age")
    require(os.stat(LOG).st_size == 0, "the new file is not empty")
    sink.event(event(2))
    sink.settled()
    sink.end()
    gapless(1, 2)


def killed():
    """SIGKILL again and again, in the middle of writing and rotating: whole lines in order, and what was said to be
    written is there."""
    last = 0
    for _ in range(15):
        sink = Sink("log", {"path": LOG, "max_size": "4K", "keep": 9000})
        sink.feed.settimeout(5 * SLOW)
        number, told = last, 0
        until = time.monotonic() + 0.15
        while time.monotonic() < until:
            number += 1
            sink.event(event(number, 300))
        sink.read_states()
        told = last + (sink.state.written if sink.state else 0)
        sink.kill()
        # The next one mends, and writes nothing.
        mender = Sink("log", {"path": LOG, "max_size": "4K", "keep": 9000})
        mender.counts()
        mender.end()
        got = sequences()
        require(got == list(range(1, len(got) + 1)), f"not in order: {got[-5:]}")
        require(len(got) >= told, f"{told} were said to be written, {len(got)} are there")
        last = len(got)
    require(last > 100 and len(glob.glob(LOG + ".*")) > 10, f"only {last} events in {len(glob.glob(LOG + '*'))} files")


def logrotate(mode):
    """logrotate of our own state and configuration, as in packaging/logrotate."""
    program = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin")
    if not program:
        print("logrotate is not installed", file=sys.stderr)
        sys.exit(77)
    with open("logrotate.conf", "w", encoding="ascii") as f:
        f.write(f"{LOG} {{\n\trotate 5\n\tmissingok\n\tnotifempty\n\tsu root root\n\t{mode}\n}}\n")
    os.chmod(".", 0o755)
    r = subprocess.run([program, "-f", "-s", os.path.abspath("state"), "logrotate.conf"], capture_output=True,
                       check=False)
    require(r.returncode == 0, f"logrotate: {r.stderr.decode()[-300:]}")


def logrotate_rename():
    """logrotate renames, the service is told: nothing is lost, also of what comes in between."""
    sink = Sink("log", {"path": LOG, "max_size": "never"})
    for round_ in range(3):
        send(sink, round_ * 200 + 1, round_ * 200 + 100, 100)
        sink.settled()
        logrotate("nocreate")
        send(sink, round_ * 200 + 101, round_ * 200 + 150, 100)  # to the renamed file
        sink.reopen()
        send(sink, round_ * 200 + 151, round_ * 200 + 200, 100)
    sink.settled()
    sink.end()
    gapless(1, 600)
    require(os.path.exists(LOG + ".3") and os.stat(LOG).st_mode & 0o7777 == 0o640, "files or mode")


def logrotate_copytruncate():
    """The file is emptied under us: we go on at its start, without a hole."""
    sink = Sink("log", {"path": LOG, "max_size": "1M"})
    for round_ in range(3):
        send(sink, round_ * 100 + 1, round_ * 100 + 100, 100)
        sink.settled()
        logrotate("copytruncate")
    send(sink, 301, 310, 100)
    sink.settled()
    sink.end()
    gapless(1, 310)
    require(os.stat(LOG).st_size < 2000, "the file has a hole")


def reopen():
    """Told to reopen, it does not rotate, and a file that is still there stays in use."""
    sink = Sink("log", {"path": LOG, "max_size": "4K"})
    send(sink, 1, 10)
    sink.reopen()
    sink.reopen()
    send(sink, 11, 20)
    sink.settled()
    require(not os.path.exists(LOG + ".1"), "it rotated")
    os.unlink(LOG)
    sink.reopen()
    send(sink, 21, 30)
    sink.settled()
    sink.end()
    gapless(21, 30)


def full_disk():
    """A disk that is full for a while, with rotations due: what does not fit into memory is counted, all else is
    there, in order, and it is said once."""
    os.mkdir("mnt")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "logs", "mnt"], check=False).returncode != 0:
        print("tmpfs cannot be mounted", file=sys.stderr)
        sys.exit(77)
    log = os.path.abspath("mnt/calls.jsonl")
    try:
        sink = Sink("log", {"path": log, "max_size": "64K", "keep": 100})
        send(sink, 1, 2000, 200)
        sink.settled()
        with open("mnt/filler", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        send(sink, 2001, 12000, 200)
        sink.told("No space left")
        state = sink.exact()
        require(state.unwritten > 1000 and state.held > 1000, f"{state}")
        require("No space left" in state.failure, f"{state}")
        subprocess.run(["mount", "-o", "remount,size=64m", "mnt"], check=True)
        state = sink.settled()
        send(sink, 12001, 12100, 200)
        sink.settled()
        sink.end()
        sink.told_times("cannot write to", 1)
        sink.told(f"can be written again; {state.unwritten} events were lost")
        got = sequences(log)
        require(len(got) == 12100 - state.unwritten, f"{len(got)} lines, {state.unwritten} counted as lost of 12100")
        gaps = sum(b != a + 1 for a, b in zip(got, got[1:]))
        require(gaps == 1, f"{gaps} gaps")
        require(max(os.stat(name).st_size for name in glob.glob(log + "*")) <= 65536, "a file is too large")
    finally:
        subprocess.run(["umount", "-l", "mnt"], check=False)


def read_only():
    """A folder in which nothing can be renamed: the log grows, nothing is lost, and it goes on when it can."""
    os.mkdir("sub")
    log = os.path.abspath("sub/calls.jsonl")
    nobody = 65534
    os.chown("sub", nobody, nobody)
    os.chmod(".", 0o755)
    for folder in (os.path.dirname(os.path.abspath(".")), os.environ["BUILD"]):
        while folder != "/" and not os.stat(folder).st_mode & 1:
            os.chmod(folder, os.stat(folder).st_mode | 0o11) if folder.startswith("/tmp/") else None
            folder = os.path.dirname(folder)
    sink = Sink("log", {"path": log, "max_size": "4K", "keep": 90}, user=nobody)
    send(sink, 1, 10, 105)
    sink.settled()
    os.chown("sub", 0, 0)
    os.chmod("sub", 0o755)
    send(sink, 11, 200, 105)
    state = sink.settled()
    require("cannot be rotated" in state.failure, f"{state}")
    sink.told_times("cannot be rotated", 1)
    require(os.stat(log).st_size > 8192, "the lines are elsewhere")
    os.chown("sub", nobody, nobody)
    eventually(lambda: send(sink, sink.events + 1, sink.events + 1, 105) or "can be rotated again" in sink.talk(),
               "it does not rotate again", 20)
    last = sink.events
    sink.settled()
    sink.end()
    gapless(1, last, log)


def second_writer():
    """Two sections with one path: the second says so and ends."""
    sink = Sink("log", {"path": LOG})
    send(sink, 1, 10)
    sink.settled()
    other = Sink("log", {"path": LOG}, "other")
    require(other.process.wait(15 * SLOW) == 1, "a second writer is not refused")
    other.told("another section or service")
    send(sink, 11, 20)
    sink.end()
    gapless(1, 20)


def fsync():
    """With fsync, always and after a while: all is counted, through rotations."""
    sink = Sink("log", {"path": LOG, "max_size": "4K", "keep": 90, "fsync": "always"})
    send(sink, 1, 500, 105)
    sink.settled()
    sink.end()
    gapless(1, 500)
    sink = Sink("log", {"path": LOG, "max_size": "4K", "keep": 90, "fsync": "200ms"})
    send(sink, 501, 1000, 105)
    sink.settled()
    sink.end()
    gapless(1, 1000)


def links():
    """A link in the log's place is not followed."""
    os.symlink("elsewhere", LOG)
    sink = Sink("log", {"path": LOG})
    require(sink.process.wait(15 * SLOW) == 1, "a symbolic link is followed")
    sink.told("calls.jsonl cannot be opened")
    require(not os.path.exists("elsewhere"), "the link's target was made")


def fifo():
    """A FIFO has lines and no rotation."""
    os.mkfifo(LOG)
    reader = os.open(LOG, os.O_RDONLY | os.O_NONBLOCK)
    sink = Sink("log", {"path": LOG, "max_size": "4K", "fsync": "always"})
    got = b""
    for number in range(1, 201):
        sink.event(event(number, 200))
        try:
            got += os.read(reader, 65536)
        except BlockingIOError:
            pass
    eventually(lambda: sink.read_states() and sink.state.written == 200, f"{sink.state}")
    os.set_blocking(reader, False)
    sink.end()
    try:
        while block := os.read(reader, 65536):
            got += block
    except BlockingIOError:
        pass
    lines = got.count(b"\n")
    require(lines == 200 and not os.path.exists(LOG + ".1"), f"{lines} lines, or a rotation")


def signals():
    """Signals are meant for the service; the program ends with its feed, and writes all before."""
    sink = Sink("log", {"path": LOG})
    send(sink, 1, 10)
    sink.settled()
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        sink.process.send_signal(s)
    send(sink, 11, 5000)
    sink.end()
    gapless(1, 5000)


if __name__ == "__main__":
    main({f.__name__: f for f in (rotates, keeps, by_age, killed, logrotate_rename, logrotate_copytruncate, reopen,
                                  full_disk, read_only, second_writer, fsync, links, fifo, signals)})
