/* SPDX-License-Identifier: Apache-2.0 */
/* A connect record and the /proc tree that goes with it. */
#pragma once

#include "caller/ancestry.h"
#include "caller/caller.h"
#include "fake_proc.h"

#define TICK UINT64_C(10000000)
#define ID   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BOOT "6b3f1f0e-6b1a-4b0e-9d3e-0a1b2c3d4e5f"
#define MASK "**token redacted**"

struct fixture {
	struct fake_proc proc;
	struct caller_context context;
	struct connect_record record;
	struct span args;
};

#define SET_NAMES(field, length, names)                                                                                \
	do {                                                                                                           \
		memcpy((field), (names), sizeof(names) - 1);                                                           \
		(length) = sizeof(names) - 1;                                                                          \
	} while (0)

/* curl(12), a child of bash(11), in web.service; /proc knows the same, and a working directory. */
static inline int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct connect_record *r = &x->record;

	fake_proc_make(&x->proc);
	fake_proc_process(&x->proc, 12, "curl", 500, "/usr/bin/curl");
	fake_proc_process(&x->proc, 11, "bash", 400, "/bin/bash");
	x->context = (struct caller_context){
		.proc = x->proc.fd, .realtime_offset = 1000000, .boot_id = BOOT, .ancestry = ancestry_new()};
	r->process = (struct wire_process){.pid = 12, .start = 500 * TICK + 7, .comm = "curl"};
	r->uid = 1000;
	r->gid = 33;
	r->loginuid = UINT32_MAX;
	r->netns = 4026531840;
	r->cgroup = 99;
	r->ancestors = 1;
	r->ancestor[0] = (struct wire_process){.pid = 11, .start = 400 * TICK, .comm = "bash"};
	SET_NAMES(r->exe_names, r->exe, "curl\0bin\0usr\0");
	SET_NAMES(r->cgroup_names, r->cgroup_path, "web.service\0system.slice\0");
	x->args = SPAN_LITERAL("curl\0http://169.254.169.254/\0");
	*state = x;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *x = *state;

	ancestry_free(x->context.ancestry);
	fake_proc_remove(&x->proc);
	free(x);
	return 0;
}

static inline struct caller *build(struct fixture *x)
{
	struct caller *c = caller_new(&x->context, &x->record, x->args);

	assert_non_null(c);
	return c;
}

static inline void expect_text(const char *got, const char *expected)
{
	assert_string_equal(got ? got : "(null)", expected ? expected : "(null)");
}

static inline void expect_args(const struct process *p, struct span expected, bool truncated)
{
	assert_int_equal(p->args_length, expected.length);
	if (expected.length)
		assert_memory_equal(p->args, expected.data, expected.length);
	else
		assert_null(p->args);
	assert_int_equal(p->args_truncated, truncated);
}
