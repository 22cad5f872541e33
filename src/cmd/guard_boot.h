/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * imdsnitch guard boot, of imdsnitch-guard.service: makes the places in bpffs, puts the configured rules in force
 * before anything can call, or keeps everybody out where the rules say so and cannot be applied. Returns the exit
 * status.
 */
int guard_boot(void);

/*
 * Lets the service, which is not root, open what is pinned. The folders stay root's: nobody else takes a pin away, and
 * whoever has no CAP_DAC_READ_SEARCH does not get in, the service's own sinks for example.
 */
void guard_give_pins(void);
