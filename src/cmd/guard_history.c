/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/guard_history.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"

const char *guard_stamp(uint64_t time, char text[static GUARD_STAMP])
{
	time_t s = (time_t)(time / 1000000000);
	struct tm tm;

	if (!time || !gmtime_r(&s, &tm) || !strftime(text, GUARD_STAMP, "%Y-%m-%dT%H:%M:%SZ", &tm))
		memcpy(text, "never", 6);
	return text;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int read_default(struct history *h, bool *ret_missing, struct problem *problem)
{
	int r = history_read_rotated(h, HISTORY_LOG, problem);

	if (r == -ENOENT && ret_missing) {
		*ret_missing = true;
		return 0;
	}
	if (r < 0)
		log_line("guard: %s; expected the log of imdsnitch serve, or one to be named with --log",
			 problem->text);
	return r;
}

int guard_history_read(const struct guard_options *o, struct history *h, bool *ret_missing)
{
	struct problem problem = {0};
	uint64_t today = now();
	int r = 0;

	h->since = o->since && o->since < today ? today - o->since : 0;
	if (!o->logs)
		return read_default(h, ret_missing, &problem);
	for (unsigned i = 0; i < o->logs && r == 0; i++)
		r = history_read(h, o->log[i], &problem);
	if (r < 0)
		log_line("guard: %s", problem.text);
	return r;
}

void guard_history_reach(const struct history *h, struct buffer *out)
{
	char reach[GUARD_STAMP], since[GUARD_STAMP];

	if (!h->since || (h->counts.reach && h->counts.reach <= h->since))
		return;
	guard_stamp(h->since, since);
	if (h->counts.reach)
		buffer_printf(out, "the log reaches back to %s only, not to %s\n", guard_stamp(h->counts.reach, reach),
			      since);
	else
		buffer_printf(out, "the log is empty; it does not reach back to %s\n", since);
}
