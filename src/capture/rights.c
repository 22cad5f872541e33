/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/rights.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cap-ng.h>

int rights_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur >= RIGHTS_FILES)
		return 0;
	limit.rlim_cur = RIGHTS_FILES;
	if (limit.rlim_max < RIGHTS_FILES)
		limit.rlim_max = RIGHTS_FILES;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

int rights_raise_memory(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0 ? -errno : 0;
}

static bool may_clear_bounds; /* known before the capabilities go */

static void keep_only(const unsigned *kept, unsigned count)
{
	capng_get_caps_process();
	may_clear_bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++) {
		bool keep = false;

		for (unsigned i = 0; i < count; i++)
			keep |= capability == kept[i];
		/* What is not inheritable cannot stay ambient either. */
		capng_update(CAPNG_DROP, CAPNG_INHERITABLE, capability);
		if (!keep)
			capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability);
	}
}

/* Of capng, whose state holds what is to be kept. */
static int apply(uid_t user, gid_t group)
{
	if (user != 0) {
		/* Only root may change who it is, and only it has a bounding set it may clear. */
		if (capng_change_id((int)user, (int)group, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) != 0)
			return -EPERM;
	} else {
		capng_select_t what = CAPNG_SELECT_CAPS;

		if (may_clear_bounds) {
			capng_clear(CAPNG_SELECT_BOUNDS);
			what = CAPNG_SELECT_BOTH;
		}
		if (capng_apply(what) < 0)
			return -EPERM;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int rights_drop(uid_t user, gid_t group)
{
	static const unsigned kept[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};

	keep_only(kept, 2);
	return apply(user, group);
}

int rights_drop_all(uid_t user, gid_t group)
{
	keep_only(NULL, 0);
	return apply(user, group);
}
