/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of the service: sections `[KIND]` or `[KIND NAME]` with `key = value` lines (man 5
 * imdsnitch.conf). Read with inih; what each key takes is in config/settings.h.
 */
#pragma once

#include "base/buffer.h"
#include "config/settings.h"

#define CONFIG_PATH     "/etc/imdsnitch/imdsnitch.conf"
#define CONFIG_SECTIONS 35 /* three of them for those that are there without being said */

struct section {
	struct settings settings;
	unsigned line;       /* 0: not in the file, all defaults */
	struct buffer pairs; /* "KEY\0VALUE\0" … as in the file: two sections are the same when these are */
};

struct config {
	struct section section[CONFIG_SECTIONS];
	unsigned count;
};

/*
 * Reads `path`. A missing file is an empty one when `may_miss`. [service], [log] and [inventory] are always there after
 * success. Every mistake is handed to `report` as "FILE:LINE: what is wrong" and all are looked for. 0; -EINVAL: there
 * were mistakes, or -errno: the file cannot be read (reported, too). The config is to be freed in any case.
 */
int config_read(const char *path, bool may_miss, void (*report)(void *context, const char *text), void *context,
		struct config **ret_config);

/* NULL is fine; returns NULL. */
struct config *config_free(struct config *c);

/* The rule file of [guard]; NULL: the guard is not this service's. */
const char *config_rules(const struct config *c);

/* The one [service] section. */
const struct service_settings *config_service(const struct config *c);
