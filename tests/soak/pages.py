#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pages.py PID...: kB that processes hold together, each page of memory counted once and in full. Needs root.

Neither sum of the kernel says that: VmRSS counts a shared page for each process, PSS shares it out among all processes
of the machine, those that are not asked for too.
"""
import array
import os
import sys

SIZE = os.sysconf("SC_PAGE_SIZE")
PRESENT = 1 << 63
FRAME = (1 << 55) - 1


def frames(pid):
    """Numbers of the page frames a process has mapped."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for line in maps:
            start, end = (int(n, 16) // SIZE for n in line.split(maxsplit=1)[0].split("-"))
            entries = array.array("Q")
            entries.frombytes(os.pread(pagemap.fileno(), (end - start) * 8, start * 8))
            for entry in entries:
                if entry & PRESENT and entry & FRAME:
                    yield entry & FRAME


def main():
    seen = set()
    for pid in sys.argv[1:]:
        try:
            seen.update(frames(pid))
        except (FileNotFoundError, ProcessLookupError):
            continue
    if not seen:
        sys.exit("no page frames: root is needed to see them")
    print(len(seen) * SIZE // 1024)


main()
