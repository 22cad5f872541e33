/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as text. `time` is ns since the epoch. */
#pragma once

#include "base/span.h"

#define STAMP_UTC 28
/* RFC 3339, UTC, microseconds: "2026-11-22T12:57:51.123456Z". Returns text. */
const char *stamp_utc(uint64_t time, char text[static STAMP_UTC]);

#define STAMP_LOCAL 20
/* Local time without a zone, "2026-11-22T12:57:51". Returns text. */
const char *stamp_local(uint64_t time, char text[static STAMP_LOCAL]);

#define STAMP_CLOCK 13
/* Local time of day, "12:57:51.123". Returns text. */
const char *stamp_clock(uint64_t time, char text[static STAMP_CLOCK]);
