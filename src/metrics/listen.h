/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket of this host. */
#pragma once

#include "base/problem.h"

#define LISTEN_SOCKET_MODE 0660

/*
 * `address` is 127.0.0.1:PORT, [::1]:PORT or unix:PATH. A unix socket nobody answers on is replaced; nothing else is.
 * The descriptor, non-blocking, or -errno.
 */
int listen_on(const char *address, struct problem *problem);
