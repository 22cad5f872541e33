#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""damaged.py ADDRESS…: a service whose answer is 200, but before it a segment with 202 leaves for the same place.

It leaves through a raw socket, so the caller's host must test its checksum. Of a path with "damaged" it is that of the
200: the caller's TCP drops the segment and takes the 200. Else it is right: the caller's TCP takes the 202.
"""
import socket
import struct
import sys
import threading
import time

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
RECV_QUEUE, SEND_QUEUE = 1, 2
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\nConnection: close\r\n\r\n" + b"x" * 200
OTHER = ANSWER.replace(b"200 OK", b"202 OK")


def sequences(connection):
    """Of the next byte to send and to receive."""
    numbers = []
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    for queue in (SEND_QUEUE, RECV_QUEUE):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        numbers.append(connection.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff)
    connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)
    # The end of repair takes it away (tcp_setsockopt() in the kernel): nobody could listen here for a minute.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return numbers


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def send_other(connection, sum_of):
    (here, port, *_), (there, peer, *_) = connection.getsockname(), connection.getpeername()
    sent, received = sequences(connection)

    def segment(payload, check):
        return struct.pack("!HHIIBBHHH", port, peer, sent, received, 5 << 4, 0x18, 512, check, 0) + payload

    pseudo = socket.inet_pton(connection.family, here) + socket.inet_pton(connection.family, there)
    pseudo += struct.pack("!II", 20 + len(OTHER), socket.IPPROTO_TCP)
    check = checksum(pseudo + segment(sum_of, 0))
    with socket.socket(connection.family, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.bind((here, 0))
        raw.sendto(segment(OTHER, check), (there, 0))


def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            send_other(connection, ANSWER if b"damaged" in connection.recv(65536) else OTHER)
            time.sleep(0.1)
            connection.sendall(ANSWER)


def main():
    for address in sys.argv[1:]:
        listener = socket.create_server((address, 80), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


main()
