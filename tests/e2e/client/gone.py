# SPDX-License-Identifier: Apache-2.0
# gone.py PROGRAM OTHER ARGUMENT…: runs a copy of PROGRAM that is deleted by then, or whose place OTHER has taken.
# OTHER "-": PROGRAM itself, under a name of awkward bytes.
import os
import shutil
import sys

program, other, *arguments = sys.argv[1:]
if other == "-":
    os.execv(program, [b'\x1b[31m\n"\xff', *arguments])
shutil.copy(program, "gone-program")
fd = os.open("gone-program", os.O_RDONLY | os.O_CLOEXEC)
os.unlink("gone-program")
if other:
    shutil.copy(other, "gone-program")
os.execve(fd, ["gone-program", *arguments], os.environ)
