/* SPDX-License-Identifier: Apache-2.0 */
/* What may be known of a credentials answer: the key's id and its end, to find the key again in the cloud's log. */
#pragma once

#include "base/span.h"

/* Larger bodies are not looked at. */
#define CREDENTIALS_BODY_MAX 16384

struct credentials {
	char access_key_id[129]; /* "" when absent */
	char expiration[65];
};

/*
 * Reads a JSON answer of the EC2, ECS or EKS credentials service. False when it is none. The secrets in it are wiped
 * from all memory used here; `body` is the caller's to wipe.
 */
bool credentials_parse(struct credentials *c, struct span body);
