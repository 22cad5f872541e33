/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks share: clocks, samples and their quartiles, an end with a message. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A fixed number of measurements; more than `max` are dropped. */
struct samples {
	double *values;
	size_t count, max;
};

/* Ends the program with status 2 and "NAME: MESSAGE: strerror(errno)" (without the last part when errno is 0). */
void die(const char *message) __attribute__((noreturn));

uint64_t now_ns(clockid_t clock);

/* Ends the program when memory is out. */
void samples_init(struct samples *s, size_t max);
void samples_done(struct samples *s);
void samples_add(struct samples *s, double value);

/* The q-quantile, 0 <= q <= 1, sorting the samples; 0 when there is none. */
double samples_quantile(struct samples *s, double q);

/* Prints "NAME MEDIAN LOWER-QUARTILE UPPER-QUARTILE": what tests/bench/run reads. */
void samples_print(struct samples *s, const char *name);

/* Stays on this processor from here on; -1 is fine and does nothing. */
void pin(int cpu);

/*
 * Runs before every ordinary process from here on, so that what else happens on the machine disturbs less. Not being
 * allowed to is fine. Children do the same.
 */
void go_first(void);
