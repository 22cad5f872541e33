/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of one service: the row behind `struct service`. Only service.c, judge.c and guard/marks.c look inside.
 */
#pragma once

#include "call/service.h"

/* What makes a call "v2". */
enum version_rule {
	RULE_NONE,   /* the service has no versions */
	RULE_TOKEN,  /* token_header present, or the token request itself */
	RULE_GOOGLE, /* Metadata-Flavor: Google or X-Google-Metadata-Request: True */
	RULE_ORACLE, /* a path under opc/v2 with an Authorization header */
};

struct class_rule {
	const char *pattern; /* call/path.h */
	enum call_class class;
};

struct service {
	const char *name, *provider;
	enum version_rule rule;
	uint32_t token_header;            /* HEADER_*; RULE_TOKEN */
	const char *token_path;           /* of a PUT that asks for a token; NULL: none */
	bool fold_case;                   /* paths are compared in any letter case */
	const struct class_rule *classes; /* first match wins; ended by a NULL pattern; else CLASS_OTHER */
};

/*
 * Shapes that contradict EC2 at the shared address, in any letter case; ended by a NULL pattern. A path of EC2's own
 * form (ec2_paths, in its letter case) is never one of them: EC2 ignores headers of other clouds, and a caller must not
 * be able to hide a v1 call behind one.
 */
struct shape_rule {
	const char *pattern, *service;
};
extern const struct shape_rule shape_rules[];
extern const char *const ec2_paths[];

#define SECURE_PATH "opc/v2" /* RULE_ORACLE */
