#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""verdicts.py: makes verdicts.rec of versions.rec, as a guard would have changed it: each conversation gets a verdict of
another kind. What cannot be had from a guest in one run: losses, and both orders of connect and verdict."""
import struct

HEADER = struct.Struct("<HHIQQ")
CONNECT, STREAM, CLOSE, LOSS, VERDICT = 1, 3, 4, 5, 6
ALLOWED, WOULD_DENY, DENIED = 1, 2, 3
AT_CONNECT, AT_REQUEST = 1, 2
RELEASED, GUARD = 0x200, 0x1000


def read(path):
    data = open(path, "rb").read()
    at = 8 + 8 + 8 + 40 + 40 + 64 + 16
    head, records = data[:at], []
    while at < len(data):
        kind, flags, length, time, id = HEADER.unpack_from(data, at)
        records.append([kind, flags, time, id, data[at + HEADER.size:at + length]])
        at += (length + 7) & ~7
    return head, records


def verdict(record, what, stage, line, data=b"", offset=0, protocol=6):
    body = struct.pack("<IIIBBBBII", 0, len(data), line, what, stage, protocol, 0, offset, 0)
    return [VERDICT, 0, record[2] - 1, record[3], body + b"/etc/imdsnitch/guard.rules".ljust(128, b"\0") + data]


def is_request(record):
    return record[0] == STREAM and not record[1] & 0x40 and len(record[4]) > 32


def refused(records):
    """The request in two parts, of which the second one stays here."""
    out = []
    for r in records:
        if r[0] == STREAM and r[1] & 0x40 and len(r[4]) > 32:
            continue
        if not is_request(r):
            out.append(r)
            continue
        payload = r[4][32:]
        cut = len(payload) - 50
        out.append(r[:4] + [r[4][:4] + struct.pack("<I", cut) + r[4][8:32] + payload[:cut]])
        out.append(verdict([0, 0, r[2] + 2, r[3]], DENIED, AT_REQUEST, 5, payload[cut:], cut))
        out.append([CLOSE, 0, r[2] + 1000, r[3], struct.pack("<II", 0, 1)])
        break
    return out


def guarded(record, port, what, line, protocol):
    """A socket only the guard saw."""
    body = record[4][:16] + struct.pack("<H", port) + record[4][18:]
    connect = [CONNECT, record[1] | GUARD, record[2], record[3], body]
    return [connect, verdict(record, what, AT_CONNECT, line, protocol=protocol)]


def main():
    head, records = read("versions.rec")
    by = {id: [r for r in records if r[3] == id] for id in range(1, 7)}
    out = []
    for r in by[1]:
        out += ([verdict(r, ALLOWED, AT_REQUEST, 7)] if is_request(r) else []) + [r]
    for r in by[2]:
        out += ([verdict(r, WOULD_DENY, AT_REQUEST, 3)] if is_request(r) else []) + [r]
    out += refused(by[3])
    connect = by[4][0]
    out += [connect, verdict(connect, DENIED, AT_CONNECT, 2),
            [CLOSE, RELEASED, connect[2] + 1000, 4, struct.pack("<II", 0, 7)]]
    connect = by[5][0]
    out += [verdict(connect, DENIED, AT_CONNECT, 2), connect,
            [CLOSE, RELEASED, connect[2] + 1000, 5, struct.pack("<II", 0, 7)]]
    out += guarded(by[6][0], 53, DENIED, 2, 17)
    again = by[6][0][:3] + [7] + by[6][0][4:]
    out += guarded(again, 8080, WOULD_DENY, 3, 6)
    out.append([LOSS, 0, again[2] + 1, 0, struct.pack("<8Q", 2, 0, 0, 0, 0, 0, 0, 0)])
    with open("verdicts.rec", "wb") as f:
        f.write(head)
        for kind, flags, time, id, body in out:
            record = HEADER.pack(kind, flags, HEADER.size + len(body), time, id) + body
            f.write(record + b"\0" * (-len(record) % 8))


main()
