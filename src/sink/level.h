/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much an event matters, in the severities that the AWS analyzer's log, journald and syslog share:
 *
 *	ERROR    the call was denied, or its version is not known
 *	WARNING  v1, or a rule would deny the call
 *	INFO     everything else: v2, services without versions, connections without a request, counts
 *
 * Credentials read over v1 stay a WARNING, so that a search for warnings finds every v1 call; event.kind tells them.
 */
#pragma once

#include "call/call.h"
#include "feed/frame.h"

enum level call_level(const struct call *c);

/* Of the version alone, whatever the verdict. */
enum level version_level(enum call_version v);

/* "ERROR", "WARNING", "INFO"; static storage. */
const char *level_name(enum level level);
