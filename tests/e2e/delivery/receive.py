# SPDX-License-Identifier: Apache-2.0
"""Datagram sockets whose datagrams go to files, a line end behind each: receive.py SOCKET FILE …"""
import os
import select
import socket
import sys

sockets = {}
for name, out in zip(sys.argv[1::2], sys.argv[2::2]):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(name + ".new")
    os.rename(name + ".new", name)
    sockets[s] = open(out, "ab", buffering=0)
while True:
    for s in select.select(list(sockets), [], [])[0]:
        sockets[s].write(s.recv(1 << 20) + b"\n")
