/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and databases to test the inventory with. */
#pragma once

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "inventory/inventory.h"

#define SECOND    UINT64_C(1000000000)
#define DAY       (86400 * SECOND)
#define FIRST_DAY (UINT64_C(20770) * DAY) /* 2026-11-13 */
#define DEFAULTS  .max_rows = 100000, .max_size = 64U << 20, .max_age = 400 * DAY

/* A v1 call of curl that got credentials, at `time`. */
static inline struct row row_at(uint64_t time)
{
	struct row row = {
		.time = time,
		.duration = 1500000,
		.status = 200,
		.flags = ROW_HAS_DURATION | ROW_HAS_STATUS | ROW_COMPLETE,
		.field =
			{
				[ROW_ACTION] = SPAN_LITERAL("imds-request"),
				[ROW_PROVIDER] = SPAN_LITERAL("aws"),
				[ROW_SERVICE] = SPAN_LITERAL("ec2"),
				[ROW_VERSION] = SPAN_LITERAL("v1"),
				[ROW_CLASS] = SPAN_LITERAL("credentials"),
				[ROW_CAUSE] = SPAN_LITERAL("no-token-support"),
				[ROW_VERDICT] = SPAN_LITERAL("observed"),
				[ROW_OUTCOME] = SPAN_LITERAL("success"),
				[ROW_METHOD] = SPAN_LITERAL("GET"),
				[ROW_PATH] = SPAN_LITERAL("/latest/meta-data/iam/security-credentials/web"),
				[ROW_EXECUTABLE] = SPAN_LITERAL("/usr/bin/curl"),
				[ROW_PROGRAM] = SPAN_LITERAL("curl"),
				[ROW_ARGUMENTS] = SPAN_LITERAL("curl -s http://169.254.169.254/latest"),
				[ROW_USER_ID] = SPAN_LITERAL("33"),
				[ROW_USER] = SPAN_LITERAL("www-data"),
				[ROW_UNIT] = SPAN_LITERAL("web.service"),
				[ROW_SDK] = SPAN_LITERAL("aws-cli"),
				[ROW_SDK_VERSION] = SPAN_LITERAL("1.15.10"),
				[ROW_SDK_SUPPORTS_V2] = SPAN_LITERAL("false"),
			},
	};

	return row;
}

/* Counts of a run that is attached since `since` and has seen nothing. */
static inline struct feed_counts counts_at(uint64_t since, uint64_t time)
{
	return (struct feed_counts){.time = time,
				    .attached_since = since,
				    .boot_id = "boot",
				    .run_id = "run-1",
				    .attached_seconds = (time - since) / SECOND};
}

/* The first column of the first row, -1 when there is none. */
static inline int64_t ask_number(const char *path, const char *sql)
{
	sqlite3_stmt *statement;
	sqlite3 *db;
	int64_t answer = -1;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(statement) == SQLITE_ROW)
		answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return answer;
}

static inline const char *ask_text(const char *path, const char *sql)
{
	static char answer[8192];
	sqlite3_stmt *statement;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	snprintf(answer, sizeof(answer), "(none)");
	if (sqlite3_step(statement) == SQLITE_ROW)
		snprintf(answer, sizeof(answer), "%s",
			 sqlite3_column_text(statement, 0) ? (const char *)sqlite3_column_text(statement, 0)
							   : "(null)");
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return answer;
}

static inline void run_sql(const char *path, const char *sql)
{
	char *error = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
}

static inline struct inventory *open_inventory(const struct inventory_settings *settings)
{
	struct problem problem = {0};
	struct inventory *i = NULL;

	if (inventory_open(settings, &i, &problem) < 0)
		fail_msg("%s", problem.text);
	return i;
}
