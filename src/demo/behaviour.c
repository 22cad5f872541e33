// SPDX-License-Identifier: Apache-2.0
#include "demo/behaviour.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
	bool number;
} keys[] = {
	{"status", offsetof(struct behaviour, status), true},
	{"delay", offsetof(struct behaviour, delay), true},
	{"size", offsetof(struct behaviour, size), true},
	{"cut", offsetof(struct behaviour, cut), true},
	{"drip", offsetof(struct behaviour, drip), true},
	{"ttl", offsetof(struct behaviour, ttl), true},
	{"interim", offsetof(struct behaviour, interim), true},
	{"silent", offsetof(struct behaviour, silent), false},
	{"close", offsetof(struct behaviour, close), false},
	{"reset", offsetof(struct behaviour, reset), false},
	{"chunked", offsetof(struct behaviour, chunked), false},
	{"undelimited", offsetof(struct behaviour, undelimited), false},
	{"garbage", offsetof(struct behaviour, garbage), false},
};

static int read_key(struct behaviour *b, const char *key, size_t length)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		size_t n = strlen(keys[i].name);
		char *field = (char *)b + keys[i].offset;
		unsigned value = 1;

		if (length < n || memcmp(key, keys[i].name, n) != 0 || (length > n && key[n] != '='))
			continue;
		if (!keys[i].number) {
			*(bool *)field = true;
			return 0;
		}
		if (length > n)
			value = (unsigned)strtoul(key + n + 1, NULL, 10);
		memcpy(field, &value, sizeof(value));
		return 0;
	}
	return -EINVAL;
}

int behaviour_read(struct behaviour *b, struct span text)
{
	char copy[256];
	char *state = NULL;

	if (text.length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text.data, text.length);
	copy[text.length] = 0;
	for (char *key = strtok_r(copy, ",&", &state); key; key = strtok_r(NULL, ",&", &state))
		if (read_key(b, key, strlen(key)) < 0)
			return -EINVAL;
	return 0;
}
