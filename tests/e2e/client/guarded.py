#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A caller the guard may refuse: guarded.py ADDR PORT MODE [ARGUMENT]...

  connect              what connect() says: "connected", or the errno's name
  one TARGET           one request: "status N", "EACCES" (by the completing send), "EPERM" (by connect), "closed"
  forms                lines of stdin, "refused TARGET" or "passed TARGET" (\\xNN for bytes): each is held against it
  split TARGET         the request in two sends, divided at every byte: all must be refused by the completing one
  bytes TARGET         byte by byte; prints the errno and whether it was the last byte that got it
  pipeline TARGET...   all in one send: how many bytes were taken, what the next send says, how many answers came
  keepalive TARGET...  one after the other on one connection
  head SIZE TARGET     with a header of that size
  hold FILE TARGET     connects, makes FILE, waits for FILE.go, then asks
  loop FILE SECONDS    until FILE is there: user-data must never be answered, meta-data never be refused
  udp                  what sendto() and a connected send() say
  urgent TARGET        a byte in the path as urgent data
  nonblocking TARGET   fills the send buffer with the body of a request, then asks
"""

import errno
import os
import socket
import sys
import time

ADDRESS, PORT, MODE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ARGUMENTS = sys.argv[4:]
TIMEOUT = 10 * int(os.environ.get("E2E_SLOW", "1"))


def name(error):
    if isinstance(error, socket.timeout):
        return "timeout"
    return errno.errorcode.get(error.errno, str(error))


def connect(kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET, kind)
    s.settimeout(TIMEOUT)
    s.connect((ADDRESS, PORT))
    return s


def request(target, extra=b""):
    return b"GET " + target + b" HTTP/1.1\r\nHost: imds\r\n" + extra + b"\r\n"


LEFT = {}  # what was read behind a response, by connection


def answer(s):
    """The status of the next response, its body read; or how the connection ended."""
    data = LEFT.pop(s, b"")
    try:
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                return "closed"
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            more = s.recv(65536)
            if not more:
                return "closed"
            body += more
        LEFT[s] = body[length:]
        return "status " + head.split()[1].decode()
    except OSError as error:
        return name(error)


def ask(data):
    try:
        s = connect()
    except OSError as error:
        return name(error)
    with s:
        try:
            s.sendall(data)
        except OSError as error:
            return name(error)
        return answer(s)


def forms():
    wrong = 0
    for line in sys.stdin.buffer:
        want, target = line.rstrip(b"\n").split(b" ", 1)
        target = target.decode("unicode_escape").encode("latin-1")
        got = ask(request(target))
        if (want == b"refused") != (got == "EACCES") or (want == b"passed" and not got.startswith("status")):
            print("%s: wanted %s, got %s" % (target[:80], want.decode(), got))
            wrong += 1
    print("%d wrong" % wrong)


def split(target):
    data = request(target)
    wrong = []
    for at in range(1, len(data)):
        with connect() as s:
            s.sendall(data[:at])
            try:
                s.sendall(data[at:])
                wrong.append(at)
            except OSError as error:
                if error.errno != errno.EACCES:
                    wrong.append(at)
    print("%d divisions, let through at %s" % (len(data) - 1, wrong))


def one_by_one(target):
    data = request(target)
    with connect() as s:
        for i in range(len(data)):
            try:
                s.send(data[i : i + 1])
            except OSError as error:
                print(name(error), "last" if i == len(data) - 1 else i)
                try:
                    s.send(b"x")
                except OSError as again:
                    print("then", name(again))
                return
        print(answer(s))


def pipeline(targets):
    first = [request(t) for t in targets]
    with connect() as s:
        try:
            sent = s.send(b"".join(first))
        except OSError as error:
            sent = name(error)
        requests, taken = 0, 0
        while isinstance(sent, int) and requests < len(first) and taken + len(first[requests]) <= sent:
            taken += len(first[requests])
            requests += 1
        print("%d requests, %s" % (requests, "exactly" if sent == taken else sent))
        if requests < len(first):
            try:
                s.send(b"".join(first)[taken:])
                print("then sent")
            except OSError as error:
                print("then", name(error))
        print([answer(s) for _ in range(requests)])


def keepalive(targets):
    with connect() as s:
        for target in targets:
            try:
                s.sendall(request(target))
            except OSError as error:
                print(name(error))
                continue
            print(answer(s))


def hold(path, target):
    with connect() as s:
        open(path, "w").close()
        end = time.time() + 6 * TIMEOUT
        while not os.path.exists(path + ".go") and time.time() < end:
            time.sleep(0.02)
        try:
            s.sendall(request(target))
        except OSError as error:
            print(name(error))
            return
        print(answer(s))


def loop(path, seconds):
    calls = wrong = 0
    end = time.time() + seconds
    while not os.path.exists(path) and time.time() < end:
        got = ask(request(b"/latest/user-data"))
        if got != "EACCES":
            wrong += 1
            print("user-data:", got)
        got = ask(request(b"/latest/meta-data/ami-id"))
        if not got.startswith("status"):
            wrong += 1
            print("meta-data:", got)
        calls += 2
    print("%d wrong" % wrong)
    print("%d calls" % calls, file=sys.stderr)


def udp():
    s = socket.socket(socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.sendto(b"x", (ADDRESS, PORT))
        print("sendto: sent")
    except OSError as error:
        print("sendto:", name(error))
    try:
        s.connect((ADDRESS, PORT))
        s.send(b"x")
        print("connect: sent")
    except OSError as error:
        print("connect:", name(error))


def urgent(target):
    """What the service takes out of line, the scanner sees in it: the path it would judge is another one."""
    data = request(target)
    with connect() as s:
        s.send(data[:8])
        s.send(b"x", socket.MSG_OOB)
        try:
            s.sendall(data[8:])
        except OSError as error:
            print(name(error))
            return
        s.settimeout(2)
        print(answer(s))


def nonblocking(target):
    """The queue is full: what was judged and not taken must not open the way for something else."""
    body = b"b" * (4 << 20)
    with connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        s.sendall(b"POST /latest/meta-data/ami-id HTTP/1.1\r\nHost: imds\r\nContent-Length: %d\r\n\r\n" % len(body))
        s.setblocking(False)
        rest = body + request(b"/latest/meta-data/ami-id")[:20]
        sent = 0
        end = time.time() + TIMEOUT
        while sent < len(rest) and time.time() < end:
            try:
                sent += s.send(rest[sent : sent + 65536])
            except BlockingIOError:
                time.sleep(0.001)
        s.settimeout(3)
        try:
            s.sendall(b"\r\n\r\n" + request(target))
            print(answer(s), answer(s), answer(s))
        except OSError as error:
            print(name(error))


def main():
    raw = [a.encode("latin-1", "surrogateescape") for a in ARGUMENTS]
    if MODE == "connect":
        try:
            connect().close()
            print("connected")
        except OSError as error:
            print(name(error))
    elif MODE == "one":
        print(ask(request(raw[0])))
    elif MODE == "head":
        print(ask(request(raw[1], b"X-Filler: " + b"f" * int(raw[0]) + b"\r\n")))
    elif MODE == "hold":
        hold(ARGUMENTS[0], raw[1])
    elif MODE == "loop":
        loop(ARGUMENTS[0], int(ARGUMENTS[1]))
    elif MODE in ("pipeline", "keepalive"):
        globals()[MODE](raw)
    else:
        {"forms": forms, "split": split, "bytes": one_by_one, "udp": udp, "urgent": urgent,
         "nonblocking": nonblocking}[MODE](*raw)


main()
