/* SPDX-License-Identifier: Apache-2.0 */
/* What `guard test` reads beside the log: an inventory, through imdsnitch-inventory, which alone links SQLite. */
#pragma once

#include "base/json.h"
#include "cmd/guard.h"
#include "guard/hindsight.h"
#include "guard/history.h"

enum inventory_state {
	INVENTORY_UNASKED,    /* only logs were asked for */
	INVENTORY_MISSING,    /* there is none */
	INVENTORY_NEEDLESS,   /* the log reaches back as far as is asked for */
	INVENTORY_NO_PROGRAM, /* it cannot be read: imdsnitch-inventory is not installed */
	INVENTORY_FAILED,     /* it cannot be read, or not all of it */
	INVENTORY_READ,
};

struct guard_inventory {
	const char *file;
	enum inventory_state state;
	struct folded_reader reader; /* reader.row and .context are the caller's */
};

/* The file and, before anything is read, whether there is one. */
void guard_inventory_init(const struct guard_options *o, struct guard_inventory *ret_inventory);

/* Reads the rows that were first seen before what the log has, once that was read. A failure was told. */
void guard_inventory_read(struct guard_inventory *inventory, const struct history *h);

/* What was found, as text behind that of the log, and as an object of the JSON. */
void guard_inventory_show(const struct guard_inventory *inventory, struct hindsight *found, struct buffer *out);
void guard_inventory_put(const struct guard_inventory *inventory, struct hindsight *found, struct json *j);

/* Was all of it judged, as far as it was needed? */
bool guard_inventory_is_whole(const struct guard_inventory *inventory, const struct hindsight *found);
