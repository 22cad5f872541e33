/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about this machine. Each is "" or NULL when it cannot be told. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads the first line of a small file, without the newline. 0 or -errno; `text` is "" then. */
int host_read_line(const char *path, char *text, size_t size);

void host_boot_id(char *text, size_t size);    /* /proc/sys/kernel/random/boot_id */
void host_machine_id(char *text, size_t size); /* /etc/machine-id */

/* "aws", "azure" … by /sys/class/dmi/id (sys_vendor, chassis_asset_tag); NULL: it does not say. Static storage. */
const char *host_provider(void);

/* CLOCK_REALTIME - CLOCK_BOOTTIME, ns. */
int64_t host_realtime_offset(void);
uint64_t host_boottime(void); /* ns */

uint64_t host_resident(void); /* memory this process holds, bytes (/proc/self/statm); 0: unknown */
