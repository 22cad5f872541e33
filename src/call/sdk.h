/* SPDX-License-Identifier: Apache-2.0 */
/* Which SDK a user agent names, and whether that version can speak IMDSv2. */
#pragma once

#include "base/span.h"

struct sdk {
	struct span name, version; /* of the user agent's text; absent: it names none */
	bool has_supports_v2, supports_v2;
};

void sdk_init(struct sdk *s, struct span user_agent);
