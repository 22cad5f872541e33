/* SPDX-License-Identifier: Apache-2.0 */
#include "call/call.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

static const char *const versions[] = {NULL, "v1", "v2", "unknown"};
static const char *const classes[] = {NULL, "token", "credentials", "identity", "user-data", "metadata", "other"};
static const char *const causes[] = {NULL, "no-token-support", "token-unanswered", "token-refused", "unknown"};
static const char *const verdicts[] = {"observed", "allowed", "would-deny", "denied"};
static const char *const outcomes[] = {"unknown", "success", "failure"};

void call_free(struct call *c)
{
	if (!c)
		return;
	caller_unref(c->caller);
	free(c);
}

const char *call_version_name(enum call_version v)
{
	return versions[v];
}

const char *call_class_name(enum call_class c)
{
	return classes[c];
}

const char *call_cause_name(enum call_cause c)
{
	return causes[c];
}

const char *call_verdict_name(enum call_verdict v)
{
	return verdicts[v];
}

const char *call_outcome_name(enum call_outcome o)
{
	return outcomes[o];
}

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool call_address_is_ipv4(const struct call_address *a)
{
	return memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

const char *call_address_text(const struct call_address *a, char text[static CALL_ADDRESS_TEXT])
{
	if (call_address_is_ipv4(a))
		inet_ntop(AF_INET, a->ip + 12, text, CALL_ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, a->ip, text, CALL_ADDRESS_TEXT);
	return text;
}

const char *call_transport_name(const struct call *c)
{
	switch (c->protocol) {
	case 0:
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "ipv6-icmp";
	case IPPROTO_SCTP:
		return "sctp";
	default:
		return NULL;
	}
}

bool call_is_alert(const struct call *c)
{
	if (c->verdict == VERDICT_DENIED || c->verdict == VERDICT_WOULD_DENY)
		return true;
	return c->version == VERSION_V1 && c->class == CLASS_CREDENTIALS;
}
