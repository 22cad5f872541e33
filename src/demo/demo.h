/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo: a network namespace of its own with a stand-in metadata service, in which real clients make calls. Whoever
 * wants to watch them starts between demo_prepare() and demo_play(). Everything it starts dies with the process that
 * prepared it, whichever way that ends.
 */
#pragma once

#include <stdint.h>

struct demo;

/*
 * Makes the namespace, starts the service. Call it before anything is opened that the demo's processes should not
 * hold. 0; -EPERM without CAP_SYS_ADMIN; another -errno.
 */
int demo_prepare(struct demo **ret_demo);

/* The inode number of the demo's network namespace, as in the events' network.namespace. */
uint32_t demo_namespace(const struct demo *d);

/*
 * Lets the clients begin, one after another, with a headline on stderr for each; takes about 5 s. Does not wait:
 * *ret_fd (owned by the demo) becomes readable when they are through. 0 or -errno.
 */
int demo_play(struct demo *d, int *ret_fd);

/* Ends everything that still runs. Returns NULL; NULL is fine. */
struct demo *demo_done(struct demo *d);
