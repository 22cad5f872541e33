#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""receive.py SOCKET RESULT: a syslog server that keeps nothing. At SIGTERM it writes for each run of the service a line
`FIRST LAST COUNT` of event.sequence, and a line `wrong TEXT` for each number that came twice or too late.
"""
import signal
import socket
import sys

KEY = b'"sequence":'


def number(message):
    start = message.index(KEY) + len(KEY)
    end = start
    while message[end] in b"0123456789":
        end += 1
    return int(message[start:end])


def take(message, runs, wrong):
    n = number(message)
    if n == 0 or not runs:
        runs.append([n, n - 1, 0])
    if n <= runs[-1][1]:
        wrong.append(f"{n} after {runs[-1][1]}")
    runs[-1][1] = n
    runs[-1][2] += 1


def main():
    runs, wrong = [], []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: server.close() or sys.exit(0))
    message = bytearray(1 << 20)
    try:
        while True:
            take(message[: server.recv_into(message)], runs, wrong)
    finally:
        with open(sys.argv[2], "w", encoding="ascii") as file:
            file.writelines(f"{first} {last} {count}\n" for first, last, count in runs)
            file.writelines(f"wrong {text}\n" for text in wrong)


main()
