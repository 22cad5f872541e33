/* SPDX-License-Identifier: Apache-2.0 */
/* A request target's path in the one form rules are written for. */
#pragma once

#include "base/span.h"

#define PATH_SIZE 2048

/* "latest/meta-data/iam": segments without empty and dot ones, joined by '/', no slash in front or behind. */
struct path {
	char text[PATH_SIZE];
	size_t length;
	bool cut; /* the target is longer than what is here */
};

/*
 * Reads a target in any form of RFC 9112 section 3.2: takes scheme, authority, query and fragment off, decodes
 * %XX once, drops empty segments and resolves "." and "..", and never climbs above the root.
 */
void path_init(struct path *p, struct span target);

/* The path as sent (with its slashes and escapes) and the query without '?', absent when there is none. */
void path_split(struct span target, struct span *ret_path, struct span *ret_query);

/*
 * Does the path match? A pattern is segments joined by '/'; '*' is any one segment. It matches a path that begins with
 * these segments; with '$' behind it, one that has no further ones; with "**" + '/' in front, one that ends with them.
 */
bool path_matches(const struct path *p, const char *pattern, bool fold_case);
