/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and durations as people write them. */
#pragma once

#include <stdint.h>

/* A whole decimal number, nothing around it. 0 or -EINVAL. */
int parse_u64(const char *text, uint64_t *ret_value);

/* "500ms", "30s", "5m", "1h", "7d", or bare seconds. Result in ns. 0, -EINVAL, or -ERANGE. */
int parse_duration(const char *text, uint64_t *ret_ns);

/* "65536", "64K", "2M", "1G" (powers of 1024). 0, -EINVAL, or -ERANGE. */
int parse_size(const char *text, uint64_t *ret_bytes);
