/* SPDX-License-Identifier: Apache-2.0 */
/* systemd, as it is asked and told about the unit: by systemctl(1). */
#pragma once

#include <stdbool.h>

#include "base/problem.h"

#define MANAGER_TEXT 512

/* Values as systemd has them; "": it does not say. */
struct manager_state {
	char load[32];               /* "loaded", "not-found", "masked", … */
	char active[32], sub[32];    /* "active" "running" */
	char since[64];              /* when it became what it is */
	char enabled[32];            /* "enabled", "disabled", … */
	char fragment[MANAGER_TEXT]; /* the unit file */
	char program[MANAGER_TEXT];
	char result[32];   /* of the last run: "success", "exit-code", "watchdog", … */
	char pid[16];      /* "0": none */
	char restarts[16]; /* since it was started by hand or at boot */
};

/* Whether this host was booted with a systemd that is new enough; -EOPNOTSUPP with *problem set. */
int manager_check(struct problem *problem);

/* What it says of the unit. 0 or -errno with *problem set. */
int manager_show(struct manager_state *ret_state, struct problem *problem);

/* Reads the text of `systemctl show`: lines of NAME=value. */
void manager_parse(const char *text, struct manager_state *ret_state);

/* systemctl VERB UNIT, NULL: without one. 0 or -errno with *problem set. */
int manager_do(const char *verb, const char *unit, struct problem *problem);
