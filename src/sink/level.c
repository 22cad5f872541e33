/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/level.h"

enum level version_level(enum call_version v)
{
	static const enum level levels[] = {
		[VERSION_NONE] = LEVEL_INFO,
		[VERSION_V1] = LEVEL_WARNING,
		[VERSION_V2] = LEVEL_INFO,
		[VERSION_UNKNOWN] = LEVEL_ERROR,
	};

	return levels[v];
}

enum level call_level(const struct call *c)
{
	enum level level = version_level(c->version);

	if (c->verdict == VERDICT_DENIED)
		return LEVEL_ERROR;
	if (c->verdict == VERDICT_WOULD_DENY && level > LEVEL_WARNING)
		return LEVEL_WARNING;
	return level;
}

const char *level_name(enum level level)
{
	if (level <= LEVEL_ALERT)
		return "ALERT";
	if (level <= LEVEL_ERROR)
		return "ERROR";
	return level <= LEVEL_WARNING ? "WARNING" : "INFO";
}
