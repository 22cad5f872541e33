/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a request by its head: whose service it means, which version it speaks, what it asks for. */
#pragma once

#include "bpf/head.h"
#include "call/path.h"
#include "call/service.h"

struct judgement {
	const struct service *service; /* NULL: unknown */
	enum call_version version;
	enum call_class class;
	bool token_request; /* asks for a token */
	struct span reason; /* why the version is unknown, or absent */
};

/*
 * `service` is the endpoint's, `provider` the configured one (NULL: judge by the request's shape). `whole`: every byte
 * of the head was seen; else the absence of a header decides nothing. `target` may be cut (target_cut).
 */
void judge_request(const struct service *service, const char *provider, const struct head *head,
		   const struct path *path, bool target_cut, bool whole, struct judgement *ret);

/*
 * May a path that begins with `prefix` (as path_matches(), in any letter case) be of this class? False only where none
 * is.
 */
bool judge_class_reaches(const struct service *service, enum call_class class, const char *prefix);
