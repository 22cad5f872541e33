/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that are older than the rules. Those the guard has not seen connect are found through the processes that
 * hold them, in every network namespace, and shut down unless the rules surely let them pass.
 */
#pragma once

#include "bpf/table.h"
#include "call/service.h"

/*
 * `sockets`: the guard's map of connections it judges, by cookie: they are cut only when their holder may not connect
 * at all any more. Returns how many were cut. What may not be looked at (no right to) stays: the guard judges what it
 * sends by the socket's user alone.
 */
unsigned cut_connections(const struct table *table, const struct endpoints *endpoints, int sockets);
