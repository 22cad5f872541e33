/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Opens the socket to the service manager, for a process that may make none later. notify() does it, too.
 */
void notify_open(void);

/*
 * Tells the service manager `state` ("READY=1"), when NOTIFY_SOCKET is set (sd_notify(3): one datagram to a unix
 * socket, "@" for an abstract one). Returns 1 when told, 0 when nobody listens, -errno.
 */
int notify(const char *state);
