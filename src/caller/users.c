/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/users.h"

#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define SECOND      UINT64_C(1000000000)
#define FOUND_TIME  (300 * SECOND)
#define ABSENT_TIME (60 * SECOND)
#define ERROR_TIME  (10 * SECOND)
#define SLOW_TIME   (SECOND / 10)
#define PAUSE_MAX   (600 * SECOND)

#define SETS        32
#define WAYS        4

enum kind { USER, GROUP, KINDS };

struct entry {
	bool used;
	uint32_t id;
	uint64_t until; /* to be looked up again then */
	uint64_t touched;
	char *name; /* NULL: none */
};

struct users {
	struct users_source source;
	uint64_t clock; /* counts look-ups: which entry is the oldest */
	uint64_t pause; /* until then the source is left alone */
	struct entry entries[KINDS][SETS][WAYS];
};

static uint64_t monotonic_now(void *data)
{
	struct timespec t = {0};

	(void)data;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

struct users *users_new(const struct users_source *source)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->source = source ? *source : users_files;
	if (!u->source.now)
		u->source.now = monotonic_now;
	return u;
}

struct users *users_free(struct users *u)
{
	if (!u)
		return NULL;
	for (int kind = 0; kind < KINDS; kind++)
		for (int set = 0; set < SETS; set++)
			for (int way = 0; way < WAYS; way++)
				free(u->entries[kind][set][way].name);
	free(u);
	return NULL;
}

/* The entry of `id`, or the one to give up for it. */
static struct entry *find(struct users *u, enum kind kind, uint32_t id)
{
	struct entry *set = u->entries[kind][id % SETS], *oldest = set;

	for (int way = 0; way < WAYS; way++) {
		if (set[way].used && set[way].id == id)
			return &set[way];
		if (!set[way].used || (oldest->used && set[way].touched < oldest->touched))
			oldest = &set[way];
	}
	return oldest;
}

static void take_over(struct entry *e, uint32_t id)
{
	free(e->name);
	e->name = NULL;
	e->used = true;
	e->id = id;
}

static void renew(struct users *u, enum kind kind, struct entry *e, uint64_t now)
{
	char name[USERS_NAME_SIZE] = "";
	int r = (kind == USER ? u->source.user : u->source.group)(u->source.data, e->id, name);
	uint64_t end = u->source.now(u->source.data), took = end - now;

	if (took > SLOW_TIME)
		u->pause = end + (took < PAUSE_MAX / 1000 ? took * 1000 : PAUSE_MAX);
	/* What cannot be looked up now keeps the name it had. */
	if (r < 0 && r != -ENOENT) {
		e->until = end + ERROR_TIME;
		return;
	}
	free(e->name);
	e->name = r == 0 && name[0] ? strdup(name) : NULL;
	e->until = end + (e->name ? FOUND_TIME : ABSENT_TIME);
}

static const char *name_of(struct users *u, enum kind kind, uint32_t id)
{
	uint64_t now = u->source.now(u->source.data);
	struct entry *e = find(u, kind, id);
	bool known = e->used && e->id == id;

	if ((!known || now >= e->until) && now >= u->pause) {
		if (!known)
			take_over(e, id);
		known = true;
		renew(u, kind, e, now);
	}
	if (!known)
		return NULL;
	e->touched = ++u->clock;
	return e->name;
}

const char *users_user_name(struct users *u, uint32_t uid)
{
	return name_of(u, USER, uid);
}

const char *users_group_name(struct users *u, uint32_t gid)
{
	return name_of(u, GROUP, gid);
}

/* "NAME:x:ID:…", the start of a line of passwd(5) and group(5). Writes the name when ID is `id`. */
static bool match_line(const char *line, uint32_t id, char name[static USERS_NAME_SIZE])
{
	size_t length = strcspn(line, ":");
	const char *field = line[length] ? strchr(line + length + 1, ':') : NULL;
	char *end;
	unsigned long value;

	if (!field || length == 0 || length >= USERS_NAME_SIZE || field[1] < '0' || field[1] > '9')
		return false;
	value = strtoul(field + 1, &end, 10);
	if (*end != ':' || value != id)
		return false;
	memcpy(name, line, length);
	name[length] = '\0';
	return true;
}

static int find_in_file(const char *root, const char *file, uint32_t id, char name[static USERS_NAME_SIZE])
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	snprintf(path, sizeof(path), "%s%s", root ? root : "", file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0)
		if (match_line(line, id, name))
			return 0;
	return -ENOENT;
}

/* DynamicUser= (systemd, core/dynamic-user.c): a link named direct:UID whose target is the name; its gid is the same.
 */
static int find_dynamic(const char *root, uint32_t id, char name[static USERS_NAME_SIZE])
{
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/run/systemd/dynamic-uid/direct:%u", root ? root : "", id);
	n = readlink(path, name, USERS_NAME_SIZE);
	if (n <= 0 || n == USERS_NAME_SIZE) {
		name[0] = '\0';
		return -ENOENT;
	}
	name[n] = '\0';
	return 0;
}

static int files_user(void *data, uint32_t uid, char name[static USERS_NAME_SIZE])
{
	int r = find_in_file(data, "/etc/passwd", uid, name);

	return r == -ENOENT ? find_dynamic(data, uid, name) : r;
}

static int files_group(void *data, uint32_t gid, char name[static USERS_NAME_SIZE])
{
	int r = find_in_file(data, "/etc/group", gid, name);

	return r == -ENOENT ? find_dynamic(data, gid, name) : r;
}

const struct users_source users_files = {.user = files_user, .group = files_group};
