/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the guard lives between two processes: a folder of bpffs that holds its links, its maps and its sk_msg program.
 * A folder is made beside (PIN_NEXT) and renamed, so that PIN_GUARD is whole or not there.
 */
#pragma once

#include "base/problem.h"
#include "bpf/readers.h"

#define PIN_GUARD   READERS_FOLDER "/guard"
#define PIN_NEXT    READERS_FOLDER "/guard-next"
#define PIN_LAST    READERS_FOLDER "/guard-last"

/* Names in such a folder. Links are named as their programs. */
#define PIN_CONTROL "control"
#define PIN_TABLES  "tables"
#define PIN_SOCKETS "sockets"
#define PIN_REQUEST "guard_request"

/* The programs with links, in the order they are attached; NULL-terminated. */
extern const char *const pin_links[];

/* Pins a map, link or program. 0 or -errno with the problem. */
int pin_put(int fd, const char *folder, const char *name, struct problem *problem);

/* A descriptor, or -errno; -ENOENT: it is not there. */
int pin_get(const char *folder, const char *name);

/*
 * Takes a guard down: detaches its links, takes its sockets out of their map and sk_msg from it, removes the folder.
 * Goes on past everything that fails; 0 (also when there is none) or the first -errno with the problem.
 */
int pin_remove(const char *folder, struct problem *problem);

/* Detaches guards whose pins are gone, or hidden by another mount. How many links there were, or -errno. */
int pin_remove_strays(void);

/* Is every link of the folder attached? -ENOENT: something is missing. -ENOLINK: it was detached. */
int pin_check(const char *folder, struct problem *problem);
