/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroup paths and files: within memory; nothing below a user's manager is taken for a container. */
#include "fuzz.h"

#include "caller/cgroup.h"

static void check(const struct container *c)
{
	CHECK(memchr(c->id, '\0', sizeof(c->id)) && memchr(c->unit, '\0', sizeof(c->unit)));
	CHECK(c->pod_uid[0] == '\0' || strlen(c->pod_uid) == 36 || strlen(c->pod_uid) == 32);
	CHECK(!c->runtime || c->id[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char user[] = "/user.slice/user-1000.slice/user@1000.service/";
	char path[4096];
	struct cgroup_lines lines;
	struct container c;

	container_parse((struct span){(const char *)data, size}, &c);
	check(&c);
	cgroup_parse((struct span){(const char *)data, size}, &lines);
	check(&lines.container);
	if (size > sizeof(path) - sizeof(user))
		return 0;
	memcpy(path, user, sizeof(user) - 1);
	memcpy(path + sizeof(user) - 1, data, size);
	container_parse((struct span){path, sizeof(user) - 1 + size}, &c);
	CHECK(c.id[0] == '\0' && !c.runtime && c.pod_uid[0] == '\0' && strcmp(c.unit, "user@1000.service") == 0);
	return 0;
}
