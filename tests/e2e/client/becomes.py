# SPDX-License-Identifier: Apache-2.0
"""becomes.py ADDRESS UID: connects, becomes that user and another program, and only then asks. Prints the status line."""
import os
import socket
import sys

if len(sys.argv) == 3:
    address, uid = sys.argv[1], int(sys.argv[2])
    s = socket.create_connection((address, 80), 10)
    s.setblocking(True)
    s.set_inheritable(True)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    os.execv("/usr/bin/env", ["env", sys.executable, "-SEB", __file__, str(s.fileno())])
s = socket.socket(fileno=int(sys.argv[1]))
s.sendall(b"GET /latest/meta-data/ami-id HTTP/1.0\r\n\r\n")
print(s.recv(15).decode())
