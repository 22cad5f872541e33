/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation's two byte streams read as requests and responses. Inside of conversation.c; no other stage includes
 * it. conversation.c owns the table and the records, requests.c and responses.c what the bytes mean, queue.c what
 * waits, verdicts.c what the guard decided, exchange.c how a call is built.
 *
 * The rules that matter (docs: the truth about a request):
 * - one call per complete request head; a response belongs to the oldest unanswered request;
 * - after lost bytes nothing is guessed: a request found at a segment's start is a candidate with an unknown version,
 *   until a response to it confirms that both streams stand between messages;
 * - a request the service surely received but of which no head was seen shows by its response: it becomes a call too.
 */
#pragma once

#include "call/cause.h"
#include "call/conversation.h"
#include "call/flow.h"
#include "call/http.h"
#include "call/message.h"

/* Requests of one conversation that wait for their response. */
#define PENDING_MAX      64
/* Verdicts of one conversation that wait for their requests. */
#define VERDICTS_MAX     64
/* How long a verdict waits for the record that explains it, ns. */
#define VERDICT_PATIENCE 1000000000ULL
/* "denied by FILE:LINE" */
#define VERDICT_TEXT     160
/* Responses to come for requests that were given up, of which order and kind are still known. */
#define SKIPPED_MAX      1024

/* What the guard decided, until it is known of what. */
struct verdict {
	struct verdict *next;
	uint64_t time; /* CLOCK_BOOTTIME */
	uint32_t request, line, offset;
	uint16_t flags; /* RECORD_F_* */
	uint8_t verdict, stage, protocol, unread;
	char file[sizeof(((struct verdict_record *)NULL)->file)];
	uint32_t length;
	char data[]; /* refused bytes */
};

/* One request and its response. The call comes first: call_free() frees the whole. */
struct exchange {
	struct call call;
	struct exchange *next;
	uint64_t head_time; /* CLOCK_BOOTTIME */
	struct buffer body; /* of a credentials answer, while it comes */
	char *room;         /* for credentials, or NULL */
	char version_text[4];
	char verdict_text[VERDICT_TEXT];
	uint32_t number; /* which request of its conversation, from 0 */
	uint8_t method;  /* enum head_method */
	bool simple;     /* HTTP/0.9: the response has no head */
	bool request_done, response_done;
	bool candidate;  /* found after a loss */
	bool may_switch; /* its response may end HTTP on this connection */
	bool keep_body;
	bool token_request;
	bool counted; /* already in counts.truncated */
	bool in_syn;  /* the head came with the SYN */
};

struct direction {
	struct flow flow;
	struct http http;
	struct message *head; /* being read, or NULL */
	bool begun;           /* bytes came */
};

/* In the order of conversations' first words; see conversation_reason(). */
struct conversation {
	struct conversation *hash_next, *older, *newer;
	uint64_t id;
	uint64_t start;  /* CLOCK_BOOTTIME of the connect, or of the first record */
	uint64_t losses; /* conversations.losses at that time; another value: not known */
	struct caller *caller;
	const struct service *service; /* of the endpoint; NULL: unknown */
	struct call_address source, destination;
	struct direction out, in;
	struct exchange *first, *last;        /* unanswered requests, the oldest first */
	struct exchange *sending, *receiving; /* whose request or response body is passing; may be NULL */
	struct verdict *verdicts;             /* that wait, the oldest first */
	uint8_t *skipped;                     /* ring of bits: the response to skip has no body */
	uint64_t masked;                      /* hash of the secrets last masked in the caller */
	uint32_t requests;                    /* heads so far: the number of the next one */
	uint16_t pending, skip_first, skips;
	uint16_t owed;      /* responses that may come for requests given up after a loss */
	uint16_t unmatched; /* responses without a request, not yet explained by a loss */
	uint16_t unmatched_status;
	bool lost : 1;        /* records of this conversation were lost, or it is known from the middle on */
	bool doubt : 1;       /* requests were found after a loss and not yet confirmed */
	bool doubt_in : 1;    /* the same for responses */
	bool unaccounted : 1; /* bytes were lost that no event tells of yet */
	bool unlocated : 1;   /* records were lost, and no later offset has told yet whether request bytes were */
	bool prepaid : 1;     /* a call was made for a response before the hole of its request showed */
	bool called : 1;      /* a request was seen */
	bool established : 1; /* the service answered the SYN */
	bool reset : 1;       /* RST came */
	bool unparsed : 1;    /* egress bytes that are no HTTP/1 */
	bool http2 : 1;
	bool partial : 1;     /* a request head was begun and not finished */
	bool unannounced : 1; /* open before start: what is missing of its first call was not lost */
	bool overrun : 1;     /* more unanswered requests than can be paired */
	bool urgent : 1;      /* what the service reads differs from what the wire carries */
	bool unknown : 1;     /* no connect was seen */
	bool unnumbered : 1;  /* requests may have passed unseen: the next verdict says where we are */
	bool denied : 1;      /* refused, and told: nothing that follows makes an event */
	bool expected : 1;    /* a verdict came, and no other record yet */
	bool guarded : 1;     /* its connect is the guard's: nothing follows but a verdict */
};

/* There are many, and most are idle. */
_Static_assert(sizeof(struct conversation) <= 300, "an idle conversation is small");

struct conversations {
	struct conversations_config config;
	struct conversations_counts counts;
	struct budget budget;
	struct message_pool pool;
	struct causes *causes;
	struct conversation **bucket;
	unsigned buckets;
	uint64_t losses;    /* records of any conversation lost so far */
	uint64_t loss_time; /* when that was read, CLOCK_BOOTTIME */
	struct conversation *oldest, *newest;
	unsigned verdicts; /* that wait, and conversations that wait for one */
	uint64_t looked;   /* when they were last looked at */
	/* The record being fed. */
	struct conversation *current;
	uint64_t now;
	uint8_t hop_limit;
	bool in_syn;
	bool failed; /* memory was out */
};

/* requests.c, responses.c: the streams' events. The context is the table; the conversation is table->current. */
extern const struct flow_events dialogue_out, dialogue_in;
/* The service closed its direction: a response that ends with the connection is complete. */
void dialogue_in_end(struct conversations *t);
/* A FIN without payload says how long the stream was. */
void dialogue_out_end(struct conversations *t, uint32_t offset);
/* Records were lost and what is missing will not come. */
void dialogue_lost(struct conversations *t);
/* The conversation is over: emits all that is pending. `reason`: why a request stays unanswered;
 * complete: no more bytes of it can have passed unseen. */
void dialogue_end(struct conversations *t, struct span reason, bool complete);

/* The head being read will not be completed: it is a call when its request line was seen. Egress is out of sync. */
void dialogue_give_up_head(struct conversations *t);
/* No byte of a request begun and not finished was seen, and the stream is in sync. */
bool dialogue_out_at_boundary(const struct conversation *c);

/* queue.c */
void queue_append(struct conversation *c, struct exchange *x);
void queue_remove(struct conversation *c, struct exchange *x);
/* Removes the exchange and emits its call; _if_done: when both halves are through. */
void queue_finish(struct conversations *t, struct exchange *x);
void queue_finish_if_done(struct conversations *t, struct exchange *x);
/* More requests than are kept: the oldest goes without its response, whose turn is remembered. */
void queue_limit(struct conversations *t);
struct exchange *queue_oldest_unanswered(const struct conversation *c);
/* Adds a request of which nothing was seen; NULL when memory is out. */
struct exchange *queue_add_lost(struct conversations *t, struct span reason);
/* The next response is of a request no longer in the queue: takes its turn, and says whether it has no body. */
bool skips_pop(struct conversation *c);
void direction_drop_head(struct conversations *t, struct direction *d);
/* Bytes were lost that may have held requests; an event will tell of it. */
void dialogue_account(struct conversations *t);
/* Responses came for which no request had been seen: now it is known that requests were lost. */
void dialogue_explain_unmatched(struct conversations *t);

/* verdicts.c */
/* Keeps the verdict until its request is complete, or applies it at once. False when memory is out. */
bool verdict_take(struct conversations *t, const struct record *r);
/* A request is complete: gives it its number, and the verdict on it. */
void verdict_pair(struct conversations *t, struct exchange *x);
/* Makes calls of refused requests whose bytes are all here; `late`: nothing more will come. */
void verdict_settle(struct conversations *t, bool late);
/* The verdict on a connect, or NULL. */
const struct verdict *verdict_of_connect(const struct conversation *c);
/* Does a verdict that waits say no? */
bool verdict_refuses(const struct conversation *c);
/* At the end: the verdict a connection without a request gets, or NULL; those that can still be told are. */
const struct verdict *verdict_end(struct conversations *t);
void verdicts_free(struct conversations *t, struct conversation *c);

/* exchange.c */
/* Sets verdict, rule and, when it was refused, outcome and reason. */
void exchange_verdict(struct exchange *x, const struct verdict *v);
/* Why there is no response, unless there is one or a reason. */
void exchange_reason(struct exchange *x, struct span reason);
/* The same for one that came, or will, and has no status for us. */
void exchange_answer(struct exchange *x, enum call_answer answer);
/* From a head; m NULL: a request of which nothing was seen. whole: all of the head was seen and it is one for sure. */
struct exchange *exchange_new(struct conversations *t, struct message *m, bool whole);
/* Takes response bytes of a credentials answer, and reads them at the end. */
void exchange_body(struct conversations *t, struct exchange *x, struct span content);
void exchange_body_end(struct conversations *t, struct exchange *x);
/* Part of its bytes was not seen. */
void exchange_incomplete(struct conversations *t, struct exchange *x, struct span reason);
/* Gives the call to its owner; the exchange is gone. */
void exchange_emit(struct conversations *t, struct exchange *x);
/* A connection that carried no complete request. */
void exchange_emit_connect(struct conversations *t, enum call_outcome outcome, struct span reason, bool complete,
			   const struct verdict *v);
