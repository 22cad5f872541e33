/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace of one's own: nothing but a loopback device, so that no packet can leave it. */
#pragma once

/* Moves this process into a new network namespace and sets its loopback device up. 0 or -errno. */
int netns_enter_new(void);

/* Adds an IPv4 or IPv6 host address to the loopback device. 0 or -errno. */
int netns_add_address(const char *address);
