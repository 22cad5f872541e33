/* SPDX-License-Identifier: Apache-2.0 */
/* What the stand-in answers: the paths of EC2's, ECS's and EKS's metadata services, and the token rules of IMDSv2. */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "demo/behaviour.h"
#include "demo/request.h"

/* Every secret the stand-in hands out holds this text: it must never be seen in what a tracer writes. */
#define SECRET_MARKER        "SECRETMARKER"
#define ANSWER_ACCESS_KEY_ID "ASIAEXAMPLESTANDIN01"
#define ANSWER_EXPIRATION    "2036-11-22T18:00:00Z"

#define TOKENS_MAX           1024

/* The tokens handed out so far. The n-th one is always the same text, so that runs can be compared. */
struct tokens {
	unsigned count;
	uint64_t expires[TOKENS_MAX]; /* ms on the service's clock, by number modulo TOKENS_MAX */
};

struct answer_rules {
	struct behaviour all;   /* of every answer */
	struct behaviour token; /* of token answers, instead of `all` */
	bool require_v2;        /* 401 to a request without a token */
};

struct answer {
	unsigned status;
	struct behaviour behaviour;
	size_t interim_length; /* bytes of 1xx answers at the front of `bytes` */
	struct buffer bytes;
};

/* Decides and composes the answer to `r` (NULL: to a head that is no HTTP). `now` in ms. Empty for a silent one. */
void answer_compose(struct answer *ret_answer, const struct answer_rules *rules, struct tokens *tokens,
		    const struct request *r, uint64_t now);
