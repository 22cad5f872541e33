/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/outage.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/host.h"
#include "base/log.h"

#define QUIET_NS 60000000000ULL

void outage_begin(struct outage *o, const char *where, const char *why, uint64_t lost)
{
	uint64_t now = host_boottime();

	snprintf(o->why, sizeof(o->why), "%s", why);
	if (o->on)
		return;
	o->on = true;
	o->silent = now < o->quiet_until;
	if (!o->carried)
		o->lost_before = lost;
	if (o->silent)
		return;
	o->quiet_until = now + QUIET_NS;
	log_line("%s does not take events: %s; what does not fit into memory until it does is counted as lost", where,
		 why);
}

void outage_end(struct outage *o, const char *where, uint64_t lost)
{
	if (o->on && !o->silent)
		log_line("%s takes events again; %" PRIu64 " were lost", where, lost - o->lost_before);
	if (o->on)
		o->carried = o->silent;
	o->on = false;
	o->why[0] = '\0';
}
