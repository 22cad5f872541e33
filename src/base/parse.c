/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{"", 1000000000},     {"ms", 1000000},       {"s", 1000000000}, {"m", 60000000000},
	{"h", 3600000000000}, {"d", 86400000000000}, {NULL, 0},
};

static const struct unit sizes[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};

static int number(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	unsigned long long value;
	char *rest;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &rest, 10);
	if (errno)
		return -ERANGE;
	*ret_value = value;
	*ret_rest = rest;
	return 0;
}

static int with_unit(const char *text, const struct unit *units, uint64_t *ret_value)
{
	const char *rest = NULL;
	uint64_t value = 0;
	int r = number(text, &value, &rest);

	if (r < 0)
		return r;
	for (; units->name; units++) {
		if (strcmp(units->name, rest) != 0)
			continue;
		if (__builtin_mul_overflow(value, units->factor, &value))
			return -ERANGE;
		*ret_value = value;
		return 0;
	}
	return -EINVAL;
}

int parse_u64(const char *text, uint64_t *ret_value)
{
	const char *rest = NULL;
	uint64_t value = 0;
	int r = number(text, &value, &rest);

	if (r < 0 || *rest)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	return with_unit(text, durations, ret_ns);
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	return with_unit(text, sizes, ret_bytes);
}
