/* SPDX-License-Identifier: Apache-2.0 */
/* The way out of a guard that keeps everybody out: the word GUARD_OFF on the kernel's command line. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

#define GUARD_OFF "imdsnitch.guard=off"

bool boot_says_off(void);
/* The same of any command line. */
bool boot_line_says_off(struct span line);
