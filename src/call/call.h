/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call: what becomes one event (docs/events.md). A request with its response, or a connection that carried no
 * request. Everything downstream (filters, sinks, inventory) reads this struct and nothing else.
 */
#pragma once

#include "base/span.h"
#include "caller/caller.h"

enum call_action { CALL_REQUEST = 1, CALL_CONNECT };
/* VERSION_NONE: the service has no versions, or there was no request. */
enum call_version { VERSION_NONE, VERSION_V1, VERSION_V2, VERSION_UNKNOWN };
enum call_class {
	CLASS_NONE,
	CLASS_TOKEN,
	CLASS_CREDENTIALS,
	CLASS_IDENTITY,
	CLASS_USER_DATA,
	CLASS_METADATA,
	CLASS_OTHER
};
enum call_cause { CAUSE_NONE, CAUSE_NO_TOKEN_SUPPORT, CAUSE_TOKEN_UNANSWERED, CAUSE_TOKEN_REFUSED, CAUSE_UNKNOWN };
enum call_verdict { VERDICT_OBSERVED, VERDICT_ALLOWED, VERDICT_WOULD_DENY, VERDICT_DENIED };
enum call_outcome { OUTCOME_UNKNOWN, OUTCOME_SUCCESS, OUTCOME_FAILURE };

/* The contract's words ("v1", "user-data", …); NULL for NONE. */
const char *call_version_name(enum call_version v);
const char *call_class_name(enum call_class c);
const char *call_cause_name(enum call_cause c);
const char *call_verdict_name(enum call_verdict v);
const char *call_outcome_name(enum call_outcome o);

/* What is known of an answer without a status. */
enum call_answer {
	ANSWER_NONE, /* none was seen */
	ANSWER_CUT,  /* its head was not completed */
	ANSWER_NOT_HTTP,
	ANSWER_BARE,     /* HTTP/0.9 */
	ANSWER_UNPAIRED, /* which one it is was not followed up */
};

struct call_address {
	uint8_t ip[16]; /* network order, IPv4 as ::ffff:a.b.c.d */
	uint16_t port;  /* 0: unknown */
};

/* IPv4 (also v4-mapped)? */
bool call_address_is_ipv4(const struct call_address *a);

#define CALL_ADDRESS_TEXT 46
/* Writes the address without the port, as inet_ntop does; returns text. */
const char *call_address_text(const struct call_address *a, char text[static CALL_ADDRESS_TEXT]);

/*
 * Spans point into the call's own memory (call_free). Secrets are already masked in every one of them: a sink may
 * print what it finds here. Bytes are raw otherwise: sinks escape.
 */
struct call {
	enum call_action action;
	uint64_t time; /* ns since the epoch: last byte of the request head sent; for a connect: when it asked */
	bool has_duration;
	uint64_t duration; /* ns, request head sent to response head received */
	enum call_outcome outcome;
	enum call_answer answer; /* unless has_response */
	struct span reason;      /* absent, or why the outcome or the version is what it is */

	const char *provider; /* "aws" …; NULL: unknown; static storage */
	const char *service;  /* "ec2" …; NULL: unknown; static storage */
	enum call_version version;
	enum call_class class;
	enum call_cause cause; /* CAUSE_NONE unless version is v1 */
	enum call_verdict verdict;
	struct span rule; /* guard: file:line; else absent */
	uint8_t protocol; /* IPPROTO_*; 0 is TCP, too */
	bool complete;    /* false: part of the bytes was not seen */
	bool forwarded;
	bool has_token_ttl;
	uint32_t token_ttl; /* s, as asked for in a token request */
	uint8_t hop_limit;  /* arriving TTL of a token response; 0: unknown */
	struct {
		struct span role, access_key_id, expiration;
	} credentials;

	struct span http_version; /* "1.1"; absent: unknown */
	struct span method;
	struct span target, path, query; /* query without '?', absent when there is none */
	struct span user_agent;
	struct span head;       /* request line and header lines as sent, token and other secret values replaced by
				   "**token redacted**", lines ended by CRLF or LF as sent, without the empty line; possibly
				   cut at HEAD_TEXT_MAX */
	uint64_t request_bytes; /* head + body on the wire; valid for CALL_REQUEST */
	bool has_response;
	unsigned status;
	uint64_t response_bytes;

	struct call_address source, destination;
	struct caller *caller; /* one reference; never NULL */
	struct {
		struct span name, version;
		bool has_supports_v2, supports_v2;
	} sdk;

	uint64_t id; /* conversation, for debugging and ordering; not printed */
};

/* Releases the call, its strings and its reference to the caller; NULL is fine. */
void call_free(struct call *c);

/* network.transport: "tcp", "udp" …; NULL: of no name. */
const char *call_transport_name(const struct call *c);

/* alert: denied, would be denied, or credentials read over v1 (docs/events.md, event.kind). */
bool call_is_alert(const struct call *c);
