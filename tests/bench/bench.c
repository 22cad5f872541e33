/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *message)
{
	if (errno)
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, message, strerror(errno));
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, message);
	exit(2);
}

uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void samples_init(struct samples *s, size_t max)
{
	*s = (struct samples){.values = calloc(max, sizeof(double)), .max = max};
	if (!s->values)
		die("samples");
}

void samples_done(struct samples *s)
{
	free(s->values);
	*s = (struct samples){0};
}

void samples_add(struct samples *s, double value)
{
	if (s->count < s->max)
		s->values[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_quantile(struct samples *s, double q)
{
	if (s->count == 0)
		return 0;
	qsort(s->values, s->count, sizeof(double), compare);
	return s->values[(size_t)(q * (double)(s->count - 1) + 0.5)];
}

void samples_print(struct samples *s, const char *name)
{
	printf("%s %.4f %.4f %.4f\n", name, samples_quantile(s, 0.5), samples_quantile(s, 0.25),
	       samples_quantile(s, 0.75));
}

void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

void go_first(void)
{
	const struct sched_param first = {.sched_priority = 1};

	sched_setscheduler(0, SCHED_FIFO, &first);
}
