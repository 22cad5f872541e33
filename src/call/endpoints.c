/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "call/service.h"

/* Longest "ADDR:PORT" one can write. */
#define TEXT_MAX 64

static const struct {
	const char *text, *service;
} builtin[] = {
	{"169.254.169.254", "ec2"},
	{"fd00:ec2::254", "ec2"},
	{"169.254.170.2", "ecs"},
	{"169.254.170.23", "eks-pod-identity"},
	{"fd00:ec2::23", "eks-pod-identity"},
};

static bool parse_ip(const char *text, struct call_address *a)
{
	if (inet_pton(AF_INET, text, a->ip + 12) == 1) {
		memset(a->ip, 0, 10);
		memset(a->ip + 10, 0xff, 2);
		return true;
	}
	return inet_pton(AF_INET6, text, a->ip) == 1;
}

static bool parse_port(const char *text, struct call_address *a)
{
	unsigned port = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		port = port * 10 + (unsigned)(*text - '0');
		if (port > UINT16_MAX)
			return false;
	}
	a->port = (uint16_t)port;
	return port != 0;
}

/* Cuts "ADDR:PORT" or "[ADDR6]:PORT" apart in place; *ret_port is NULL when none is said. */
static char *split_port(char *text, char **ret_port)
{
	char *colon = strchr(text, ':'), *bracket;

	*ret_port = NULL;
	if (text[0] == '[') {
		bracket = strchr(text, ']');
		if (!bracket || (bracket[1] != '\0' && bracket[1] != ':'))
			return NULL;
		*ret_port = bracket[1] ? bracket + 2 : NULL;
		*bracket = '\0';
		return text + 1;
	}
	if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return text;
}

static int parse_address(const char *text, size_t length, struct call_address *ret, const char **ret_error)
{
	struct call_address a = {.port = 80};
	char copy[TEXT_MAX], *ip, *port;

	*ret_error = "the address is not understood; expected ADDR, ADDR:PORT, [ADDR6] or [ADDR6]:PORT";
	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	ip = split_port(copy, &port);
	if (!ip || !parse_ip(ip, &a))
		return -EINVAL;
	*ret_error = "the port is not understood; expected 1 to 65535";
	if (port && !parse_port(port, &a))
		return -EINVAL;
	*ret = a;
	return 0;
}

static bool address_equal(const struct call_address *a, const struct call_address *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

const struct endpoint *endpoints_find(const struct endpoints *e, const struct call_address *a)
{
	for (unsigned i = 0; i < e->count; i++)
		if (address_equal(&e->list[i].address, a))
			return &e->list[i];
	return NULL;
}

int endpoints_add(struct endpoints *e, const char *text, const char **ret_error)
{
	const char *equals = strchr(text, '=');
	const struct service *service = service_find(equals ? equals + 1 : "ec2");
	struct call_address a;
	int r;

	if (!service) {
		*ret_error =
			"the service is not known; expected ec2, ecs, eks-pod-identity, azure-imds, gcp, oracle ...";
		return -EINVAL;
	}
	r = parse_address(text, equals ? (size_t)(equals - text) : strlen(text), &a, ret_error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < e->count; i++)
		if (address_equal(&e->list[i].address, &a)) {
			e->list[i].service = service;
			return 0;
		}
	*ret_error = "there are too many endpoints; 256 is the limit, built-in ones included";
	if (e->count >= ENDPOINTS_MAX)
		return -ENOSPC;
	e->list[e->count++] = (struct endpoint){a, service};
	return 0;
}

void endpoints_init(struct endpoints *e)
{
	const char *error;
	char text[TEXT_MAX];

	*e = (struct endpoints){0};
	for (size_t i = 0; i < sizeof(builtin) / sizeof(*builtin); i++) {
		snprintf(text, sizeof(text), "%s=%s", builtin[i].text, builtin[i].service);
		(void)endpoints_add(e, text, &error);
	}
}
