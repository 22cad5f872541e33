#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes head_names.h: the names the head scanner knows, as a table of letters by position.

    src/bpf/head_names.py > src/bpf/head_names.h

tests/unit/head.c recomputes the table from the names and compares, so a stale file does not pass.
"""

HEADERS = [
    ("AWS_TOKEN", "x-aws-ec2-metadata-token"),
    ("AWS_TTL", "x-aws-ec2-metadata-token-ttl-seconds"),
    ("ALIBABA_TOKEN", "x-aliyun-ecs-metadata-token"),
    ("ALIBABA_TTL", "x-aliyun-ecs-metadata-token-ttl-seconds"),
    ("HUAWEI_TOKEN", "x-metadata-token"),
    ("HUAWEI_TTL", "x-metadata-token-ttl-seconds"),
    ("AKAMAI_TOKEN", "metadata-token"),
    ("AKAMAI_TTL", "metadata-token-expiry-seconds"),
    ("METADATA", "metadata"),
    ("METADATA_FLAVOR", "metadata-flavor"),
    ("GOOGLE_REQUEST", "x-google-metadata-request"),
    ("AUTHORIZATION", "authorization"),
    ("PROXY_AUTHORIZATION", "proxy-authorization"),
    ("COOKIE", "cookie"),
    ("SECURITY_TOKEN", "x-amz-security-token"),
    ("USER_AGENT", "user-agent"),
    ("HOST", "host"),
    ("CONTENT_LENGTH", "content-length"),
    ("TRANSFER_ENCODING", "transfer-encoding"),
    ("FORWARDED", "forwarded"),
    ("X_FORWARDED_FOR", "x-forwarded-for"),
    ("UPGRADE", "upgrade"),
]
WORDS = [
    ("CHUNKED", "chunked"),
    ("TRUE", "true"),
    ("GOOGLE", "google"),
]


def symbol(c):
    return 27 if c == "-" else ord(c) - ord("a") + 1 if c.isalpha() else 28


def main():
    names = HEADERS + WORDS
    longest = max(len(n) for _, n in names)
    assert len(names) <= 32
    # The one digit in any name is the 2 of "ec2".
    print("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */")
    print("/* Written by head_names.py: do not edit. */")
    print("#pragma once\n")
    print("#include <linux/types.h>\n")
    print("/* clang-format off */")
    for bit, (constant, name) in enumerate(names):
        kind = "HEADER" if bit < len(HEADERS) else "WORD"
        print("#define %-28s (1U << %d) /* %s */" % ("%s_%s" % (kind, constant), bit, name))
    print("#define %-28s 0x%xU" % ("HEAD_HEADERS", (1 << len(HEADERS)) - 1))
    print("#define %-28s 0x%xU" % ("HEAD_WORDS", ((1 << len(names)) - 1) ^ ((1 << len(HEADERS)) - 1)))
    print("#define %-28s %d" % ("HEAD_NAMES", len(names)))
    print("#define %-28s %d /* the longest name */" % ("HEAD_NAME_MAX", longest))
    print("#define %-28s 32 /* 0: none of these, 1-26: letters, 27: '-', 28: '2'; five bits */" % "HEAD_SYMBOLS")
    print("\n#define HEAD_NAME_LIST { \\")
    for _, name in names:
        print('\t"%s", \\' % name)
    print("}\n")
    print("/* [position][symbol]: the names with that symbol at that position. */")
    print("static const __u32 head_letters[HEAD_NAME_MAX][HEAD_SYMBOLS] = {")
    for position in range(longest):
        row = {}
        for bit, (_, name) in enumerate(names):
            if position < len(name):
                row[symbol(name[position])] = row.get(symbol(name[position]), 0) | 1 << bit
        print("\t[%d] = {%s}," % (position, ", ".join("[%d] = 0x%x" % (s, row[s]) for s in sorted(row))))
    print("};\n")
    print("/* [length]: the names of that length. */")
    print("static const __u32 head_ends[HEAD_NAME_MAX + 1] = {")
    for length in range(longest + 1):
        mask = sum(1 << bit for bit, (_, name) in enumerate(names) if len(name) == length)
        if mask:
            print("\t[%d] = 0x%x," % (length, mask))
    print("};")
    print("/* clang-format on */")


main()
