/* SPDX-License-Identifier: Apache-2.0 */
/* A table asked in user space: what the kernel would decide for a caller and a request given as text. */
#pragma once

#include "base/span.h"
#include "bpf/decide.h"
#include "call/service.h"

/* A caller and a request; what is absent is not known (see table.h). Spans are borrowed. */
struct question {
	uint32_t uid;
	const uint32_t *groups; /* effective and supplementary */
	unsigned group_count;
	bool groups_cut;         /* there are more of them */
	struct span exe, cgroup; /* absolute paths; cgroup v2 */
	struct call_address address;
	bool datagram;    /* no TCP, or a port that is no endpoint's: who alone decides */
	struct span head; /* the request head as on the wire; absent: only the connect is asked for */
};

struct answer {
	struct decision decision;
	bool at_connect;
	struct asked asked; /* when the head was read */
};

/* 0, or -ENOENT when the address is no endpoint's of `endpoints`. */
int question_ask(const struct table *t, const struct endpoints *endpoints, const struct question *q,
		 struct answer *ret_answer);

/* The rules an executable satisfies; absent: it is not known. */
const struct rule_set *question_exe(const struct table *t, struct span exe);

/* The rules a caller satisfies in user, groups, exe and cgroup. */
void question_who(const struct table *t, const struct question *q, struct rule_set *ret_set);
