/* SPDX-License-Identifier: Apache-2.0 */
/* The rule file as text (man/imdsnitch-guard.5): reading it, and what was read. First match wins. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "bpf/table.h"
#include "call/service.h"

/* One mistake: "FILE:LINE:COLUMN: what is wrong; what was expected". */
typedef void (*rules_mistake)(void *context, const char *text);

/* Where names come from; NULL members: /etc/passwd and /etc/group. 0 or -ENOENT. */
struct rules_names {
	int (*user)(void *data, const char *name, uint32_t *ret_uid);
	int (*group)(void *data, const char *name, uint32_t *ret_gid);
	void *data;
};

enum rules_boot { BOOT_OPEN = 1, BOOT_CLOSED };

struct rule {
	bool deny;
	uint32_t line;
	struct span text; /* as written, without comment and blanks around it */
	struct selector *selectors;
	unsigned count;
};

struct rules {
	char *file;    /* as given */
	char *content; /* the text, which rules point into */
	enum table_mode mode;
	enum rules_boot boot;
	char provider[32];          /* "": by DMI, then by shape */
	struct endpoints endpoints; /* built-in and `endpoint` lines */
	struct rule *rule;
	unsigned count;
};

/* Reads a text; every mistake is told. 0 or -EINVAL (-ENOMEM). `file` is for messages and events only. */
int rules_parse(const char *file, struct span text, const struct rules_names *names, rules_mistake mistake,
		void *context, struct rules **ret_rules);
/* The same from a file. -errno when it cannot be read (told through `mistake`, too). */
int rules_read(const char *path, rules_mistake mistake, void *context, struct rules **ret_rules);
struct rules *rules_free(struct rules *r); /* NULL is fine; always NULL */
