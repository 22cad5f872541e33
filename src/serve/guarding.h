/* SPDX-License-Identifier: Apache-2.0 */
/* The service's hand on the guard: rules of the configured file put in force at the start, exchanged on SIGHUP. */
#pragma once

#include "base/json.h"
#include "config/config.h"
#include "guard/gate.h"
#include "guard/policy.h"

struct guarding {
	struct gate *gate;    /* NULL: not put in force by this service */
	struct policy policy; /* in force */
	char path[SETTINGS_TEXT];
	uint64_t applied;  /* ns since the epoch */
	char failure[512]; /* why what is configured is not in force; "": it is */
	bool off;          /* the kernel's command line says so */
	bool legacy;
};

/*
 * Before rights are given up. 0, also when the configuration names no rules; -EINVAL: the rules have mistakes; another
 * -errno: they are to be enforced and cannot be. What went wrong was said.
 */
int guarding_start(struct guarding *g, const struct config *c);

/* Reads the rules again and exchanges them, without any rights. What has mistakes changes nothing. */
void guarding_reload(struct guarding *g, const struct config *c);

/* For the status document; nothing when no rules are configured. */
void guarding_report(const struct guarding *g, struct json *j);

/* The guard stays in force. */
void guarding_done(struct guarding *g);
