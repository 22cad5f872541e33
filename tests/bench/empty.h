/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup_skb program that does nothing: what the probe's are held against. */
#pragma once

/* Loads it and returns its descriptor; ends the program when that fails. */
int empty_program(void);
