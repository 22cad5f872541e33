/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Keeps clang from dropping or reordering a bound the verifier needs to see. */
#define keep(value) asm volatile("" : "+r"(value))
