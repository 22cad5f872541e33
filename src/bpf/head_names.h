/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Written by head_names.py: do not edit. */
#pragma once

#include <linux/types.h>

/* clang-format off */
#define HEADER_AWS_TOKEN             (1U << 0) /* x-aws-ec2-metadata-token */
#define HEADER_AWS_TTL               (1U << 1) /* x-aws-ec2-metadata-token-ttl-seconds */
#define HEADER_ALIBABA_TOKEN         (1U << 2) /* x-aliyun-ecs-metadata-token */
#define HEADER_ALIBABA_TTL           (1U << 3) /* x-aliyun-ecs-metadata-token-ttl-seconds */
#define HEADER_HUAWEI_TOKEN          (1U << 4) /* x-metadata-token */
#define HEADER_HUAWEI_TTL            (1U << 5) /* x-metadata-token-ttl-seconds */
#define HEADER_AKAMAI_TOKEN          (1U << 6) /* metadata-token */
#define HEADER_AKAMAI_TTL            (1U << 7) /* metadata-token-expiry-seconds */
#define HEADER_METADATA              (1U << 8) /* metadata */
#define HEADER_METADATA_FLAVOR       (1U << 9) /* metadata-flavor */
#define HEADER_GOOGLE_REQUEST        (1U << 10) /* x-google-metadata-request */
#define HEADER_AUTHORIZATION         (1U << 11) /* authorization */
#define HEADER_PROXY_AUTHORIZATION   (1U << 12) /* proxy-authorization */
#define HEADER_COOKIE                (1U << 13) /* cookie */
#define HEADER_SECURITY_TOKEN        (1U << 14) /* x-amz-security-token */
#define HEADER_USER_AGENT            (1U << 15) /* user-agent */
#define HEADER_HOST                  (1U << 16) /* host */
#define HEADER_CONTENT_LENGTH        (1U << 17) /* content-length */
#define HEADER_TRANSFER_ENCODING     (1U << 18) /* transfer-encoding */
#define HEADER_FORWARDED             (1U << 19) /* forwarded */
#define HEADER_X_FORWARDED_FOR       (1U << 20) /* x-forwarded-for */
#define HEADER_UPGRADE               (1U << 21) /* upgrade */
#define WORD_CHUNKED                 (1U << 22) /* chunked */
#define WORD_TRUE                    (1U << 23) /* true */
#define WORD_GOOGLE                  (1U << 24) /* google */
#define HEAD_HEADERS                 0x3fffffU
#define HEAD_WORDS                   0x1c00000U
#define HEAD_NAMES                   25
#define HEAD_NAME_MAX                39 /* the longest name */
#define HEAD_SYMBOLS                 32 /* 0: none of these, 1-26: letters, 27: '-', 28: '2'; five bits */

#define HEAD_NAME_LIST { \
	"x-aws-ec2-metadata-token", \
	"x-aws-ec2-metadata-token-ttl-seconds", \
	"x-aliyun-ecs-metadata-token", \
	"x-aliyun-ecs-metadata-token-ttl-seconds", \
	"x-metadata-token", \
	"x-metadata-token-ttl-seconds", \
	"metadata-token", \
	"metadata-token-expiry-seconds", \
	"metadata", \
	"metadata-flavor", \
	"x-google-metadata-request", \
	"authorization", \
	"proxy-authorization", \
	"cookie", \
	"x-amz-security-token", \
	"user-agent", \
	"host", \
	"content-length", \
	"transfer-encoding", \
	"forwarded", \
	"x-forwarded-for", \
	"upgrade", \
	"chunked", \
	"true", \
	"google", \
}

/* [position][symbol]: the names with that symbol at that position. */
static const __u32 head_letters[HEAD_NAME_MAX][HEAD_SYMBOLS] = {
	[0] = {[1] = 0x800, [3] = 0x422000, [6] = 0x80000, [7] = 0x1000000, [8] = 0x10000, [13] = 0x3c0, [16] = 0x1000, [20] = 0x840000, [21] = 0x208000, [24] = 0x10443f},
	[1] = {[5] = 0x3c0, [8] = 0x400000, [15] = 0x10b2000, [16] = 0x200000, [18] = 0x841000, [19] = 0x8000, [21] = 0x800, [27] = 0x10443f},
	[2] = {[1] = 0x4400f, [5] = 0x8000, [6] = 0x100000, [7] = 0x200400, [13] = 0x30, [14] = 0x20000, [15] = 0x1003000, [18] = 0x80000, [19] = 0x10000, [20] = 0xbc0, [21] = 0xc00000},
	[3] = {[1] = 0x3c0, [5] = 0x800030, [7] = 0x1000000, [8] = 0x800, [11] = 0x2000, [12] = 0xc, [13] = 0x4000, [14] = 0x440000, [15] = 0x100400, [18] = 0x208000, [20] = 0x30000, [23] = 0x80003, [24] = 0x1000},
	[4] = {[1] = 0x280000, [4] = 0x3c0, [5] = 0x20000, [9] = 0x200c, [11] = 0x400000, [12] = 0x1000000, [15] = 0xc00, [18] = 0x100000, [19] = 0x40003, [20] = 0x30, [25] = 0x1000, [26] = 0x4000, [27] = 0x8000},
	[5] = {[1] = 0x83f0, [4] = 0x200000, [5] = 0x1402000, [6] = 0x40000, [7] = 0x400, [14] = 0x20000, [18] = 0x80800, [23] = 0x100000, [25] = 0xc, [27] = 0x5003},
	[6] = {[1] = 0x101000, [4] = 0x480030, [5] = 0x240003, [7] = 0x8000, [9] = 0x800, [12] = 0x400, [19] = 0x4000, [20] = 0x203c0, [21] = 0xc},
	[7] = {[1] = 0x3f0, [3] = 0x3, [5] = 0x8c400, [14] = 0xc, [18] = 0x140000, [21] = 0x1000, [26] = 0x800, [27] = 0x20000},
	[8] = {[1] = 0x800, [3] = 0x4000, [4] = 0x180000, [12] = 0x20000, [14] = 0x8000, [20] = 0x1030, [27] = 0x406cc, [28] = 0x3},
	[9] = {[1] = 0x30, [5] = 0x16000c, [6] = 0x200, [8] = 0x1000, [13] = 0x400, [20] = 0x88c0, [21] = 0x4000, [27] = 0x3},
	[10] = {[3] = 0xc, [4] = 0x100000, [5] = 0x400, [9] = 0x800, [12] = 0x200, [13] = 0x3, [14] = 0x60000, [15] = 0x10c0, [18] = 0x4000, [27] = 0x30},
	[11] = {[1] = 0x200, [3] = 0x40000, [5] = 0x3, [7] = 0x20000, [9] = 0x4000, [11] = 0xc0, [15] = 0x800, [18] = 0x1000, [19] = 0xc, [20] = 0x430, [27] = 0x100000},
	[12] = {[1] = 0x400, [5] = 0xc0, [6] = 0x100000, [9] = 0x1000, [14] = 0x800, [15] = 0x40030, [20] = 0x24003, [22] = 0x200, [27] = 0xc},
	[13] = {[1] = 0x3, [4] = 0x40400, [8] = 0x20000, [11] = 0x30, [13] = 0xc, [14] = 0xc0, [15] = 0x100200, [25] = 0x4000, [26] = 0x1000},
	[14] = {[1] = 0x1400, [4] = 0x3, [5] = 0x3c, [9] = 0x40000, [18] = 0x100200, [27] = 0x4080},
	[15] = {[1] = 0x3, [5] = 0x80, [14] = 0x40030, [20] = 0x540c},
	[16] = {[1] = 0x40c, [7] = 0x40000, [9] = 0x1000, [15] = 0x4000, [20] = 0x3, [24] = 0x80, [27] = 0x20},
	[17] = {[1] = 0x3, [4] = 0xc, [11] = 0x4000, [15] = 0x1000, [16] = 0x80, [20] = 0x20, [27] = 0x400},
	[18] = {[1] = 0xc, [5] = 0x4000, [9] = 0x80, [14] = 0x1000, [18] = 0x400, [20] = 0x20, [27] = 0x3},
	[19] = {[5] = 0x400, [12] = 0x20, [14] = 0x4000, [18] = 0x80, [20] = 0xf},
	[20] = {[1] = 0xc, [15] = 0x3, [17] = 0x400, [25] = 0x80, [27] = 0x20},
	[21] = {[11] = 0x3, [19] = 0x20, [21] = 0x400, [27] = 0x8c},
	[22] = {[5] = 0x423, [19] = 0x80, [20] = 0xc},
	[23] = {[3] = 0x20, [5] = 0x80, [14] = 0x3, [15] = 0xc, [19] = 0x400},
	[24] = {[3] = 0x80, [11] = 0xc, [15] = 0x20, [20] = 0x400, [27] = 0x2},
	[25] = {[5] = 0xc, [14] = 0x20, [15] = 0x80, [20] = 0x2},
	[26] = {[4] = 0x20, [14] = 0x8c, [20] = 0x2},
	[27] = {[4] = 0x80, [12] = 0x2, [19] = 0x20, [27] = 0x8},
	[28] = {[19] = 0x80, [20] = 0x8, [27] = 0x2},
	[29] = {[19] = 0x2, [20] = 0x8},
	[30] = {[5] = 0x2, [12] = 0x8},
	[31] = {[3] = 0x2, [27] = 0x8},
	[32] = {[15] = 0x2, [19] = 0x8},
	[33] = {[5] = 0x8, [14] = 0x2},
	[34] = {[3] = 0x8, [4] = 0x2},
	[35] = {[15] = 0x8, [19] = 0x2},
	[36] = {[14] = 0x8},
	[37] = {[4] = 0x8},
	[38] = {[19] = 0x8},
};

/* [length]: the names of that length. */
static const __u32 head_ends[HEAD_NAME_MAX + 1] = {
	[4] = 0x810000,
	[6] = 0x1002000,
	[7] = 0x600000,
	[8] = 0x100,
	[9] = 0x80000,
	[10] = 0x8000,
	[13] = 0x800,
	[14] = 0x20040,
	[15] = 0x100200,
	[16] = 0x10,
	[17] = 0x40000,
	[19] = 0x1000,
	[20] = 0x4000,
	[24] = 0x1,
	[25] = 0x400,
	[27] = 0x4,
	[28] = 0x20,
	[29] = 0x80,
	[36] = 0x2,
	[39] = 0x8,
};
/* clang-format on */
