/* SPDX-License-Identifier: Apache-2.0 */
/* Which states of an automaton cannot be told apart by any text. */
#pragma once

#include <stdint.h>

/*
 * next[state * classes + class] is where a state leads, mark[state] (from 0) what is known of a text that ends in it.
 * Writes the group of each state and the first state of each group, which are numbered in the order of those. Returns
 * how many there are, or -ENOMEM (-EILSEQ: two sums of 64 bits were the same by chance).
 */
int partition_states(uint32_t count, unsigned classes, const uint32_t *next, const int *mark, uint32_t *ret_group,
		     uint32_t *ret_first);
