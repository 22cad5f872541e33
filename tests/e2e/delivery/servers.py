# SPDX-License-Identifier: Apache-2.0
"""Syslog servers to send to, on loopback and unix sockets, and certificates for them."""
import os
import re
import select
import socket
import ssl
import subprocess
import threading
import time

from feed import Failed, SLOW, require

MESSAGE = re.compile(rb"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) - (.*)", re.S)


class Message:
    """One message of RFC 5424; anything else fails the test."""

    def __init__(self, data):
        found = MESSAGE.fullmatch(data)
        require(found, f"no message of RFC 5424: {data[:200]!r}")
        pri, self.time, self.host, self.program, self.process, self.id, self.text = found.groups()
        self.facility, self.level = divmod(int(pri), 8)


def numbers(messages):
    """The events the tests send are {"n":NUMBER,…}."""
    return [int(re.match(rb'\{"n":(\d+)', m.text).group(1)) for m in messages]


class Server:
    """Takes messages in a thread of its own, while `reading`."""

    def __init__(self):
        self.messages = []
        self.broken = []
        self.reading = True
        self.running = True
        self.connections = 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        raise NotImplementedError

    def wait(self, count, seconds=10):
        end = time.monotonic() + seconds * SLOW
        while len(self.messages) < count:
            if self.broken:
                raise Failed(self.broken[0])
            if time.monotonic() > end:
                raise Failed(f"{len(self.messages)} messages came, not {count}")
            time.sleep(0.01)
        return self.messages

    def stop(self):
        self.running = False
        self.thread.join(5)


class Datagrams(Server):
    """UDP, or a unix socket of that path."""

    def __init__(self, path=None, port=0):
        super().__init__()
        if path:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(path)
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind(("127.0.0.1", port))
            self.port = self.socket.getsockname()[1]
        self.socket.settimeout(0.05)
        self.thread.start()

    def run(self):
        while self.running:
            if not self.reading:
                time.sleep(0.01)
                continue
            try:
                self.messages.append(Message(self.socket.recv(1 << 20)))
            except socket.timeout:
                pass
            except Failed as reason:
                self.broken.append(str(reason))
        self.socket.close()


class Stream(Server):
    """TCP on loopback, with TLS when there is a context, or a unix stream socket."""

    def __init__(self, context=None, path=None, port=0, family=socket.AF_INET, reading=True, host=None):
        super().__init__()
        self.context = context
        self.reading = reading
        self.nul = bool(path)
        self.errors = []
        self.cut = 0
        if path:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.bind(path)
        else:
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not reading:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.socket.bind((host or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), port))
            self.port = self.socket.getsockname()[1]
        self.socket.listen(8)
        self.client = None
        self.thread.start()

    def accept(self):
        """The next connection, ready to read; None: not yet, or it was refused."""
        if not select.select([self.socket], [], [], 0.05)[0]:
            return None
        client, _ = self.socket.accept()
        self.connections += 1
        try:
            client.settimeout(5 * SLOW)
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            client.settimeout(0.05)
            return client
        except (ssl.SSLError, OSError) as reason:
            self.errors.append(str(reason))
            client.close()
            return None

    def take(self, data):
        """Takes the whole messages from the bytes, returns the rest."""
        while data:
            if self.nul:
                end = data.find(b"\0")
                if end < 0:
                    return data
                message, data = data[:end], data[end + 1:]
            else:
                found = re.match(rb"(\d+) ", data)
                if not found:
                    require(re.fullmatch(rb"\d{1,7}", data), f"no octet count: {data[:60]!r}")
                    return data
                end = found.end() + int(found.group(1))
                if len(data) < end:
                    return data
                message, data = data[found.end():end], data[end:]
            self.messages.append(Message(message))
        return data

    def serve(self):
        rest = b""
        while self.running and self.client:
            if not self.reading:
                time.sleep(0.01)
                continue
            try:
                block = self.client.recv(65536)
            except (socket.timeout, ssl.SSLWantReadError):
                continue
            except OSError:
                break
            if not block:
                break
            rest = self.take(rest + block)
        self.cut += bool(rest)

    def run(self):
        try:
            while self.running:
                self.client = self.accept()
                if self.client:
                    self.serve()
                    if self.client:
                        self.client.close()
        except Failed as reason:
            self.broken.append(str(reason))
        self.socket.close()

    def die(self):
        """Ends at once: what it has not read is gone, and the client gets a reset."""
        self.running = False
        client = self.client
        if client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.thread.join(5)


def openssl(*arguments):
    r = subprocess.run(["openssl", *arguments], capture_output=True, check=False)
    require(r.returncode == 0, f"openssl {arguments[0]}: {r.stderr.decode()[-300:]}")


def make_ca(name):
    """NAME.pem and NAME.key."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")


def make_certificate(ca, name, alternative):
    """NAME.pem and NAME.key, signed by the CA."""
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.csr", "-subj", f"/CN={name}")
    with open(f"{name}.ext", "w", encoding="ascii") as f:
        f.write(f"subjectAltName={alternative}\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")


def server_context(name, client_ca=None, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{name}.pem", f"{name}.key")
    if newest:
        if newest < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(f"{client_ca}.pem")
    return context


def path(name):
    return os.path.abspath(name)
