# SPDX-License-Identifier: Apache-2.0
"""Tests of imdsnitch-metrics: metrics.py TEST PROGRAM|FILE|NUMBER. The last line printed says what is wrong; exit status 1."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import feed

PORT = 9464
SAMPLE = re.compile(r'^([a-z_0-9]+)(?:\{(.*)\})? ([0-9.]+)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def expect(value, expected, what):
    if value != expected:
        sys.exit(f"{what}: {value!r}, not {expected!r}")


def parse(text):
    """Samples as {(name, ((label, value), …)): number}; anything else is an error."""
    if not text.endswith("\n"):
        sys.exit(f"the exposition ends within a line: {text[-60:]!r}")
    samples = {}
    for line in text.splitlines():
        if line.startswith("# HELP ") or line.startswith("# TYPE "):
            continue
        found = SAMPLE.match(line)
        if not found:
            sys.exit(f"no sample: {line!r}")
        labels = tuple(LABEL.findall(found[2] or ""))
        if ",".join(f'{name}="{value}"' for name, value in labels) != (found[2] or ""):
            sys.exit(f"no labels: {line!r}")
        if (found[1], labels) in samples:
            sys.exit(f"twice: {line!r}")
        samples[found[1], labels] = float(found[3])
    return samples


def total(samples, name, **labels):
    """The sum of the samples of that name with at least these labels."""
    return sum(
        value
        for (metric, pairs), value in samples.items()
        if metric == name and set(labels.items()) <= set(pairs)
    )


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def promtool(*arguments, stdin=None):
    if not shutil.which("promtool"):
        return
    done = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"promtool {' '.join(arguments)}: {(done.stdout + done.stderr).strip()!r}")


def check(text):
    promtool("check", "metrics", stdin=text)
    return parse(text)


def start(program, **settings):
    sink = feed.Program(program, "metrics", settings)
    sink.count()
    return sink


def get(path="/metrics", port=PORT):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        expect(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "the content type")
        return answer.read().decode()


def listening(port=PORT):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def answers(port=PORT):
    """Before the program knows the counts it answers with 503."""
    try:
        return bool(get(port=port))
    except OSError:
        return False


def served(count):
    """Waits until `count` requests are counted, and returns the samples."""
    feed.until("an answer", answers)
    feed.until(f"{count} requests", lambda: total(parse(get()), "imds_requests_total") == count)
    return check(get())


def calls(sink):
    """Calls of every kind, and what the service says of them."""
    kinds = [(b"v1", 20), (b"v2", 30), (b"unknown", 4), (None, 3)]
    for version, count in kinds:
        sink.calls(*[feed.request(version) for _ in range(count)])
    sink.calls(feed.row({"action": b"imds-connect", "service": b"ec2", "outcome": b"failure", "reason": b"ETIMEDOUT"}))
    sink.count(calls=57, calls_v1=20, calls_v2=30, calls_unknown=4, connects=1)


def agree(samples):
    """What is counted from events is what the service counts."""
    for version, count in (("v1", 20), ("v2", 30), ("unknown", 4), ("none", 3)):
        expect(total(samples, "imds_requests_total", version=version), count, f"requests of {version}")
        expect(total(samples, "imds_calls_total", version=version), count, f"calls of {version}")
    expect(total(samples, "imds_requests_total"), total(samples, "imds_calls_total"), "requests")
    expect(total(samples, "imds_request_duration_seconds_count"), 57, "durations")
    expect(total(samples, "imds_responses_total", code="200"), 57, "responses")
    expect(total(samples, "imds_v1_calls_total"), 20, "v1 by cause")
    expect(total(samples, "imds_connects_total", reason="ETIMEDOUT"), 1, "connections")
    expect(total(samples, "imds_events_lost_total"), 0, "losses")


def textfile(program):
    """Written every interval, whole at any moment, and at the end not attached."""
    sink = start(program, textfile=os.path.abspath("x.prom"), interval="1s")
    feed.until("the textfile", lambda: os.path.exists("x.prom"))
    expect(total(check(read("x.prom")), "imds_attached"), 1, "attached")
    calls(sink)
    feed.until("57 calls", lambda: total(parse(read("x.prom")), "imds_requests_total") == 57)
    agree(check(read("x.prom")))
    expect(os.stat("x.prom").st_mode & 0o7777, 0o644, "the mode")
    written = os.stat("x.prom").st_mtime_ns
    feed.until("another textfile", lambda: os.stat("x.prom").st_mtime_ns != written)
    sink.calls(feed.request())
    expect(sink.end(), 0, "the exit status")
    last = check(read("x.prom"))
    expect(total(last, "imds_attached"), 0, "attached at the end")
    expect(total(last, "imds_requests_total"), 58, "the last request")
    expect(sorted(os.listdir(".")), ["program.err", "program.pid", "x.prom"], "what is left")
    expect(feed.errors(), [], "what was said")


def whole(program):
    """A reader that does nothing else only ever sees whole files."""
    sink = start(program, textfile=os.path.abspath("x.prom"), interval="1s")
    feed.until("the textfile", lambda: os.path.exists("x.prom"))
    seen, last = set(), 0
    for i in range(64):
        sink.calls(*[feed.request(program=b"program-%d" % i, service=name) for name in (b"ec2", b"ecs", b"gcp")])
        sink.send(feed.frame(feed.REOPEN, b"")) # writes at once
        for _ in range(50):
            text = read("x.prom")
            count = total(parse(text), "imds_requests_total")
            if not text.startswith("# HELP imds_attached ") or '# TYPE imds_v1_calls_total counter\n' not in text:
                sys.exit("part of a file was seen")
            if count < last:
                sys.exit("an older file was seen")
            last = count
            seen.add(count)
    if len(seen) < 10:
        sys.exit(f"only {len(seen)} versions of the file were seen")
    expect(sink.end(), 0, "the exit status")


def broken(program):
    """The service is killed: nothing says that it ends, and nobody may take the probe for attached."""
    sink = start(program, textfile=os.path.abspath("x.prom"), interval="1h")
    feed.until("the textfile", lambda: os.path.exists("x.prom"))
    calls(sink)
    expect(sink.end(last=False), 0, "the exit status")
    samples = check(read("x.prom"))
    expect(total(samples, "imds_attached"), 0, "attached")
    agree(samples)


def trouble(program):
    """A directory that is not there, then a full disk: said once, tried again, nothing left behind."""
    sink = start(program, textfile=os.path.abspath("mnt/x.prom"), interval="1s")
    feed.until("the failure", lambda: (sink.state() or {"failure": ""})["failure"] == "textfile: No such file or directory")
    time.sleep(2.5)
    expect(len(feed.errors()), 1, "how often it was said")
    os.mkdir("mnt")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "mnt"], check=True)
    feed.until("the textfile", lambda: os.path.exists("mnt/x.prom"))
    feed.until("recovery", lambda: (sink.state() or {"failure": "?"})["failure"] == "")
    with open("mnt/filling", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    before = read("mnt/x.prom")
    sink.calls(*[feed.request(program=b"program-%d" % i) for i in range(60)])
    sink.count(calls=60, calls_v1=60)
    feed.until("the failure", lambda: "No space" in (sink.state() or {"failure": ""})["failure"])
    expect(read("mnt/x.prom"), before, "the file on the full disk")
    expect(sorted(os.listdir("mnt")), ["filling", "x.prom"], "what is on the disk")
    os.unlink("mnt/filling")
    feed.until("60 calls", lambda: total(parse(read("mnt/x.prom")), "imds_requests_total") == 60)
    expect(sink.end(), 0, "the exit status")
    expect(os.listdir("mnt"), ["x.prom"], "what is on the disk")
    said = [re.sub(r"^imdsnitch: the metrics | \S*/mnt/x\.prom", "", line) for line in feed.errors()]
    again = "are written to again"
    expect(
        said,
        ["cannot be written to: No such file or directory; it is tried again", again,
         "cannot be written to: No space left on device; it is tried again", again],
        "what was said",
    )


def loss(program):
    """What this program was not given is in its own counts."""
    sink = start(program, listen=f"127.0.0.1:{PORT}")
    sink.calls(feed.request(), b"no row at all")
    sink.count(calls=12, calls_v1=12, dropped=10, unwritten=17, lost=3, truncated=2, evicted=1)
    samples = served(1)
    missing = total(samples, "imds_calls_total") - total(samples, "imds_requests_total")
    expect(total(samples, "imds_events_lost_total", reason="queue"), 10, "lost in the queue")
    expect(missing, 10 + 1, "calls that are no requests here")
    expect(total(samples, "imds_events_lost_total", reason="unwritten"), 7, "lost by others")
    expect(total(samples, "imds_events_lost_total", reason="ring"), 3, "lost in the ring")
    expect(total(samples, "imds_events_lost_total", reason="truncated"), 2, "truncated")
    expect(total(samples, "imds_events_lost_total", reason="evicted"), 1, "evicted")
    state = feed.until("a state", sink.state)
    expect((state["written"], state["unwritten"]), (1, 1), "what the program says of itself")
    expect(sink.end(), 0, "the exit status")


def bounds(program):
    """Callers with names made to do harm: 64 of them, whole lines, and no request uncounted."""
    sink = start(program, listen=f"127.0.0.1:{PORT}", textfile=os.path.abspath("x.prom"))
    names = [b'"} 1\n# \xff\x00%d' % i for i in range(3000)]
    for service in (b"ec2", b"ecs", b"gcp", b"nonsense"):
        for at in range(0, len(names), 100):
            sink.calls(*[feed.request(program=name[:15], service=service) for name in names[at : at + 100]])
    samples = served(4 * 3000)
    programs = {dict(labels)["program"] for name, labels in samples if name == "imds_requests_total"}
    expect(len(programs), 65, "names and other")
    expect("other" in programs, True, "other")
    expect({dict(labels)["service"] for name, labels in samples if name == "imds_requests_total"},
           {"ec2", "ecs", "gcp", "other"}, "services")
    keys = {name for _, labels in samples for name, _ in labels}
    allowed = {"provider", "service", "version", "class", "verdict", "program", "cause", "code", "outcome", "reason", "le"}
    expect(keys - allowed, set(), "labels")
    expect(sink.end(), 0, "the exit status")


def talk(data, half_close=False, timeout=10):
    """What the server answers, until it closes."""
    with socket.create_connection(("127.0.0.1", PORT), timeout) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                return answer
            answer += piece


def http(program):
    """Requests of every kind, with clients that mean harm beside them."""
    sink = feed.Program(program, "metrics", {"listen": f"127.0.0.1:{PORT}"})
    host = b"Host: x\r\n\r\n"
    feed.until("listening", listening)
    expect(talk(b"GET /metrics HTTP/1.1\r\n" + host)[:12], b"HTTP/1.1 503", "the answer before the first counts")
    sink.count()
    calls(sink)
    agree(served(57))
    cases = [
        (b"GET /metrics HTTP/1.1\r\n" + host, b"200"), (b"HEAD /metrics HTTP/1.1\r\n" + host, b"200"),
        (b"GET / HTTP/1.1\r\n" + host, b"404"), (b"POST /metrics HTTP/1.1\r\n" + host, b"405"),
        (b"\x16\x03\x01\x00\xa5\x01", b"400"), (b"GET /metrics\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + host, b"431"),
        (b"GET /" + b"a" * 1000000, b"431"), (b"GET /metrics HTTP/2.0\r\n" + host, b"505"),
        (b"GET /metrics HTTP/1.1\r\n" + host + b"GET /metrics HTTP/1.1\r\n" + host, b"200"),
    ]
    for data, status in cases:
        answer = talk(data)
        expect(answer[:12], b"HTTP/1.1 " + status, f"the answer to {data[:40]!r}")
        expect(answer.count(b"HTTP/1.1 "), 1, "answers on one connection")
    expect(talk(cases[1][0]).endswith(b"\r\n\r\n"), True, "the end of an answer to HEAD")
    expect(talk(cases[0][0], half_close=True)[:12], b"HTTP/1.1 200", "the answer to a half-closed client")
    expect(talk(b"GET /met", half_close=True), b"", "the answer to half a request")
    hold_on(sink)
    expect(sink.end(), 0, "the exit status")
    expect(listening(), False, "listening at the end")


def hold_on(sink):
    """200 connections that say little: scrapes and events go on, and all are closed after a while."""
    slow = []
    for i in range(200):
        connection = socket.create_connection(("127.0.0.1", PORT), 10)
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX:"[: i % 25])
        slow.append(connection)
    sink.calls(feed.request())
    began = time.monotonic()
    expect(total(parse(get()), "imds_requests_total") >= 57, True, "the scrape")
    if time.monotonic() - began > 2:
        sys.exit(f"the scrape took {time.monotonic() - began:.1f} s")
    descriptors = len(os.listdir(f"/proc/{sink.process.pid}/fd"))
    if descriptors > 20:
        sys.exit(f"the program has {descriptors} descriptors")
    for connection in slow:
        connection.settimeout(10)
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
        connection.close()
    feed.until("58 requests", lambda: total(parse(get()), "imds_requests_total") == 58)


def unix(program):
    """curl over a unix socket; the file of one that was killed is replaced."""
    path = os.path.abspath("socket")
    sink = start(program, listen=f"unix:{path}")
    feed.until("the socket", lambda: os.path.exists(path))
    expect(os.stat(path).st_mode & 0o7777, 0o660, "the mode")
    sink.process.kill()
    sink.process.wait()
    expect(os.path.exists(path), True, "the socket of one that was killed is left")
    sink = start(program, listen=f"unix:{path}")
    calls(sink)

    def scrape():
        command = ["curl", "-sS", "--fail", "--unix-socket", path, "http://localhost/metrics"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def has_all():
        text = scrape()
        return text and total(parse(text), "imds_requests_total") == 57

    feed.until("57 calls", has_all)
    agree(check(scrape()))
    expect(sink.end(), 0, "the exit status")
    expect(os.path.exists(path), False, "the socket at the end")


CONFIGURATION = f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: imds, static_configs: [{{targets: ['127.0.0.1:{PORT}']}}]}}]
"""


def query(text):
    """The value Prometheus has for a query with one result; None: none yet."""
    url = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": text})
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def ready():
    try:
        with urllib.request.urlopen("http://127.0.0.1:9090/-/ready", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def begin_prometheus():
    with open("prometheus.yml", "w", encoding="ascii") as file:
        file.write(CONFIGURATION)
    with open("prometheus.log", "wb") as log:
        process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn",
             "--web.listen-address=127.0.0.1:9090"], stdout=log, stderr=log)
    with open("prometheus.pid", "w", encoding="ascii") as file:
        file.write(f"{process.pid}\n")
    feed.until("Prometheus ready", ready, 60)
    return process


def prometheus(program):
    """A real Prometheus scrapes it, and knows what was counted."""
    sink = start(program, listen=f"127.0.0.1:{PORT}")
    process = begin_prometheus()
    try:
        calls(sink)
        feed.until("57 requests in Prometheus", lambda: query("sum(imds_requests_total)") == 57)
        for text, value in (
            ('up{job="imds"}', 1), ("imds_attached", 1), ('sum(imds_requests_total{version="v1"})', 20),
            ('imds_calls_total{version="v1"}', 20), ("sum(imds_request_duration_seconds_count)", 57),
            ("sum(imds_requests_total) - sum(imds_calls_total)", 0), ("sum(imds_events_lost_total)", 0),
            ("count(imds_build_info)", 1),
        ):
            expect(query(text), value, text)
        delay = query('histogram_quantile(0.5, sum by (le) (imds_request_duration_seconds_bucket))')
        expect(0.001 < delay <= 0.0025, True, "the median delay")
        sink.calls(*[feed.request() for _ in range(5)])
        sink.count(calls=62, calls_v1=25)
        feed.until("62 requests in Prometheus", lambda: query("sum(imds_requests_total)") == 62)
        feed.until("the increase", lambda: (query('increase(imds_calls_total{version="v1"}[1m])') or 0) > 0)
    finally:
        process.kill()
        process.wait()
    expect(sink.end(), 0, "the exit status")


RULE_TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - name: nothing is wrong
    interval: 1m
    input_series:
      - {series: 'imds_calls_total{version="v1"}', values: '0x1500'}
      - {series: 'imds_events_lost_total{reason="ring"}', values: '3x1500'}
      - {series: 'imds_attached', values: '1x1500'}
      - {series: 'imds_updated_timestamp_seconds', values: '0+60x1500'}
      - {series: 'imds_requests_total{version="v2",class="credentials",program="curl"}', values: '1+1x1500'}
      - {series: 'imds_requests_total{version="v1",class="credentials",program="old"}', values: '5x1500'}
    alert_rule_test:
      - {eval_time: 24h, alertname: ImdsV1Used}
      - {eval_time: 24h, alertname: ImdsCredentialsOverV1}
      - {eval_time: 24h, alertname: ImdsEventsLost}
      - {eval_time: 24h, alertname: ImdsNotAttached}
  - name: everything is wrong
    interval: 1m
    input_series:
      - {series: 'imds_calls_total{version="v1"}', values: '0x100 1x1500'}
      - {series: 'imds_events_lost_total{reason="queue"}', values: '0x110 1x1500'}
      - {series: 'imds_attached{instance="a"}', values: '1x100 0x1500'}
      - {series: 'imds_updated_timestamp_seconds{instance="b"}', values: '6000x1500'}
      - {series: 'imds_requests_total{version="v1",class="credentials",program="curl",service="ec2"}', values: '_x110 1x1500'}
    alert_rule_test:
      - eval_time: 2h
        alertname: ImdsV1Used
        exp_alerts: [{exp_labels: {version: v1}, exp_annotations: {summary: ": IMDSv1 was used in the last day"}}]
      - eval_time: 2h
        alertname: ImdsCredentialsOverV1
        exp_alerts:
          - exp_labels: {program: curl, service: ec2}
            exp_annotations: {summary: ": curl reads credentials over IMDSv1"}
      - eval_time: 2h
        alertname: ImdsEventsLost
        exp_alerts: [{exp_labels: {reason: queue}, exp_annotations: {summary: ": events were lost (queue)"}}]
      - eval_time: 2h
        alertname: ImdsNotAttached
        exp_alerts:
          - exp_labels: {instance: a}
            exp_annotations: {summary: "a: calls to the metadata service are not seen"}
          - exp_labels: {instance: b}
            exp_annotations: {summary: "b: calls to the metadata service are not seen"}
"""


def rules(_program):
    """The alerts of docs/metrics.md are valid, fire when they should, and only then."""
    found = re.findall(r"^```yaml\n(.*?)^```", feed.header("docs/metrics.md"), re.M | re.S)
    expect(len(found), 1, "rule files in docs/metrics.md")
    for name, text in (("rules.yml", found[0]), ("tests.yml", RULE_TESTS)):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    promtool("check", "rules", "rules.yml")
    promtool("test", "rules", "tests.yml")


def documented(program):
    """docs/metrics.md has every metric with its type and labels, and no other."""
    sink = start(program, listen=f"127.0.0.1:{PORT}")
    calls(sink)
    sink.calls(feed.row({"action": b"imds-request", "service": b"ec2"}, flags=feed.FORWARDED))
    sink.calls(feed.request(verdict=b"allowed", rule=b"/etc/imdsnitch/guard.rules:3"))
    samples = served(59)
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", get(), re.M))
    described = {}
    for name, kind, labels in re.findall(r"^\| `(imds_\w+)` \| (\w+) \| ([\w, ]*) ?\|", feed.header("docs/metrics.md"), re.M):
        described[name] = (kind, {label.strip() for label in labels.split(",") if label.strip()})
    expect({name: kind for name, (kind, _) in described.items()}, types, "metrics and their types")
    for name, (_, labels) in described.items():
        suffix = "_count" if types[name] == "histogram" else ""
        shown = [{label for label, _ in pairs} for metric, pairs in samples if metric == name + suffix]
        for each in shown:
            expect(each, labels, f"labels of {name}")
        expect(bool(shown), True, f"is there a sample of {name}")
    expect(sink.end(), 0, "the exit status")


def field(event, name, absent):
    for key in name.split("."):
        event = event.get(key, {})
    return event if event != {} else absent


def log_counts(path):
    """What the metrics must say, by the events in the log: {(name, labels): count}."""
    counts = {}

    def add(name, **labels):
        key = (name, tuple(sorted(labels.items())))
        counts[key] = counts.get(key, 0) + 1

    with open(path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    for event in events:
        service = field(event, "imds.service", "unknown")
        version = field(event, "imds.version", "none")
        if event["event"]["action"] == "imds-connect":
            add("imds_connects_total", service=service, outcome=event["event"]["outcome"],
                reason=field(event, "event.reason", "none"))
        if event["event"]["action"] != "imds-request":
            continue
        add("imds_requests_total", provider=field(event, "imds.provider", "unknown"), service=service, version=version,
            program=field(event, "process.name", "unknown"), verdict=event["imds"]["verdict"],
            **{"class": field(event, "imds.class", "none")})
        add("imds_calls_total", version=version)
        if "duration" in event["event"]:
            add("imds_request_duration_seconds_count", service=service, version=version)
        if version == "v1":
            add("imds_v1_calls_total", service=service, cause=field(event, "imds.cause", "unknown"))
        status = field(event, "http.response.status_code", None)
        if status is None:
            add("imds_unanswered_requests_total", service=service)
        else:
            add("imds_responses_total", service=service, code=str(status))
    return counts


def log(path):
    """The textfile x.prom after the service's end: the same counts as in the log, and no longer attached."""
    samples = check(read("x.prom"))
    expect(total(samples, "imds_requests_total") + total(samples, "imds_events_lost_total", reason="queue"),
           total(samples, "imds_calls_total"), "requests")
    lost = total(samples, "imds_events_lost_total", reason="unwritten")
    if lost:
        with open("overload.json", "w", encoding="ascii") as file: # run tries again
            file.write(f'{{"lost":{lost:.0f}}}\n')
        sys.exit("others on this machine make more calls than the log takes")
    expected = log_counts(path)
    names = {name for name, _ in expected}
    found = {(name, tuple(sorted(labels))): value for (name, labels), value in samples.items()
             if name in names and (value or name != "imds_calls_total")}
    expect(found, expected, "metrics and log")
    if total(samples, "imds_requests_total") == 0:
        sys.exit("there was no request at all")
    expect(total(samples, "imds_attached"), 0, "attached")


def service(minimum):
    """In front of the running service: the textfile, a scrape and Prometheus say the same."""
    minimum = int(minimum)
    feed.until("the textfile", lambda: os.path.exists("x.prom"))
    feed.until("requests", lambda: total(parse(read("x.prom")), "imds_requests_total") >= minimum)
    process = begin_prometheus()
    try:
        scraped = check(get())
        expect(total(scraped, "imds_attached"), 1, "attached")
        requests = total(scraped, "imds_requests_total")
        feed.until(f"{requests} requests in Prometheus", lambda: query("sum(imds_requests_total)") == requests)
        feed.until(f"{requests} calls in Prometheus", lambda: query("sum(imds_calls_total)") == requests)
        expect(query("imds_attached"), 1, "attached in Prometheus")
    finally:
        process.kill()
        process.wait()


TESTS = (log, service, documented, rules, textfile, whole, broken, trouble, loss, bounds, http, unix, prometheus)


def main():
    name, program = sys.argv[1:]
    {test.__name__: test for test in TESTS}[name](program)


if __name__ == "__main__":
    main()
