/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was decided: counted, and told to every tracer (readers.h). */
#pragma once

#include "guard_who.bpf.h"
#include "packet.bpf.h"

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline bool denied(const struct claim *c)
{
	return c->verdict == DECISION_DENY && c->enforced;
}

/* Takes a decision down. `unread`: it could be another one if the request had been read. */
static __always_inline void decision_keep(struct claim *c, struct guard_slot *slot, struct decision d, bool unread)
{
	c->rule = d.rule;
	c->verdict = d.verdict;
	c->enforced = slot->table.mode == TABLE_ENFORCE;
	c->unread = unread && d.rule < TABLE_RULES && rule_set_has(&slot->table.needs_request, d.rule % TABLE_RULES);
}

/* The guard could not ask: an enforced table lets nothing pass that is not known to be allowed. */
static __always_inline void decision_fail(struct claim *c)
{
	c->generation = 0;
	c->rule = TABLE_NONE;
	c->verdict = DECISION_DENY;
	c->enforced = enforcing();
	c->unread = 0;
	count(&control.errors);
}

static __always_inline void hits_count(struct guard_slot *slot, __u32 rule)
{
	struct guard_hits *hits = &slot->hits[rule < TABLE_RULES ? rule : TABLE_RULES];

	count(&hits->hits);
	hits->last = bpf_ktime_get_boot_ns();
}

static __always_inline void decision_count(struct claim *c)
{
	struct guard_slot *slot = slot_get(c->generation);

	count(&control.judged);
	if (slot && c->generation)
		hits_count(slot, c->rule);
	if (c->verdict != DECISION_DENY)
		return;
	count(c->enforced ? &control.denied : &control.would_deny);
	if (c->unread)
		count(&control.unread);
}

static __always_inline void verdict_fill(struct verdict_record *v, struct claim *c, __u8 stage, __u8 protocol)
{
	struct guard_slot *slot = slot_get(c->generation);

	__builtin_memset(v, 0, sizeof(*v));
	record_begin(&v->header, RECORD_VERDICT, sizeof(*v), c->cookie);
	v->request = stage == RECORD_AT_REQUEST ? c->now.request : 0;
	v->verdict = c->verdict != DECISION_DENY ? RECORD_ALLOWED : c->enforced ? RECORD_DENIED : RECORD_WOULD_DENY;
	v->stage = stage;
	v->protocol = protocol;
	v->unread = c->unread;
	if (!slot || !c->generation || c->rule >= TABLE_RULES)
		return;
	v->line = slot->table.line[c->rule % TABLE_RULES];
	__builtin_memcpy(v->file, slot->table.file, sizeof(v->file));
}

/* A reader's ring; NULL: the place is free. */
static __always_inline void *reader_ring(__u32 i, struct reader_owner **ret_owner)
{
	struct reader_owner *owner = bpf_map_lookup_elem(&owners, &i);

	if (!owner || !owner->pid || !owner->start)
		return NULL;
	*ret_owner = owner;
	return bpf_map_lookup_elem(&readers, &i);
}

static __always_inline void readers_tell(void *record, __u64 size)
{
	for (__u32 i = 0; i < READERS_MAX; i++) {
		struct reader_owner *owner = NULL;
		void *ring = reader_ring(i, &owner);

		if (ring && owner && bpf_ringbuf_output(ring, record, size, 0))
			count(&owner->lost);
	}
}

/* Reserves room of a fixed size and fills it: as STREAM_EMIT in probe.bpf.c. `load`: copies `bounded` bytes. */
#define REFUSED_EMIT(kind, context, room, load)                                                                        \
	static __always_inline int refused_##kind##_##room(context *ctx, void *ring, const struct verdict_record *v,   \
							   __u32 from, __u64 data)                                     \
	{                                                                                                              \
		struct verdict_record *record = bpf_ringbuf_reserve(ring, sizeof(*record) + (room), 0);                \
		__u64 bounded = data - 1;                                                                              \
                                                                                                                       \
		if (!record)                                                                                           \
			return -1;                                                                                     \
		keep(bounded);                                                                                         \
		bounded = (bounded & ((room)-1)) + 1; /* 1 to room, as 5.10 understands it */                          \
		__builtin_memcpy(record, v, sizeof(*record));                                                          \
		if (load(ctx, from, record + 1, bounded)) {                                                            \
			record->data = 0;                                                                              \
			record->header.length = sizeof(*record);                                                       \
		}                                                                                                      \
		bpf_ringbuf_submit(record, 0);                                                                         \
		return 0;                                                                                              \
	}

/* Tells all readers of the last decision, with the bytes that were refused. */
#define TELL_FUNCTIONS(kind, context, load, total)                                                                     \
	REFUSED_EMIT(kind, context, 512, load)                                                                         \
	REFUSED_EMIT(kind, context, 4096, load)                                                                        \
	static __always_inline void refused_##kind(context *ctx, const struct verdict_record *v, __u32 from,           \
						   __u64 data)                                                         \
	{                                                                                                              \
		for (__u32 i = 0; i < READERS_MAX; i++) {                                                              \
			struct reader_owner *owner = NULL;                                                             \
			void *ring = reader_ring(i, &owner);                                                           \
			int r;                                                                                         \
                                                                                                                       \
			if (!ring || !owner)                                                                           \
				continue;                                                                              \
			r = data <= 512 ? refused_##kind##_512(ctx, ring, v, from, data)                               \
					: refused_##kind##_4096(ctx, ring, v, from, data);                             \
			if (r)                                                                                         \
				count(&owner->lost);                                                                   \
		}                                                                                                      \
	}                                                                                                              \
	__noinline int tell_##kind(context *ctx, __u32 from)                                                           \
	{                                                                                                              \
		struct claim *c = claim_##kind(ctx);                                                                   \
		struct verdict_record v;                                                                               \
		__u64 data;                                                                                            \
                                                                                                                       \
		if (!c)                                                                                                \
			return 0;                                                                                      \
		decision_count(c);                                                                                     \
		verdict_fill(&v, c, RECORD_AT_REQUEST, IPPROTO_TCP);                                                   \
		if (!denied(c)) {                                                                                      \
			readers_tell(&v, sizeof(v));                                                                   \
			return 0;                                                                                      \
		}                                                                                                      \
		data = total(ctx) - from;                                                                              \
		if (data > STREAM_CHUNK) {                                                                             \
			v.header.flags |= RECORD_F_CUT;                                                                \
			data = STREAM_CHUNK;                                                                           \
		}                                                                                                      \
		if (c->flags & CLAIM_PLACED)                                                                           \
			v.offset = c->before.seq - c->first;                                                           \
		else                                                                                                   \
			v.header.flags |= RECORD_F_NO_OFFSET;                                                          \
		v.data = data;                                                                                         \
		v.header.length = sizeof(v) + data;                                                                    \
		refused_##kind(ctx, &v, from, data);                                                                   \
		return 0;                                                                                              \
	}
