/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which calls are shown. Values of one filter are alternatives, different filters must all hold:
 *
 *	version    v1, v2, unknown
 *	class      token, credentials, identity, user-data, metadata, other
 *	pid        a process ID
 *	user       a name or a user ID
 *	program    a glob (fnmatch(3), '*' also matches '/') on the program's name, the executable's path or its base
 *name container  a container's ID or the first characters of one, at least 4; or its whole name where that is its ID
 *	unit       a glob on the systemd unit; ".service" may be left out
 *	status     404, 4xx, 400-499, none (no answer came)
 *	service    ec2, ecs, …
 *
 * What is not known matches no filter on it. A connection without a request has no version and no class, so it fails
 * every filter on those; it has no answer, so of statuses only "none" matches; the filters on who and on the service
 * treat it as any call.
 */
#pragma once

#include "call/call.h"

struct filter_value; /* one name and value */

/* Zeros are a filter that lets everything pass. */
struct filter {
	struct filter_value *values;
	size_t count;
};

/*
 * Adds one value to the filter `name`, one of the above. 0; -ENOMEM; -EINVAL with *ret_error, static text: "expected
 * 404, 4xx, 400-499 or none"
 */
int filter_add(struct filter *f, const char *name, const char *value, const char **ret_error);

bool filter_match(const struct filter *f, const struct call *c);
void filter_done(struct filter *f);
