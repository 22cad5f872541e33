/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * imdsnitch guard boot, of imdsnitch-guard.service: makes the places in bpffs, puts the configured rules in force
 * before anything can call, or keeps everybody out where the rules say so and cannot be applied. Returns the exit
 * status.
 */
int guard_boot(void);
