#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what tests/soak/run left behind: the files of the sinks, and the samples it took."""
import argparse
import collections
import glob
import json
import os
import re
import sqlite3
import sys

TICKS = os.sysconf("SC_CLK_TCK")
failed = False


def claim(name, holds, text):
    global failed
    failed |= not holds
    print(f"{'ok' if holds else 'FAIL'} soak/{name}: {text}")


def log_files(path):
    """Oldest first: calls.jsonl.2, calls.jsonl.1, calls.jsonl."""
    old = [p for p in glob.glob(path + ".*") if re.fullmatch(r"\d+", p[len(path) + 1:])]
    return sorted(old, key=lambda p: -int(p.rsplit(".", 1)[1])) + [path]


def read_runs(path):
    """
    For each run of the service [first number, last number, calls, records the ring lost], and what is missing or
    misplaced.
    """
    runs, wrong = [], []
    for name in log_files(path):
        with open(name, "rb") as f:
            for line in f:
                if not line.endswith(b"\n") or not line.startswith(b"{"):
                    wrong.append(f"{name}: {line[:60]!r}")
                    continue
                number = int(re.search(rb'"sequence":(\d+)', line)[1])
                if number == 0:
                    runs.append([0, 0, 0, 0])
                elif number == runs[-1][1] + 1:
                    runs[-1][1] = number
                else:
                    wrong.append(f"{os.path.basename(name)}: {number} after {runs[-1][1]}")
                    runs[-1][1] = number
                runs[-1][2] += b'"action":"imds-request"' in line
                if b'"action":"imds-stats"' in line:
                    runs[-1][3] = json.loads(line)["imds"]["stats"]["lost"]
    return runs, wrong


def samples(folder):
    """label → list of (name, rss kB, pss kB, descriptors, ticks); label → kB of all together."""
    by_label, together = collections.defaultdict(list), {}
    with open(f"{folder}/samples") as f:
        for line in f:
            kind, label, name, *numbers = line.split()
            if kind == "together":
                together[label] = int(name)
            else:
                by_label[label].append((name, *map(int, numbers)))
    return by_label, together


def total(rows, column):
    return sum(r[column] for r in rows)


def check_memory(o, by_label, together):
    rounds = [by_label[f"round-{n}"] for n in range(1, o.rounds + 1)]
    idles = [by_label[f"idle-{n}"] for n in range(1, o.rounds + 1)]
    resident = [total(r, 1) for r in idles]
    growth = max(resident) - min(resident[:1])
    claim("memory", growth <= 1024, f"resident after each round and idle: {resident} kB, growth {growth} kB")
    files = [total(r, 3) for r in rounds]
    claim("descriptors", len(set(files)) == 1, f"open after each round: {files}")
    # pages.py: a page that several processes of the service have is there once, and counts in full.
    pages = [together[f"idle-{n}"] for n in range(1, o.rounds + 1)]
    claim("resident", max(pages) <= 16 * 1024,
          f"all processes with all local sinks, each page once: {pages} kB; at the end {total(idles[-1], 2)} kB "
          f"proportional, {resident[-1]} kB summed; " + ", ".join(f"{r[0]} {r[1]}" for r in idles[-1]))
    cpu = [100 * (total(i, 4) - total(r, 4)) / TICKS / o.idle for r, i in zip(rounds, idles)]
    claim("idle", max(cpu) <= 0.1 + 100 / TICKS / o.idle,
          f"processor while idle: {', '.join(f'{c:.2f}' for c in cpu)} % of one (a tick is {100 / TICKS / o.idle:.2f})")


def check_logs(o):
    path = f"{o.folder}/ram/calls.jsonl"
    runs, wrong = read_runs(path)
    claim("gapless", not wrong and len(runs) == 6,
          f"{len(runs)} runs, {len(wrong)} lines missing, misplaced or torn {' '.join(wrong[:5])}")
    claim("rotations", len(log_files(path)) >= 51, f"{len(log_files(path)) - 1} rotations")
    expected = [o.calls * o.rounds + o.calls // 100 + 100] + [1000] * 5
    seen = [r[2] for r in runs]
    lost = [r[3] for r in runs]
    claim("complete", all(s + l >= e for s, l, e in zip(seen, lost, expected)),
          f"requests in each run: {seen}, made: {expected}, records lost in the ring, by its own count: {lost}")
    aws = log_files(f"{o.folder}/ram/imds-trace.log")
    claim("aws", len(aws) == 6, f"{len(aws)} files of the other format")
    return seen, runs


def check_syslog(o, runs):
    """
    The syslog server has had what the log has, in the same order, but for what this sink gave up because the server was
    too slow (1 MiB waits). A kill may come between the two.
    """
    with open(f"{o.folder}/syslog") as f:
        lines = f.read().splitlines()
    wrong = [line for line in lines if line.startswith("wrong")]
    got = [[int(n) for n in line.split()] for line in lines if not line.startswith("wrong")]
    same = [g[0] == 0 and g[1] <= r[1] + 100 for g, r in zip(got, runs)]
    missing = sum(r[1] + 1 - g[2] for g, r in zip(got, runs))
    claim("syslog", not wrong and len(got) == len(runs) and all(same),
          f"{sum(g[2] for g in got)} messages in {len(got)} runs, {missing} given up, {len(wrong)} twice or late "
          + " ".join(wrong[:5]))


def check_inventory(o, seen):
    db = sqlite3.connect(f"{o.folder}/inventory.db")
    ok = db.execute("PRAGMA integrity_check").fetchone()[0]
    claim("database", ok == "ok", f"integrity check: {ok}")
    tables = {r[0] for r in db.execute("SELECT name FROM sqlite_master")}
    runs = db.execute("SELECT count(*), sum(ended) FROM runs").fetchone()
    claim("coverage", runs == (6, 1), f"{runs[0]} runs, {runs[1]} of them ended in order")
    gaps = [r[0] for r in db.execute("SELECT seconds FROM gaps WHERE run_id IS NOT NULL")]
    claim("gaps", len(gaps) == 5 and min(gaps) >= 1, f"nobody watched for {gaps} s, after each kill")
    counted = db.execute("SELECT sum(count) FROM callers WHERE class != 'connect'").fetchone()[0]
    claim("inventory", abs(counted - sum(seen)) <= 100 * len(seen),
          f"{counted} of {sum(seen)} requests in the inventory ({', '.join(sorted(tables))})")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--folder", required=True)
    for name in "calls", "rounds", "idle", "status", "broken":
        p.add_argument(f"--{name}", type=int, required=True)
    o = p.parse_args()
    claim("load", o.broken == 0, f"{o.broken} rounds in which a request had no answer")
    claim("status", o.status == 4, f"the service ended with {o.status}, since the dead sink has lost its events")
    with open(f"{o.folder}/serve.err") as f:
        words = sum("does not take events" in line for line in f)
    claim("quiet", words <= 2 * 6 + o.rounds * 4, f"{words} lines about the dead sink")
    with open(f"{o.folder}/reloads") as f:
        reloads = len(f.readlines())
    claim("reloads", reloads >= 20, f"{reloads} reloads")
    check_memory(o, *samples(o.folder))
    seen, runs = check_logs(o)
    check_syslog(o, runs)
    check_inventory(o, seen)
    sys.exit(failed)


main()
