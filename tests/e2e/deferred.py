#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""deferred.py FOLDER…: the checks that lib.sh put off, of many tests: starting Python once is enough in a slow guest.

Prints one line a test.
"""
import glob
import os
import sys

import check
import holds

CHECKS = {"check": check.main, "holds": holds.main}


def run(folder):
    """What does not hold in this test."""
    os.chdir(folder)
    found = []
    for path in sorted(glob.glob("deferred.*")):
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            name, *arguments = f.read().split("\0")[:-1]
        found += CHECKS[name](arguments)
    return found


def main():
    failed = 0
    for folder in sys.argv[1:]:
        try:
            found = run(folder)
        except Exception as e:  # a broken log must not hide the tests behind it
            found = [f"{type(e).__name__}: {e}"]
        failed += bool(found)
        for text in found[:-1]:
            print(text[:1000], file=sys.stderr)
        print(f"FAIL {os.path.basename(folder)}: {found[-1][:200]}" if found else f"ok {os.path.basename(folder)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
