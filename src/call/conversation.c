/* SPDX-License-Identifier: Apache-2.0 */
/* The table of conversations: from records to byte streams, the beginning and the end of each. */
#include "call/conversation.h"

#include <errno.h>
#include <stdlib.h>

#include "call/dialogue.h"

/* Processes whose token requests are remembered: for each conversation so many, and at most so many. */
#define CAUSES_EACH 16
#define CAUSES_MAX  8192

static unsigned bucket_of(const struct conversations *t, uint64_t id)
{
	return (unsigned)((id * 0x9e3779b97f4a7c15ULL) >> 32) & (t->buckets - 1);
}

static struct conversation *find(const struct conversations *t, uint64_t id)
{
	struct conversation *c = t->bucket[bucket_of(t, id)];

	while (c && c->id != id)
		c = c->hash_next;
	return c;
}

static void lru_remove(struct conversations *t, struct conversation *c)
{
	*(c->older ? &c->older->newer : &t->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &t->newest) = c->older;
}

static void lru_append(struct conversations *t, struct conversation *c)
{
	c->older = t->newest;
	c->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = c;
	t->newest = c;
}

static void unlink_conversation(struct conversations *t, struct conversation *c)
{
	struct conversation **link = &t->bucket[bucket_of(t, c->id)];

	while (*link != c)
		link = &(*link)->hash_next;
	*link = c->hash_next;
	lru_remove(t, c);
	t->counts.active--;
}

static struct span error_name(uint32_t error)
{
	const char *name = strerrorname_np((int)error);

	return name ? span_of(name) : SPAN_LITERAL("unknown error");
}

/* Why a connection carried no request, by what was seen of it. */
static struct span connect_reason(const struct conversation *c, struct span otherwise)
{
	if (c->unaccounted)
		return SPAN_LITERAL("bytes were lost");
	if (c->http2)
		return SPAN_LITERAL("HTTP/2");
	if (c->unparsed)
		return SPAN_LITERAL("not HTTP");
	if (c->partial)
		return SPAN_LITERAL("incomplete request");
	if (otherwise.data)
		return otherwise;
	if (c->unannounced)
		return SPAN_LITERAL("open before start");
	if (c->reset && !c->established)
		return SPAN_LITERAL("ECONNREFUSED");
	return c->established ? SPAN_LITERAL("no request") : SPAN_LITERAL("no answer");
}

/* How a conversation ends. */
struct ending {
	struct span reason; /* said from outside: an error, the end of the program; or absent */
	bool failed;        /* the connection failed */
	bool complete;      /* no more bytes of it can have passed unseen */
};

/* Is a record of the guard there, and the one that belongs to it not yet? */
static bool awaits_verdict(const struct conversation *c)
{
	return c->expected || c->guarded;
}

static void forget(struct conversations *t, struct conversation *c)
{
	t->verdicts -= awaits_verdict(c);
	verdicts_free(t, c);
	unlink_conversation(t, c);
	t->current = NULL;
	caller_unref(c->caller);
	free(c->skipped);
	free(c);
}

/* What was lost last in a conversation leaves no trace in its own records: any loss since its beginning may be its. */
static void end_conversation(struct conversations *t, struct conversation *c, struct ending e)
{
	const struct verdict *v;

	if (c->losses != t->losses) {
		e.complete = false;
		c->lost = true;
		if (!e.reason.data)
			e.reason = SPAN_LITERAL("records were lost");
	}
	if (c->expected && !verdict_refuses(c)) {
		forget(t, c);
		return;
	}
	if (awaits_verdict(c)) {
		e.complete = false;
		e.reason = SPAN_LITERAL("records were lost");
	}
	t->current = c;
	v = verdict_end(t);
	dialogue_end(t, e.reason.data ? e.reason : SPAN_LITERAL("no response"), e.complete);
	if (!c->called || c->unaccounted)
		exchange_emit_connect(t, e.failed ? OUTCOME_FAILURE : OUTCOME_UNKNOWN, connect_reason(c, e.reason),
				      e.complete && !c->unaccounted && !c->lost, v);
	forget(t, c);
}

static void evict(struct conversations *t)
{
	t->counts.evicted++;
	end_conversation(t, t->oldest, (struct ending){.reason = SPAN_LITERAL("evicted")});
}

static void set_address(struct call_address *a, const uint8_t ip[16], uint16_t port)
{
	memcpy(a->ip, ip, sizeof(a->ip));
	a->port = port;
}

static void set_destination(struct conversations *t, struct conversation *c, const uint8_t ip[16], uint16_t port)
{
	const struct endpoint *e;

	set_address(&c->destination, ip, port);
	e = t->config.endpoints ? endpoints_find(t->config.endpoints, &c->destination) : NULL;
	c->service = e ? e->service : NULL;
}

/* Takes ownership of the caller. */
static struct conversation *add_conversation(struct conversations *t, const struct record_header *header,
					     struct caller *caller)
{
	struct conversation *c = calloc(1, sizeof(*c)), **bucket;

	if (!c || !caller) {
		caller_unref(caller);
		free(c);
		return NULL;
	}
	if (t->counts.active >= t->config.max)
		evict(t);
	c->id = header->conversation;
	c->start = header->time;
	/* Its records are read later than they are made: of what was lost up to the last reading, some may be its own.
	 */
	c->losses = header->time > t->loss_time ? t->losses : UINT64_MAX;
	c->caller = caller;
	bucket = &t->bucket[bucket_of(t, c->id)];
	c->hash_next = *bucket;
	*bucket = c;
	lru_append(t, c);
	t->counts.active++;
	return c;
}

/* The connect record of a conversation known by its packets only. */
static int adopt(struct conversations *t, struct conversation *c, const struct record *r)
{
	struct caller *caller = caller_new(&t->config.caller, r->connect, r->tail);

	if (!caller)
		return -ENOMEM;
	caller_unref(c->caller);
	c->caller = caller;
	return 0;
}

/* Tells a refused connect. What the guard saw alone is over with it: the conversation may be gone afterwards. */
static void settle(struct conversations *t, struct conversation *c, bool late)
{
	const struct verdict *v = verdict_of_connect(c);
	bool told = v && (c->guarded || v->verdict == RECORD_DENIED) && (late || !c->expected);

	t->current = c;
	if (told) {
		bool whole = !c->expected && !c->lost;

		exchange_emit_connect(t, OUTCOME_UNKNOWN, whole ? (struct span){0} : SPAN_LITERAL("records were lost"),
				      whole, v);
		c->called = c->denied = true;
	}
	verdict_settle(t, late);
	if (c->denied)
		verdicts_free(t, c);
	if (awaits_verdict(c) && (late || (c->guarded && c->denied)))
		end_conversation(t, c, (struct ending){.complete = c->denied});
	t->current = NULL;
}

static void set_connect(struct conversations *t, struct conversation *c, const struct record *r)
{
	const struct wire_address *destination = &r->connect->destination;

	set_destination(t, c, destination->ip, destination->port);
	c->lost = r->header->flags & RECORD_F_LOST;
	c->guarded = r->header->flags & RECORD_F_GUARD;
	t->verdicts += c->guarded;
}

/* The connect of which the verdict came first. */
static int meet_connect(struct conversations *t, struct conversation *c, const struct record *r)
{
	int e = adopt(t, c, r);

	c->start = r->header->time;
	c->expected = c->unknown = c->unnumbered = false;
	t->verdicts--;
	set_connect(t, c, r);
	settle(t, c, false);
	return e;
}

static int feed_connect(struct conversations *t, const struct record *r)
{
	struct conversation *c = find(t, r->header->conversation);

	if (c && c->expected && verdict_of_connect(c))
		return meet_connect(t, c, r);
	if (c && c->unknown && r->header->flags & RECORD_F_LATE)
		return adopt(t, c, r);
	if (c)
		end_conversation(t, c, (struct ending){.complete = !(r->header->flags & RECORD_F_LOST)});
	c = add_conversation(t, r->header, caller_new(&t->config.caller, r->connect, r->tail));
	if (!c)
		return -ENOMEM;
	set_connect(t, c, r);
	return 0;
}

/* A conversation of which the caller, and mostly the beginning, was not seen. */
static void begin_unknown(struct conversations *t, struct conversation *c, const struct record_header *header)
{
	c->lost = !(header->flags & RECORD_F_NO_CONNECT);
	c->unknown = true;
	c->unannounced = header->flags & RECORD_F_UNANNOUNCED;
	if (c->unannounced)
		t->counts.open_at_start++;
	causes_missed(t->causes, &c->caller->process, header->time);
}

static struct conversation *add_unknown(struct conversations *t, const struct record_header *header)
{
	struct conversation *c = add_conversation(t, header, caller_unknown());

	if (c)
		begin_unknown(t, c, header);
	return c;
}

/* Known by a verdict so far, and no connect comes: it was open before the start. */
static void begin_expected(struct conversations *t, struct conversation *c, const struct record_header *header)
{
	t->verdicts -= c->expected;
	c->expected = false;
	begin_unknown(t, c, header);
}

static struct conversation *find_or_add(struct conversations *t, const struct record_header *header)
{
	struct conversation *c = find(t, header->conversation);

	if (c && c->expected)
		begin_expected(t, c, header);
	return c ? c : add_unknown(t, header);
}

static int feed_open(struct conversations *t, const struct record *r)
{
	struct conversation *c = find_or_add(t, r->header);

	if (!c)
		return -ENOMEM;
	set_address(&c->source, r->open->source.ip, r->open->source.port);
	set_destination(t, c, r->open->destination.ip, r->open->destination.port);
	return 0;
}

/* The first bytes of a direction that began unseen: no message boundary is known. */
static void begin_in_the_middle(struct conversation *c, bool ingress, uint32_t offset)
{
	struct direction *d = ingress ? &c->in : &c->out;

	d->flow.next = offset;
	d->http.state = HTTP_LOST;
	c->lost = true;
	c->doubt_in = c->doubt_in || ingress;
	c->doubt = c->doubt || !ingress;
	c->unnumbered = c->unnumbered || !ingress;
}

/* Finds the origin of the offsets, where it is not the connection's first byte. */
static void align(struct conversations *t, struct conversation *c, const struct stream_record *s)
{
	bool ingress = s->header.flags & RECORD_F_INGRESS, raw = s->header.flags & RECORD_F_NO_OFFSET;
	struct direction *d = ingress ? &c->in : &c->out;
	bool fresh = !d->begun;

	d->begun = true;
	if (fresh && (raw || (c->unknown && s->offset && !(s->header.flags & RECORD_F_LOST)))) {
		begin_in_the_middle(c, ingress, s->offset);
	} else if (raw != d->flow.raw) {
		(ingress ? &dialogue_in : &dialogue_out)->gap(t, UINT64_MAX);
		d->flow.next = s->offset;
	}
	d->flow.raw = raw;
}

static void feed_payload(struct conversations *t, struct conversation *c, const struct record *r)
{
	bool ingress = r->header->flags & RECORD_F_INGRESS;

	if (r->tail.length == 0)
		return;
	align(t, c, r->stream);
	t->in_syn = !ingress && r->stream->tcp_flags & TCP_F_SYN;
	flow_feed(ingress ? &c->in.flow : &c->out.flow, &t->budget, r->stream->offset, r->tail, ingress && !c->lost,
		  ingress ? &dialogue_in : &dialogue_out, t);
	t->in_syn = false;
}

static void feed_flags(struct conversations *t, struct conversation *c, const struct stream_record *s)
{
	if (!(s->header.flags & RECORD_F_INGRESS)) {
		if (s->tcp_flags & TCP_F_FIN && s->data == 0 && !(s->header.flags & RECORD_F_NO_OFFSET))
			dialogue_out_end(t, s->offset);
		return;
	}
	if (s->tcp_flags & TCP_F_SYN)
		c->established = true;
	if (s->tcp_flags & TCP_F_RST)
		c->reset = true;
	if (s->tcp_flags & (TCP_F_FIN | TCP_F_RST))
		dialogue_in_end(t);
}

static void complete_addresses(struct conversations *t, struct conversation *c, const struct stream_record *s)
{
	if (c->source.port == 0)
		c->source.port = s->source;
	if (c->destination.port == 0)
		set_destination(t, c, s->destination, s->port);
}

static int feed_stream(struct conversations *t, const struct record *r)
{
	struct conversation *c = find(t, r->header->conversation);

	if (!c && r->tail.length == 0 && !(r->header->flags & RECORD_F_LOST))
		return 0; /* flags of a conversation that is over */
	c = find_or_add(t, r->header);
	if (!c)
		return -ENOMEM;
	lru_remove(t, c);
	lru_append(t, c);
	t->current = c;
	t->hop_limit = r->stream->hop_limit;
	complete_addresses(t, c, r->stream);
	if (r->header->flags & RECORD_F_LOST)
		dialogue_lost(t);
	if (r->stream->tcp_flags & TCP_F_URG && !(r->header->flags & RECORD_F_INGRESS))
		c->urgent = true;
	feed_payload(t, c, r);
	if (r->header->flags & RECORD_F_CUT)
		dialogue_lost(t);
	feed_flags(t, c, r->stream);
	if (c->verdicts)
		verdict_settle(t, false);
	if (t->failed)
		c->lost = true;
	t->current = NULL;
	return t->failed ? -ENOMEM : 0;
}

/* The close of a conversation that is not held says nothing new, unless all that came before it was lost. */
static int feed_close(struct conversations *t, const struct record *r)
{
	struct conversation *c = find(t, r->header->conversation);
	struct ending ending = {.complete = true};

	if (!c && r->header->flags & RECORD_F_LOST)
		c = add_unknown(t, r->header);
	if (!c)
		return r->header->flags & RECORD_F_LOST ? -ENOMEM : 0;
	if (r->header->flags & RECORD_F_LOST) {
		t->current = c;
		dialogue_lost(t);
	}
	if (r->header->flags & RECORD_F_RELEASED)
		ending.reason = SPAN_LITERAL("not sent");
	else if (r->close->error)
		ending.reason = error_name(r->close->error);
	ending.failed = r->close->error || c->reset;
	end_conversation(t, c, ending);
	return t->failed ? -ENOMEM : 0;
}

static int feed_verdict(struct conversations *t, const struct record *r)
{
	struct conversation *c = find(t, r->header->conversation);

	if (!c) {
		c = add_conversation(t, r->header, caller_unknown());
		if (!c)
			return -ENOMEM;
		c->expected = c->unknown = c->unnumbered = true;
		t->verdicts++;
	}
	if (c->denied)
		return 0;
	t->current = c;
	if (!verdict_take(t, r)) {
		c->lost = true;
		t->failed = true;
	}
	settle(t, c, false);
	return t->failed ? -ENOMEM : 0;
}

static bool is_overdue(const struct conversation *c, uint64_t now)
{
	const struct verdict *v = c->verdicts;

	while (v && v->verdict != RECORD_DENIED)
		v = v->next;
	if (v)
		return v->time + VERDICT_PATIENCE < now;
	return awaits_verdict(c) && c->start + VERDICT_PATIENCE < now;
}

bool conversations_wait(const struct conversations *t)
{
	return t->verdicts > 0;
}

void conversations_tick(struct conversations *t, uint64_t now)
{
	struct conversation *c = t->oldest, *next;

	if (!t->verdicts || now < t->looked + VERDICT_PATIENCE / 4)
		return;
	t->looked = now;
	for (; c; c = next) {
		next = c->newer;
		if (is_overdue(c, now))
			settle(t, c, true);
	}
}

static int feed_loss(struct conversations *t, const struct loss_record *loss)
{
	const struct process anybody = {0};
	uint64_t losses = 0;

	for (unsigned kind = 0; kind < RECORD_KINDS_COUNTED; kind++)
		losses += loss->lost[kind];
	if (losses != t->losses) {
		t->loss_time = loss->header.time;
		causes_missed(t->causes, &anybody, loss->header.time);
	}
	t->losses = losses;
	return 0;
}

int conversations_feed(struct conversations *t, const struct record *record)
{
	t->now = record->header->time;
	t->failed = false;
	conversations_tick(t, t->now);
	switch (record->header->kind) {
	case RECORD_CONNECT:
		return feed_connect(t, record);
	case RECORD_OPEN:
		return feed_open(t, record);
	case RECORD_STREAM:
		return feed_stream(t, record);
	case RECORD_CLOSE:
		return feed_close(t, record);
	case RECORD_LOSS:
		return feed_loss(t, record->loss);
	case RECORD_VERDICT:
		return feed_verdict(t, record);
	default:
		return 0;
	}
}

void conversations_end(struct conversations *t)
{
	while (t->oldest)
		end_conversation(t, t->oldest,
				 (struct ending){.reason = SPAN_LITERAL("still open at the end"), .complete = true});
}

void conversations_set_realtime_offset(struct conversations *t, int64_t offset)
{
	t->config.caller.realtime_offset = offset;
}

void conversations_count(const struct conversations *t, struct conversations_counts *ret_counts)
{
	*ret_counts = t->counts;
	ret_counts->buffered = t->budget.used;
}

struct conversations *conversations_new(const struct conversations_config *config)
{
	struct conversations *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->config = *config;
	t->config.max = config->max ? config->max : 1;
	t->budget.max = config->max_buffered;
	t->pool.budget = &t->budget;
	for (t->buckets = 16; t->buckets < t->config.max && t->buckets < 1U << 30;)
		t->buckets *= 2;
	t->bucket = calloc(t->buckets, sizeof(struct conversation *));
	t->causes = causes_new(t->config.max < CAUSES_MAX / CAUSES_EACH ? t->config.max * CAUSES_EACH : CAUSES_MAX,
			       config->attached_since);
	if (!t->bucket || !t->causes)
		return conversations_free(t);
	return t;
}

struct conversations *conversations_free(struct conversations *t)
{
	if (!t)
		return NULL;
	conversations_end(t);
	message_pool_done(&t->pool);
	causes_free(t->causes);
	free(t->bucket);
	free(t);
	return NULL;
}
