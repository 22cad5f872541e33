# SPDX-License-Identifier: Apache-2.0
"""imdsnitch-syslog: every transport, and servers that are slow, refuse, die and come back."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

from feed import ERROR, INFO, SLOW, WARNING, Failed, Sink, eventually, main, require
from servers import Datagrams, Stream, make_ca, make_certificate, numbers, path, server_context

SECRET_PORT = 6514


def event(number, more=""):
    return f'{{"n":{number},"more":"{more}","event":{{"action":"imds-request","sequence":{number}}}}}\n'.encode()


def send(sink, first, last, more=""):
    for number in range(first, last + 1):
        sink.event(event(number, more), WARNING)


def check_all(server, last):
    got = numbers(server.wait(last))
    require(got == list(range(1, last + 1)), f"not each once and in order: {got[:20]} …")


def check_head(message, facility=3):
    require(message.facility == facility and message.level == 4, f"PRI is {message.facility}, {message.level}")
    require(message.time == b"2026-11-22T12:57:51.123456Z", f"TIMESTAMP is {message.time}")
    require(message.host.decode() == socket.gethostname(), f"HOSTNAME is {message.host}")
    require(message.program == b"imdsnitch" and message.id == b"imds-request", "APP-NAME or MSGID")
    require(int(message.process) == os.getpid(), f"PROCID is {message.process}")


def delivers(sink, server):
    send(sink, 1, 500)
    check_all(server, 500)
    check_head(server.messages[0])
    require(server.messages[7].text == event(8).rstrip(), f"MSG is {server.messages[7].text}")
    state = sink.settled()
    require(state.written == 500 and state.unwritten == 0, f"{state}")
    sink.end()
    server.stop()


def udp():
    server = Datagrams()
    delivers(Sink("syslog", {"to": f"udp:127.0.0.1:{server.port}"}), server)


def unix():
    server = Datagrams(path("log"))
    delivers(Sink("syslog", {"to": f"unix:{path('log')}"}), server)


def unix_slow():
    """A server that is busy for a while."""
    server = Datagrams(path("log"))
    server.reading = False
    sink = Sink("syslog", {"to": f"unix:{path('log')}"})
    sink.wait_for(lambda s: s.pid, "it does not start")
    before = sink.resident()
    send(sink, 1, 1000, "x" * 700)
    require(sink.exact().held > 0, "all of it was taken by a server that does not read")
    server.reading = True
    check_all(server, 1000)
    sink.settled()
    sink.rests()
    more = sink.resident() - before
    require(more < 400 or "test" in os.environ["BUILD"], f"of what waited {more} kB stay")
    sink.end()
    server.stop()


def unix_stream():
    server = Stream(path=path("log"))
    delivers(Sink("syslog", {"to": f"unix:{path('log')}"}), server)


def tcp():
    server = Stream()
    delivers(Sink("syslog", {"to": f"tcp:127.0.0.1:{server.port}"}), server)


def tcp6():
    server = Stream(family=socket.AF_INET6)
    delivers(Sink("syslog", {"to": f"tcp:[::1]:{server.port}"}), server)


def name():
    """A host name is looked up, outside of the program's main course."""
    server = Stream()
    delivers(Sink("syslog", {"to": f"tcp:localhost:{server.port}"}), server)


def unknown_name():
    sink = Sink("syslog", {"to": "tcp:no-such-host.invalid:514"})
    send(sink, 1, 10)
    state = sink.wait_for(lambda s: s.failure, "an unknown host is not told", 30)
    require("address" in state.failure and state.held == 10, f"{state}")
    sink.end()
    sink.told("10 events could not be sent")


def facility():
    server = Stream()
    sink = Sink("syslog", {"to": f"tcp:127.0.0.1:{server.port}", "facility": "local7", "format": "text"})
    sink.event(b'{"n":1} text\n', ERROR)
    message = server.wait(1)[0]
    require((message.facility, message.level, message.id) == (23, 3, b"-"), f"PRI {message.facility}.{message.level}")
    sink.end()
    server.stop()


def large():
    """TCP has no bound, UDP one that is told and counted."""
    server = Stream()
    sink = Sink("syslog", {"to": f"tcp:127.0.0.1:{server.port}"})
    for number in (1, 2, 3):
        send(sink, number, number, "x" * 900000)
        server.wait(number)
    check_all(server, 3)
    require(len(server.messages[1].text) > 900000, "it was cut")
    sink.settled()
    sink.end()
    server.stop()
    server = Datagrams()
    sink = Sink("syslog", {"to": f"udp:127.0.0.1:{server.port}"})
    send(sink, 1, 1, "x" * 60000)
    send(sink, 2, 3, "x" * 70000)
    send(sink, 4, 4)
    state = sink.settled()
    require((state.written, state.unwritten) == (2, 2), f"{state}")
    require(numbers(server.wait(2)) == [1, 4], "not those that fit")
    sink.told_times("does not fit into a datagram", 1)
    sink.end()
    server.stop()


def slow(context=None, to="tcp", **more):
    """A server that accepts and never reads: nothing waits for it, one gap is counted, then it goes on."""
    server = Stream(context=context, reading=False)
    sink = Sink("syslog", {"to": f"{to}:127.0.0.1:{server.port}", **more})
    began = time.monotonic()
    send(sink, 1, 10000, "x" * 400)
    require(time.monotonic() - began < 30 * SLOW, "a slow server slows the feed")
    state = sink.exact(20)
    require(state.unwritten > 1000 and state.held > 1000, f"{state}")
    sink.told("it is too slow")
    require(sink.resident() < 40000 or "test" in os.environ["BUILD"], f"{sink.resident()} kB resident")
    server.reading = True
    lost = sink.settled(20).unwritten
    got = numbers(server.wait(10000 - lost))
    require(got == list(range(1, len(got) + 1)), "not the oldest, or not in order")
    sink.told(f"takes events again; {lost} were lost")
    sink.event(event(10001), WARNING)
    server.wait(10000 - lost + 1)
    sink.settled()
    sink.rests()
    sink.end()
    server.stop()


def comes_back():
    """A server that dies in the middle: nothing is lost, what may not have arrived comes again, whole."""
    server = Stream()
    port = server.port
    sink = Sink("syslog", {"to": f"tcp:127.0.0.1:{port}"})
    send(sink, 1, 100)
    check_all(server, 100)
    sink.settled()
    server.reading = False
    send(sink, 101, 2000, "x" * 300)
    eventually(lambda: sink.read_states() and sink.state.held > 100, "the server reads still")
    server.die()
    sink.told("does not take events")
    send(sink, 2001, 2100)
    second = Stream(port=port)
    second.wait(100, 20)
    sink.settled(20)
    sink.told("takes events again; ")
    sink.end()
    second.stop()
    got = numbers(second.messages)
    require(got == list(range(got[0], 2101)), f"not in order: {got[:5]} … {got[-5:]}")
    # What the first one's kernel had taken was its own to lose; all it had not is here.
    require(got[0] <= 1500, f"begins again with {got[0]} only")
    require(sink.state.unwritten == 0, f"{sink.state}")


def refused():
    """Nobody listens: 1 s, 2 s, 4 s … between two attempts; it is said once."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    sink = Sink("syslog", {"to": f"tcp:127.0.0.1:{port}"})
    send(sink, 1, 50)
    state = sink.wait_for(lambda s: s.failure and s.held == 50, "a refused connection is not told")
    require("refused" in state.failure, f"{state}")
    time.sleep(3)
    sink.told_times("does not take events", 1)
    listener.close()
    server = Stream(port=port)
    check_all(server, 50)
    sink.settled()
    sink.end()
    server.stop()


def udp_refused():
    """A datagram that came back is not counted as written, and the next ones wait."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    sink = Sink("syslog", {"to": f"udp:127.0.0.1:{port}"})
    send(sink, 1, 1)
    sink.told("Connection refused")
    send(sink, 2, 5)
    server = Datagrams(port=port)
    got = numbers(server.wait(4, 20))
    state = sink.settled()
    require(got == [2, 3, 4, 5] and state.unwritten == 1 and state.written == 4, f"{got}, {state}")
    sink.end()
    server.stop()


def certificates():
    make_ca("ca")
    make_ca("other")
    make_certificate("ca", "server", "DNS:syslog.test,DNS:localhost,IP:127.0.0.1")
    make_certificate("ca", "wrong", "DNS:elsewhere.test")
    make_certificate("ca", "client", "DNS:client.test")


def tls():
    certificates()
    server = Stream(context=server_context("server"))
    delivers(Sink("syslog", {"to": f"tls:localhost:{server.port}", "ca": path("ca.pem")}), server)
    server = Stream(context=server_context("server"))
    delivers(Sink("syslog", {"to": f"tls:127.0.0.1:{server.port}", "ca": path("ca.pem")}), server)
    server = Stream(context=server_context("server", newest=ssl.TLSVersion.TLSv1_2))
    delivers(Sink("syslog", {"to": f"tls:127.0.0.1:{server.port}", "ca": path("ca.pem"),
                             "server_name": "syslog.test"}), server)


def tls_refuses(server, reason, **settings):
    """The server must get nothing, and the reason is told."""
    sink = Sink("syslog", {"to": f"tls:127.0.0.1:{server.port}", **settings})
    send(sink, 1, 5)
    sink.told(reason, 20)
    state = sink.exact()
    require(state.held == 5 and not server.messages, f"{state}: {len(server.messages)} came")
    sink.end()
    server.stop()
    os.unlink("syslog.err")


def tls_refused():
    """A wrong name, an unknown authority, the system's store, an old protocol, no TLS at all."""
    certificates()
    ca = path("ca.pem")
    tls_refuses(Stream(context=server_context("wrong")), "mismatch", ca=ca)
    tls_refuses(Stream(context=server_context("server")), "mismatch", ca=ca, server_name="syslog.tes")
    tls_refuses(Stream(context=server_context("server")), "certificate is refused", ca=path("other.pem"))
    tls_refuses(Stream(context=server_context("server")), "certificate is refused")
    tls_refuses(Stream(context=server_context("server", newest=ssl.TLSVersion.TLSv1_1)), "TLS", ca=ca)


def tls_client():
    """Our certificate, where the server wants one; without it, no event counts as written."""
    certificates()
    ca = path("ca.pem")
    server = Stream(context=server_context("server", client_ca="ca"))
    delivers(Sink("syslog", {"to": f"tls:127.0.0.1:{server.port}", "ca": ca, "certificate": path("client.pem"),
                             "key": path("client.key")}), server)
    server = Stream(context=server_context("server", client_ca="ca"))
    sink = Sink("syslog", {"to": f"tls:127.0.0.1:{server.port}", "ca": ca})
    send(sink, 1, 5)
    sink.told("does not take events", 20)
    state = sink.wait_for(lambda s: s.failure, "a refusal is not told")
    require("certificate required" in state.failure or "reset by peer" in state.failure, f"{state}")
    require(state.held == 5 and not server.messages, f"{state}")
    sink.end()
    server.stop()


def tls_late_refusal():
    """A server that looks at our certificate after its kernel has taken what we send: nothing counts as written."""
    certificates()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    sink = Sink("syslog", {"to": f"tls:127.0.0.1:{listener.getsockname()[1]}", "ca": path("ca.pem")})
    send(sink, 1, 5)
    client, _ = listener.accept()
    said, heard = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = server_context("server", client_ca="ca").wrap_bio(heard, said, server_side=True)
    heard.write(client.recv(65536))
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        client.sendall(said.read())
    time.sleep(0.5)
    heard.write(client.recv(65536))
    try:
        session.do_handshake()
    except ssl.SSLError:
        client.sendall(said.read())
    client.close()
    sink.told("does not take events")
    sink.read_states()
    sink.state = None
    require(sink.exact().held == 5, f"{sink.state}")
    sink.end()


def tls_bad_files():
    """What cannot be read is said at the start, with its name."""
    certificates()
    sink = Sink("syslog", {"to": "tls:127.0.0.1:1", "ca": path("nowhere.pem")})
    sink.told("nowhere.pem cannot be read")
    require(sink.process.wait(10) == 1, "it does not end")
    sink = Sink("syslog", {"to": "tls:127.0.0.1:1", "certificate": path("client.pem"), "key": path("server.key")})
    sink.told("server.key cannot be used")


def tls_slow():
    certificates()
    slow(server_context("server"), "tls", ca=path("ca.pem"))


def tls_silent():
    """A server that accepts and says nothing of TLS: events wait, and the end comes in time."""
    certificates()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    sink = Sink("syslog", {"to": f"tls:127.0.0.1:{listener.getsockname()[1]}", "ca": path("ca.pem")})
    send(sink, 1, 100)
    state = sink.exact()
    require(state.held == 100, f"{state}")
    sink.end(seconds=10)
    sink.told("100 events could not be sent")


def tls_comes_back():
    """A TLS server that is restarted: all there, in order."""
    certificates()
    server = Stream(context=server_context("server"))
    port = server.port
    sink = Sink("syslog", {"to": f"tls:127.0.0.1:{port}", "ca": path("ca.pem")})
    send(sink, 1, 100)
    check_all(server, 100)
    sink.settled()
    server.die()
    send(sink, 101, 200)
    second = Stream(context=server_context("server"), port=port)
    second.wait(100, 20)
    require(numbers(second.messages) == list(range(101, 201)), "not all, or not in order")
    sink.settled()
    sink.end()
    second.stop()


RSYSLOG = """
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
module(load="imudp")
module(load="imuxsock" SysSock.Use="off")
global(workDirectory="{work}" maxMessageSize="2m" DefaultNetstreamDriverCAFile="{work}/ca.pem"
       DefaultNetstreamDriverCertFile="{work}/server.pem" DefaultNetstreamDriverKeyFile="{work}/server.key")
template(name="fields" type="string"
         string="%protocol-version%|%syslogfacility-text%|%syslogseverity-text%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n")
ruleset(name="out") {{ action(type="omfile" file="{work}/out" template="fields") }}
input(type="imtcp" port="{tls}" address="127.0.0.1" ruleset="out")
input(type="imtcp" port="{tcp}" address="127.0.0.1" ruleset="out" StreamDriver.Mode="0" StreamDriver.Name="ptcp")
input(type="imudp" port="{udp}" address="127.0.0.1" ruleset="out")
input(type="imuxsock" Socket="{work}/log" UseSpecialParser="off" ParseHostname="on" IgnoreTimestamp="off" UseSysTimeStamp="off" RateLimit.Interval="0" ruleset="out")
"""


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rsyslog():
    """A real rsyslog reads our messages as RFC 5424 over every transport."""
    daemon = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin")
    if not daemon:
        print("rsyslog is not installed", file=sys.stderr)
        sys.exit(77)
    certificates()
    work = os.getcwd()
    ports = {"tcp": free_port(socket.SOCK_STREAM), "tls": free_port(socket.SOCK_STREAM),
             "udp": free_port(socket.SOCK_DGRAM)}
    with open("rsyslog.conf", "w", encoding="ascii") as f:
        f.write(RSYSLOG.format(work=work, **ports))
    with open("rsyslog.log", "wb") as log:
        process = subprocess.Popen([daemon, "-n", "-f", "rsyslog.conf", "-i", f"{work}/rsyslog.pid"], stdout=log,
                                   stderr=log)
    try:
        eventually(lambda: os.path.exists("log"), "rsyslog does not start")
        expected = ["1", "local3", "warning", "2026-11-22T12:57:51.123456+00:00", socket.gethostname(), "imdsnitch",
                    str(os.getpid()), "imds-request", "-"]
        for count, to in enumerate((f"unix:{work}/log", f"udp:127.0.0.1:{ports['udp']}",
                                    f"tcp:127.0.0.1:{ports['tcp']}", f"tls:127.0.0.1:{ports['tls']}"), 1):
            sink = Sink("syslog", {"to": to, "facility": "local3", "ca": path("ca.pem")})
            send(sink, count, count)
            sink.settled()
            eventually(lambda: os.path.exists("out") and open("out", "rb").read().count(b"\n") == count,
                       f"{to} does not arrive")
            line = open("out", encoding="utf-8").read().splitlines()[-1]
            fields = line.split("|", 9)
            fields[3] = fields[3].replace("Z", "+00:00")
            require(fields[:9] == expected, f"{to}: {fields[:9]}")
            require(fields[9].strip() == event(count).decode().strip(), f"{to}: {fields[9]}")
            sink.end()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main({f.__name__: f for f in (udp, unix, unix_slow, unix_stream, tcp, tcp6, name, unknown_name, facility, large, slow,
                                  comes_back, refused, udp_refused, tls, tls_refused, tls_client, tls_late_refusal, tls_bad_files,
                                  tls_slow, tls_silent, tls_comes_back, rsyslog)})
