/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints and services as data: which addresses are metadata services, and by which rules a request to one is
 * judged (version, class). A new cloud is a row here, not code elsewhere.
 */
#pragma once

#include "call/call.h"

struct service; /* rules of one service; opaque outside service.c and judge.c */

struct endpoint {
	struct call_address address; /* with port */
	const struct service *service;
};

/* Everything the probe watches. Built-in: EC2, ECS, EKS Pod Identity, IPv4 and IPv6. Bounded by ENDPOINTS_MAX. */
#define ENDPOINTS_MAX 256
struct endpoints {
	unsigned count;
	struct endpoint list[ENDPOINTS_MAX];
};

void endpoints_init(struct endpoints *e); /* the built-in ones */

/*
 * Adds "ADDR", "ADDR:PORT", "[ADDR6]", "[ADDR6]:PORT" or bare ADDR6, port 80 unless said, optionally followed by
 * "=SERVICE" (default ec2). Returns 0; -EINVAL with *ret_error (static text: what is wrong and what was expected);
 * -ENOSPC when full; adding a known one is fine and changes its service.
 */
int endpoints_add(struct endpoints *e, const char *text, const char **ret_error);

/* By address and port; NULL when it is none. */
const struct endpoint *endpoints_find(const struct endpoints *e, const struct call_address *a);

const char *service_name(const struct service *s);
const char *service_provider(const struct service *s);
const struct service *service_find(const char *name); /* NULL: none of that name */

/* The row of a service in the table, from 0, and the service of a row; NULL behind the last one. */
unsigned service_row(const struct service *s);
const struct service *service_of_row(unsigned row);

/* The service a provider has at the shared address 169.254.169.254; NULL: unknown provider. */
const struct service *service_of_provider(const char *provider);
