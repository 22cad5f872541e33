/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event as fields for programs: what the inventory and the metrics are fed with. Only for processes of one build;
 * what people and other tools read is JSON (docs/events.md), whose field names the comments give.
 */
#pragma once

#include "base/buffer.h"
#include "call/call.h"

enum row_field {
	ROW_ACTION,          /* event.action: "imds-request", "imds-connect" */
	ROW_PROVIDER,        /* imds.provider */
	ROW_SERVICE,         /* imds.service */
	ROW_VERSION,         /* imds.version */
	ROW_CLASS,           /* imds.class */
	ROW_CAUSE,           /* imds.cause */
	ROW_VERDICT,         /* imds.verdict */
	ROW_RULE,            /* imds.rule */
	ROW_OUTCOME,         /* event.outcome */
	ROW_REASON,          /* event.reason */
	ROW_METHOD,          /* http.request.method */
	ROW_PATH,            /* url.path */
	ROW_EXECUTABLE,      /* process.executable */
	ROW_PROGRAM,         /* process.name */
	ROW_ARGUMENTS,       /* process.command_line: masked, quoted, ROW_ARGUMENTS_MAX bytes at most */
	ROW_USER_ID,         /* process.user.id */
	ROW_USER,            /* process.user.name */
	ROW_UNIT,            /* systemd.unit */
	ROW_CONTAINER,       /* container.id */
	ROW_RUNTIME,         /* container.runtime */
	ROW_IMAGE,           /* container.image.name */
	ROW_POD,             /* kubernetes.pod.uid */
	ROW_SDK,             /* sdk.name */
	ROW_SDK_VERSION,     /* sdk.version */
	ROW_SDK_SUPPORTS_V2, /* sdk.supports_v2: "true", "false" */
	ROW_FIELDS
};

#define ROW_ARGUMENTS_MAX ((size_t)4096)

enum { ROW_HAS_DURATION = 1, ROW_HAS_STATUS = 2, ROW_COMPLETE = 4, ROW_FORWARDED = 8 };

/* Absent fields are absent spans. Raw bytes: whoever prints them escapes. */
struct row {
	uint64_t time;     /* ns since the epoch */
	uint64_t duration; /* ns, with ROW_HAS_DURATION */
	uint32_t status;   /* with ROW_HAS_STATUS */
	uint32_t flags;
	struct span field[ROW_FIELDS];
};

/* Appends the row of a call. */
void row_write(const struct call *c, struct buffer *b);

/* Reads what row_write() wrote; spans point into `bytes`. 0, or -EINVAL: these bytes are no row. */
int row_read(struct span bytes, struct row *ret_row);
