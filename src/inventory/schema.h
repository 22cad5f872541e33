/* SPDX-License-Identifier: Apache-2.0 */
/* The tables (docs/inventory.md), and how a database of an older version becomes one of this version. */
#pragma once

#include <sqlite3.h>

#include "base/problem.h"

#define SCHEMA_APPLICATION_ID 0x494d4453 /* "IMDS" */
#define SCHEMA_VERSION        1

/* From version N to N + 1: SQL of step[N - 1]. */
struct schema {
	const char *create; /* of version `version`, but for application_id and user_version */
	int version;
	const char *const *step;
};

extern const struct schema schema_current;

enum schema_state {
	SCHEMA_EMPTY = 1, /* no tables yet */
	SCHEMA_OURS,      /* of this version */
	SCHEMA_OLD,
	SCHEMA_NEW,    /* of a later version of imdsnitch */
	SCHEMA_FOREIGN /* of another program */
};

/* 0 or SQLite's error. */
int schema_look(sqlite3 *db, const struct schema *s, enum schema_state *ret_state, int *ret_version);

/* Creates or migrates, whole or not at all. 0 or SQLite's error. */
int schema_bring_up(sqlite3 *db, const struct schema *s);
