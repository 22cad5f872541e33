# SPDX-License-Identifier: Apache-2.0
"""Checks of the documents, one a call: documents.py CHECK. The last line printed says what is wrong; exit status 1."""

import glob
import json
import os
import re
import subprocess
import sys

DOCUMENTS = sorted(glob.glob("*.md") + glob.glob("docs/*.md") + ["CHANGES"])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def fail(text):
    sys.exit(text)


def links():
    """Relative links lead to a file, and to a heading in it when they name one."""
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            path = os.path.join(os.path.dirname(document), path) if path else document
            if not os.path.exists(path):
                fail(f"{document}: {target} is not there")
            if anchor and anchor not in anchors(path):
                fail(f"{document}: {path} has no heading for #{anchor}")


def anchors(path):
    headings = re.findall(r"^#+ (.*)$", read(path), re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def files():
    """Files of the tree named in backquotes exist."""
    for document in DOCUMENTS:
        for path in re.findall(r"`((?:src|docs|tests|man|completions|packaging)/[\w./-]*)`", read(document)):
            if not os.path.exists(path):
                fail(f"{document}: {path} is not there")


def tasks():
    """Every ./dev TASK named is one, and every one is named in CONTRIBUTING.md."""
    known = re.findall(r"^  ([a-z0-9]+) ", subprocess.check_output(["./dev", "help"], text=True), re.M)
    for document in DOCUMENTS:
        for task in re.findall(r"\./dev ([a-z][a-z0-9]*)", read(document)):
            if task not in known:
                fail(f"{document}: ./dev has no task {task}")
    for task in known:
        if not re.search(rf"\b{task}\b", read("CONTRIBUTING.md")):
            fail(f"CONTRIBUTING.md does not name ./dev {task}")


def options(folder):
    """imdsnitch COMMAND --option: both exist, in documents and in the man page's examples."""
    commands = re.findall(r"^  ([a-z]+) ", read(f"{folder}/help.txt"), re.M)
    for document in DOCUMENTS + ["man/imdsnitch.1"]:
        text = read(document).replace("\\\n", " ")
        for command, rest in re.findall(r"imdsnitch ([a-z]+)((?: [^\n`|]*)?)", text):
            used = re.findall(r"(?<=\s)(--[a-z][a-z0-9-]*)", rest)
            if command not in commands:
                if used:
                    fail(f"{document}: there is no command {command}")
                continue
            for option in used:
                if not re.search(rf"^  {option}\b(?!-)", read(f"{folder}/help-{command}.txt"), re.M):
                    fail(f"{document}: imdsnitch {command} has no {option}")


def documented():
    """The names in the first column of the tables of docs/events.md."""
    names = set()
    for line in read("docs/events.md").splitlines():
        if line.startswith("| `"):
            names.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return names


def written():
    """The member names src/sink/json.c writes: literals behind the writer's own argument."""
    names = set()
    for function, first, second in re.findall(r'(\w+)\(&?j, (?:"([^"]+)"|NULL)(?:, "([^"]+)")?', read("src/sink/json.c")):
        names.add(first)
        if not function.endswith("plain"):
            names.add(second)
    return names - {""}


def paths(value, prefix=""):
    if isinstance(value, dict):
        for key, member in value.items():
            yield from paths(member, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for member in value:
            yield from paths(member, prefix + "[]")
    else:
        yield prefix


def fields():
    """Every name the code writes is in a documented field, every part of a documented field is written."""
    parts = {part for name in documented() for part in name.replace("[]", "").split(".")}
    for name in sorted(written() ^ parts):
        fail(f"{name} is written but not documented" if name not in parts else f"{name} is documented but not written")


def check_event(where, line):
    for path in paths(json.loads(line)):
        if path not in documented():
            fail(f"{where}: {path} is not in docs/events.md")


def examples():
    """Events in documents and golden files are JSON with documented fields only."""
    count = 0
    for document in DOCUMENTS:
        for language, text in FENCE.findall(read(document)):
            if language == "json":
                check_event(document, text)
                count += 1
    for path in glob.glob("tests/golden/**/*.json", recursive=True):
        for line in read(path).splitlines()[:-1]:  # the last is the exit status
            check_event(path, line)
    if not count:
        fail("there is no example")


if __name__ == "__main__":
    {f.__name__: f for f in (links, files, tasks, options, fields, examples)}[sys.argv[1]](*sys.argv[2:])
