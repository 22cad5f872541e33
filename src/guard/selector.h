/* SPDX-License-Identifier: Apache-2.0 */
/* One selector of a rule: what it looks at, and the values it names. */
#pragma once

#include "base/problem.h"
#include "guard/rules.h"

enum selector_kind {
	SELECT_USER,
	SELECT_GROUP,
	SELECT_EXE,
	SELECT_UNIT,
	SELECT_CONTAINER,
	SELECT_CGROUP,
	SELECT_SERVICE,
	SELECT_ADDRESS,
	SELECT_VERSION,
	SELECT_CLASS,
	SELECT_METHOD,
	SELECT_PATH,
	SELECT_KINDS
};

#define SELECTOR_BIT(kind) (1U << (kind))

struct selector_value {
	uint32_t from, to; /* ids, inclusive; from > to: nobody. Else `from` is 1 + the service's row, version, class */
	char *text;        /* exe, unit, container, cgroup, method; path: normalised. NULL: not of this kind */
	uint8_t ip[16];    /* network order, IPv4 as ::ffff:a.b.c.d */
	unsigned bits;     /* of `ip` that count */
};

struct selector {
	enum selector_kind kind;
	bool negated;
	unsigned count;
	struct selector_value *value; /* any of them is enough */
};

const char *selector_name(enum selector_kind kind);
/* SELECT_KINDS: no selector is called so. */
enum selector_kind selector_find(struct span word);

/* Reads one value. 0, -ENOMEM, or -EINVAL with the problem: what is wrong and what was expected. */
int selector_value_parse(enum selector_kind kind, const char *word, const struct rules_names *names,
			 struct selector_value *ret_value, struct problem *problem);
void selector_done(struct selector *s);

/* Is this an id by whose beginning a container can be named? At least 12 hex digits. */
bool selector_is_id_prefix(const char *text);

/* '*' within a segment, "**" over segments, '?' one byte; "/" + "**" + "/" is also one slash. Takes its time. */
bool selector_glob(const char *glob, struct span text);

bool selector_address_matches(const struct selector_value *v, const uint8_t ip[static 16]);

/* Is it one of the values? For ids; for services (1 + row), versions and classes; for exe and unit; for containers. */
bool selector_has_id(const struct selector *s, uint32_t id);
bool selector_has_number(const struct selector *s, uint32_t number);
bool selector_globs(const struct selector *s, struct span text);
bool selector_has_container(const struct selector *s, const char *id); /* "": in none */

/* A method's bytes as in table.method; 0: none, or more than 8. */
uint64_t selector_method(struct span method);
