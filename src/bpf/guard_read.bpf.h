/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What: the stream of requests, read as far as it is needed. The same for what a caller is about to send (sk_msg) and
 * for what leaves (egress), which go on where the other one stopped.
 */
#pragma once

#include "guard_tell.bpf.h"

/* Beside how many bytes were taken. */
#define READ_TAKEN 0xffffff
#define READ_DONE  0x1000000 /* the head is complete with these bytes */
#define READ_BLIND 0x2000000 /* here begin bytes that cannot be read as requests */

static __always_inline bool reading_is_blind(const struct reading *r)
{
	return r->http.state >= HTTP_UNTIL_CLOSE;
}

static __always_inline void reading_reset(struct reading *r)
{
	head_init(&r->head, HEAD_REQUEST);
	__builtin_memset(&r->http, 0, sizeof(r->http));
	r->method = 0;
}

/* In a value that says nothing to a rule: most of most heads. head_step() would note its place, too. */
static __always_inline bool value_is_skipped(const struct head *head)
{
	return head->state == HEAD_S_VALUE && !(head->current & (HEAD_NUMBERS | HEAD_LISTS));
}

/* Of c->chunk from `at` on, how many bytes of such a value follow: up to SKIP_CHUNK, and before `end`. To c->at. */
#define SKIP_CHUNK 64
static __always_inline void value_skip(struct claim *c, __u32 at, __u32 end)
{
	__u32 i = 0;

	if (value_is_skipped(&c->now.head))
		for (; i < SKIP_CHUNK; i++)
			if (at + i >= end || c->chunk[(at + i) % READ_CHUNK] == '\n')
				break;
	c->now.head.length += i;
	c->at = i;
}

/* A byte of the target behind its first one; white space and line ends are left to head_step(). */
static __always_inline bool target_goes_on(const struct head *head, __u8 byte)
{
	return head->state == HEAD_S_TARGET && head->target.length && byte > ' ';
}

/* One byte of a head; the start line is kept. */
static __always_inline enum head_result head_byte(struct claim *c, __u8 byte)
{
	struct head *head = &c->now.head;
	__u64 at = head->length;
	enum head_result result;

	if (byte != '\n' && value_is_skipped(head)) {
		head->length = at + 1;
		return HEAD_MORE;
	}
	if (head->state == HEAD_S_NAME) { /* as head_step() would, a call less */
		head->state = head_step_name(head, byte);
		head->length = at + 1;
		return HEAD_MORE;
	}
	if (head->flags & HEAD_F_LINE)
		return head_step(head, byte);
	if (at < WALK_LINE)
		c->line[at % WALK_LINE] = byte;
	if (target_goes_on(head, byte)) {
		head->length = at + 1;
		head->target.length = head_saturate(at) - head->target.offset + 1;
		return HEAD_MORE;
	}
	result = head_step(head, byte);
	if (head->flags & HEAD_F_LINE)
		c->now.method = asked_method(head);
	return result;
}

/* Of c->chunk, `at` to `end` and not much more than SCAN_CHUNK, in a head. Returns as above. */
static __always_inline int head_read(struct claim *c, __u32 at, __u32 end)
{
	__u32 i, skipped;

	value_skip(c, at, end);
	barrier();
	skipped = c->at;
	at += skipped;
	for (i = 0; i < SCAN_CHUNK; i++) {
		enum head_result result;

		if (at + i >= end)
			break;
		result = head_byte(c, c->chunk[(at + i) % READ_CHUNK]);
		if (result == HEAD_DONE)
			return (skipped + i + 1) | READ_DONE;
		if (result == HEAD_ERROR)
			return (skipped + i + 1) | READ_BLIND;
	}
	return skipped + i;
}

/* The same in the framing of chunks: up to where something else begins. */
static __always_inline int framing_read(struct claim *c, __u32 at, __u32 end)
{
	__u32 i;

	for (i = 0; i < SCAN_CHUNK; i++) {
		if (at + i >= end || !body_in_framing(&c->now.http))
			break;
		c->now.http.state = body_framing_byte(&c->now.http, c->chunk[(at + i) % READ_CHUNK]);
	}
	return i;
}

/* What needs no look at the bytes; 0: they have to be looked at. */
static __always_inline __u32 body_skip(struct claim *c, __u32 left)
{
	struct http *http = &c->now.http;

	if (!body_in_content(http))
		return 0;
	if (http->left < left)
		left = http->left;
	body_taken(http, left);
	return left;
}

/* A byte that walk_step() would feed as it is. */
static __always_inline bool walk_goes_on(const struct walk *w, __u8 byte)
{
	return w->segment == WALK_NAME && w->part == WALK_PATH && !w->digits && !w->over && byte != '/' &&
	       byte != '%' && byte != '?' && byte != '#';
}

/* The target through the automata, WALK_CHUNK bytes from `from` on. */
#define WALK_CHUNK 64
static __always_inline void walk_chunk(struct claim *c, const struct table *t, __u32 from)
{
	__u32 end = c->now.head.target.offset + c->now.head.target.length;

	for (__u32 i = 0; i < WALK_CHUNK; i++) {
		__u8 byte;

		if (from + i >= end)
			break;
		byte = c->line[(from + i) % WALK_LINE];
		if (walk_goes_on(&c->walk, byte))
			walk_feed(t, &c->walk, byte);
		else
			walk_step(t, &c->walk, byte);
	}
}

static __always_inline bool target_is_kept(const struct head *head)
{
	return head->target.offset + head->target.length <= WALK_LINE;
}

/* Asks the table about the request whose head is complete, or about bytes that are none. */
static __always_inline void request_decide(struct claim *c, struct guard_slot *slot)
{
	struct decision d = {.rule = TABLE_NONE, .verdict = DECISION_ALLOW};
	struct asked asked = {};
	bool exact;
	__u32 number = number_of(slot, &c->remote, &exact);

	if (number && !reading_is_blind(&c->now)) {
		asked.known = 1;
		asked.method = c->now.method;
		asked.path = c->walk.now.rules;
		asked.path_known = target_is_kept(&c->now.head) && !c->walk.cut;
		asked_judge(&slot->table, number, &c->now.head, c->walk.now.judge, &asked);
	}
	if (number)
		d = decide_request(&slot->table, &c->set, number, &asked);
	decision_keep(c, slot, d, !asked.known || !asked.path_known);
}

#define READ_FUNCTIONS(kind, context, load)                                                                            \
	__noinline int walk_##kind(context *ctx, __u64 generation, __u32 from)                                         \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (slot && c)                                                                                         \
			walk_chunk(c, &slot->table, from);                                                             \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int path_##kind(context *ctx, __u64 generation)                                                     \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
		__u32 from, end;                                                                                       \
                                                                                                                       \
		if (!slot || !c)                                                                                       \
			return 0;                                                                                      \
		walk_init(&slot->table, &c->walk);                                                                     \
		from = c->now.head.target.offset;                                                                      \
		end = from + c->now.head.target.length;                                                                \
		for (int i = 0; i < WALK_LINE / WALK_CHUNK; i++) {                                                     \
			if (from >= end || end > WALK_LINE)                                                            \
				break;                                                                                 \
			walk_##kind(ctx, generation, from);                                                            \
			from += WALK_CHUNK;                                                                            \
		}                                                                                                      \
		walk_end(&slot->table, &c->walk);                                                                      \
		return 0;                                                                                              \
	}                                                                                                              \
	__noinline int decide_##kind(context *ctx, __u64 generation)                                                   \
	{                                                                                                              \
		struct guard_slot *slot = slot_get(generation);                                                        \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (slot && c)                                                                                         \
			request_decide(c, slot);                                                                       \
		return 0;                                                                                              \
	}                                                                                                              \
	/* The request is there; or bytes that are none. Returns whether it is refused. */                             \
	__noinline int judge_##kind(context *ctx)                                                                      \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!c)                                                                                                \
			return 0;                                                                                      \
		for (int i = 0; i < 3; i++) {                                                                          \
			__u64 generation = generation_now();                                                           \
                                                                                                                       \
			who_##kind(ctx, generation);                                                                   \
			if (!reading_is_blind(&c->now))                                                                \
				path_##kind(ctx, generation);                                                          \
			decide_##kind(ctx, generation);                                                                \
			if (generation_holds(generation))                                                              \
				return denied(c);                                                                      \
			c->generation = 0;                                                                             \
		}                                                                                                      \
		decision_fail(c);                                                                                      \
		return denied(c);                                                                                      \
	}                                                                                                              \
	__noinline int scan_##kind(context *ctx, __u32 at, __u32 end)                                                  \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!c)                                                                                                \
			return 0;                                                                                      \
		return c->now.http.state == HTTP_HEAD ? head_read(c, at, end) : framing_read(c, at, end);              \
	}                                                                                                              \
	/* Takes bytes from `from` on. */                                                                              \
	__noinline int read_##kind(context *ctx, __u32 from)                                                           \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
		__u64 left;                                                                                            \
		__u32 taken, at = 0;                                                                                   \
                                                                                                                       \
		if (!c || from >= c->size)                                                                             \
			return 0;                                                                                      \
		left = c->size - from;                                                                                 \
		taken = body_skip(c, left);                                                                            \
		if (taken)                                                                                             \
			return taken & READ_TAKEN;                                                                     \
		if (left > READ_CHUNK)                                                                                 \
			left = READ_CHUNK;                                                                             \
		left--;                                                                                                \
		keep(left);                                                                                            \
		left = (left & (READ_CHUNK - 1)) + 1;                                                                  \
		if (load(ctx, from, c->chunk, left))                                                                   \
			return 0;                                                                                      \
		for (int i = 0; i < READ_CHUNK / SCAN_CHUNK; i++) {                                                    \
			int r = scan_##kind(ctx, at, left);                                                            \
                                                                                                                       \
			at += r & READ_TAKEN;                                                                          \
			if (r & ~READ_TAKEN)                                                                           \
				return at | (r & ~READ_TAKEN);                                                         \
			if (r < SCAN_CHUNK || at >= left)                                                              \
				break;                                                                                 \
		}                                                                                                      \
		return at;                                                                                             \
	}

/* The loop over what there is: c->from to c->size. */
#define STEPS_MAX 1024

static __always_inline bool between_requests(const struct reading *r)
{
	return r->http.state == HTTP_HEAD && r->head.state == HEAD_S_START && r->head.leading == 0;
}

/* A request begins here: what came before it may pass, whatever happens to it. */
static __always_inline void request_begin(struct claim *c)
{
	c->begin = c->from;
	c->before = c->now;
}

/* Its head is complete and it may pass. */
static __always_inline void request_pass(struct claim *c)
{
	body_begin_request(&c->now.http, &c->now.head);
	head_init(&c->now.head, HEAD_REQUEST);
	c->now.method = 0;
	c->now.request++;
}

#define RUN_FUNCTIONS(kind, context)                                                                                   \
	/* Bytes that cannot be read: asked once for every table. Returns whether they are refused. */                 \
	__noinline int blind_##kind(context *ctx)                                                                      \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!c)                                                                                                \
			return 0;                                                                                      \
		if (c->blind == generation_now())                                                                      \
			return (c->flags & CLAIM_BLIND_DENY) != 0;                                                     \
		c->flags &= ~CLAIM_BLIND_DENY;                                                                         \
		if (judge_##kind(ctx))                                                                                 \
			c->flags |= CLAIM_BLIND_DENY;                                                                  \
		else                                                                                                   \
			tell_##kind(ctx, 0);                                                                           \
		c->blind = c->generation;                                                                              \
		return (c->flags & CLAIM_BLIND_DENY) != 0;                                                             \
	}                                                                                                              \
	/* One step; returns whether what began at c->begin is refused. */                                             \
	__noinline int step_##kind(context *ctx)                                                                       \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
		int taken;                                                                                             \
                                                                                                                       \
		if (!c)                                                                                                \
			return 0;                                                                                      \
		if (reading_is_blind(&c->now)) {                                                                       \
			c->now.seq += c->size - c->from;                                                               \
			c->from = c->size;                                                                             \
			return blind_##kind(ctx);                                                                      \
		}                                                                                                      \
		taken = read_##kind(ctx, c->from);                                                                     \
		if (!taken || taken & READ_BLIND) {                                                                    \
			c->now.http.state = HTTP_LOST;                                                                 \
			return 0;                                                                                      \
		}                                                                                                      \
		c->from += taken & READ_TAKEN;                                                                         \
		c->now.seq += taken & READ_TAKEN;                                                                      \
		if (taken & READ_DONE) {                                                                               \
			if (judge_##kind(ctx))                                                                         \
				return 1;                                                                              \
			tell_##kind(ctx, 0);                                                                           \
			request_pass(c);                                                                               \
		}                                                                                                      \
		if (between_requests(&c->now))                                                                         \
			request_begin(c);                                                                              \
		return 0;                                                                                              \
	}                                                                                                              \
	/* From c->from to c->size. Returns whether what began at c->begin is refused. */                              \
	__noinline int run_##kind(context *ctx)                                                                        \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
                                                                                                                       \
		if (!c)                                                                                                \
			return 0;                                                                                      \
		request_begin(c);                                                                                      \
		for (int i = 0; i < STEPS_MAX; i++) {                                                                  \
			if (c->from >= c->size)                                                                        \
				break;                                                                                 \
			if (step_##kind(ctx))                                                                          \
				return 1;                                                                              \
		}                                                                                                      \
		return 0;                                                                                              \
	}
