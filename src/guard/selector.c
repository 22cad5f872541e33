/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/selector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "call/path.h"

static const char *const names_of_kinds[SELECT_KINDS] = {
	[SELECT_USER] = "user",       [SELECT_GROUP] = "group",         [SELECT_EXE] = "exe",
	[SELECT_UNIT] = "unit",       [SELECT_CONTAINER] = "container", [SELECT_CGROUP] = "cgroup",
	[SELECT_SERVICE] = "service", [SELECT_ADDRESS] = "address",     [SELECT_VERSION] = "version",
	[SELECT_CLASS] = "class",     [SELECT_METHOD] = "method",       [SELECT_PATH] = "path",
};

const char *selector_name(enum selector_kind kind)
{
	return names_of_kinds[kind];
}

enum selector_kind selector_find(struct span word)
{
	unsigned kind = 0;

	while (kind < SELECT_KINDS && !span_equal(word, span_of(names_of_kinds[kind])))
		kind++;
	return kind;
}

static int user_of_file(void *data, const char *name, uint32_t *ret_uid)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	while (f && (entry = fgetpwent(f)))
		if (strcmp(entry->pw_name, name) == 0) {
			*ret_uid = entry->pw_uid;
			return 0;
		}
	return -ENOENT;
}

static int group_of_file(void *data, const char *name, uint32_t *ret_gid)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/group", "re");
	const struct group *entry;

	while (f && (entry = fgetgrent(f)))
		if (strcmp(entry->gr_name, name) == 0) {
			*ret_gid = entry->gr_gid;
			return 0;
		}
	return -ENOENT;
}

/* (uint32_t)-1 is nobody's id. */
static bool take_id(struct span *s, uint32_t *ret)
{
	uint64_t id;

	if (!span_take_decimal(s, &id) || id >= UINT32_MAX)
		return false;
	*ret = (uint32_t)id;
	return true;
}

static int parse_number(const char *word, const char *kind, struct selector_value *v, struct problem *problem)
{
	struct span rest = span_of(word);

	if (!take_id(&rest, &v->from))
		return problem_set(problem, -EINVAL, "%s id is out of range; expected 0 to 4294967294", kind);
	v->to = v->from;
	if (rest.length == 0)
		return 0;
	rest = (struct span){rest.data + 1, rest.length - 1};
	if (!take_id(&rest, &v->to) || rest.length)
		return problem_set(problem, -EINVAL, "%s ids are not understood; expected FROM-TO such as 1000-1999",
				   kind);
	if (v->to < v->from)
		return problem_set(problem, -EINVAL, "%s ids are the wrong way round; expected the lower one first",
				   kind);
	return 0;
}

static int parse_ids(enum selector_kind kind, const char *word, const struct rules_names *names,
		     struct selector_value *v, struct problem *problem)
{
	int (*look)(void *, const char *, uint32_t *) = kind == SELECT_USER ? names->user : names->group;
	size_t digits = strspn(word, "0123456789"), length = strlen(word);
	bool may_miss = length > 1 && word[length - 1] == '?';
	char name[256];

	if (digits && (word[digits] == '\0' || word[digits] == '-'))
		return parse_number(word, selector_name(kind), v, problem);
	if (!look)
		look = kind == SELECT_USER ? user_of_file : group_of_file;
	if (length >= sizeof(name))
		return problem_set(problem, -EINVAL, "the name is too long; expected at most 255 bytes");
	memcpy(name, word, length + 1);
	if (may_miss)
		name[length - 1] = '\0';
	if (look(names->data, name, &v->from) == 0) {
		v->to = v->from;
		return 0;
	}
	if (!may_miss)
		return problem_set(problem, -EINVAL,
				   "there is no such %s; expected a name in %s, an id, a range such as 1000-1999, or "
				   "NAME? for one that may be missing",
				   selector_name(kind), kind == SELECT_USER ? "/etc/passwd" : "/etc/group");
	v->from = 1;
	v->to = 0;
	return 0;
}

static int keep(struct selector_value *v, const char *text)
{
	v->text = strdup(text);
	return v->text ? 0 : -ENOMEM;
}

static bool has_dot_segments(const char *path)
{
	for (const char *c = path; (c = strchr(c, '/')); c++) {
		size_t n = strcspn(c + 1, "/");

		if ((n == 0 && c[1]) || (n == 1 && c[1] == '.') || (n == 2 && c[1] == '.' && c[2] == '.'))
			return true;
	}
	return false;
}

static int parse_exe(const char *word, struct selector_value *v, struct problem *problem)
{
	size_t length = strlen(word);

	if (word[0] != '/' && strncmp(word, "**", 2) != 0)
		return problem_set(problem, -EINVAL,
				   "the executable is no absolute path; expected one such as /usr/bin/curl or **/curl");
	if (has_dot_segments(word) || word[length - 1] == '/')
		return problem_set(
			problem, -EINVAL,
			"no executable has such a path; expected one without //, /./, /../ and / at its end");
	return keep(v, word);
}

static int parse_unit(const char *word, struct selector_value *v, struct problem *problem)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap", "*", NULL};
	struct span s = span_of(word);

	if (strchr(word, '/'))
		return problem_set(problem, -EINVAL, "a unit has no / in its name; expected NAME.service");
	for (const char *const *suffix = suffixes; *suffix; suffix++) {
		size_t n = strlen(*suffix);

		if (s.length >= n && memcmp(s.data + s.length - n, *suffix, n) == 0)
			return keep(v, word);
	}
	return problem_set(problem, -EINVAL,
			   "no unit that has processes is called so; expected a whole name such as NAME.service, or a "
			   "pattern such as NAME*");
}

bool selector_is_id_prefix(const char *text)
{
	size_t length = strlen(text);

	return length >= 12 && strspn(text, "0123456789abcdef") == length;
}

static int parse_container(const char *word, struct selector_value *v, struct problem *problem)
{
	if (strpbrk(word, "/\\") || (strchr(word, '*') && strcmp(word, "*") != 0))
		return problem_set(problem, -EINVAL,
				   "the container is not understood; expected its id, the first 12 or more digits of "
				   "it, its name with LXC and nspawn, or *");
	if (strcmp(word, "*") != 0 && !selector_is_id_prefix(word) &&
	    strspn(word, "0123456789abcdef") == strlen(word) && strlen(word) >= 6)
		return problem_set(problem, -EINVAL, "the container's id is too short; expected 12 digits or more");
	return keep(v, word);
}

static int parse_cgroup(const char *word, struct selector_value *v, struct problem *problem)
{
	char path[1024];
	size_t length = strlen(word);

	if (word[0] != '/' || has_dot_segments(word) || length >= sizeof(path))
		return problem_set(problem, -EINVAL,
				   "the cgroup is no absolute path; expected one such as /system.slice");
	memcpy(path, word, length + 1);
	if (path[length - 1] == '/')
		path[length - 1] = '\0';
	return keep(v, path);
}

static int parse_service(const char *word, struct selector_value *v, struct problem *problem)
{
	const struct service *s = service_find(word);

	if (!s)
		return problem_set(problem, -EINVAL,
				   "the service is not known; expected ec2, ecs, eks-pod-identity, azure-imds, gcp, "
				   "oracle ... (man imdsnitch has them all)");
	v->from = 1 + service_row(s);
	return 0;
}

static int parse_address(const char *word, struct selector_value *v, struct problem *problem)
{
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);
	char text[INET6_ADDRSTRLEN];
	struct span rest;
	uint64_t bits;
	bool v4;

	problem_set(problem, 0,
		    "the address is not understood; expected one such as 169.254.169.254, fd00:ec2::254, "
		    "169.254.0.0/16 or fd00:ec2::/64");
	if (length >= sizeof(text))
		return -EINVAL;
	memcpy(text, word, length);
	text[length] = '\0';
	memset(v->ip, 0, 10);
	memset(v->ip + 10, 0xff, 2);
	v4 = inet_pton(AF_INET, text, v->ip + 12) == 1;
	if (!v4 && inet_pton(AF_INET6, text, v->ip) != 1)
		return -EINVAL;
	v->bits = 128;
	if (!slash)
		return 0;
	rest = span_of(slash + 1);
	if (!span_take_decimal(&rest, &bits) || rest.length || bits > (v4 ? 32 : 128))
		return problem_set(problem, -EINVAL, "the prefix is not understood; expected /0 to /%d", v4 ? 32 : 128);
	v->bits = (unsigned)bits + (v4 ? 96 : 0);
	return 0;
}

/* '*' within a segment, "**" over segments, '?' one byte; "/" + "**" + "/" is also one slash. */
static bool glob_matches(const char *glob, const char *text, const char *end)
{
	for (;;) {
		size_t stars = strspn(glob, "*");

		if (strncmp(glob, "/**/", 4) == 0 && text < end && *text == '/' && glob_matches(glob + 3, text, end))
			return true;
		if (stars) {
			for (;; text++) {
				if (glob_matches(glob + stars, text, end))
					return true;
				if (text == end || (stars == 1 && *text == '/'))
					return false;
			}
		}
		if (text == end || !*glob)
			return text == end && !*glob;
		if (*glob == '?' ? *text == '/' : *text != *glob)
			return false;
		glob++;
		text++;
	}
}

bool selector_glob(const char *glob, struct span text)
{
	return glob_matches(glob, text.data, text.data + text.length);
}

bool selector_has_id(const struct selector *s, uint32_t id)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->value[i].from <= id && id <= s->value[i].to)
			return true;
	return false;
}

bool selector_has_number(const struct selector *s, uint32_t number)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->value[i].from == number)
			return true;
	return false;
}

bool selector_globs(const struct selector *s, struct span text)
{
	for (unsigned i = 0; i < s->count; i++)
		if (selector_glob(s->value[i].text, text))
			return true;
	return false;
}

bool selector_has_container(const struct selector *s, const char *id)
{
	for (unsigned i = 0; i < s->count && id[0]; i++) {
		const char *text = s->value[i].text;

		if (strcmp(text, "*") == 0 || strcmp(text, id) == 0 ||
		    (selector_is_id_prefix(text) && strncmp(text, id, strlen(text)) == 0))
			return true;
	}
	return false;
}

bool selector_address_matches(const struct selector_value *v, const uint8_t ip[static 16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned bytes = v->bits / 8, rest = v->bits % 8;

	if (v->bits < 96 && memcmp(ip, mapped, sizeof(mapped)) == 0) /* IPv4 is not in ::/0 */
		return false;
	if (memcmp(v->ip, ip, bytes) != 0)
		return false;
	return rest == 0 || ((v->ip[bytes] ^ ip[bytes]) >> (8 - rest)) == 0;
}

static int parse_word(enum selector_kind kind, const char *word, struct selector_value *v, struct problem *problem)
{
	if (kind == SELECT_VERSION) {
		for (unsigned i = VERSION_V1; i <= VERSION_V2; i++)
			if (strcmp(word, call_version_name(i)) == 0) {
				v->from = i;
				return 0;
			}
		return problem_set(problem, -EINVAL, "there is no such version; expected v1 or v2");
	}
	for (unsigned i = CLASS_TOKEN; i <= CLASS_OTHER; i++)
		if (strcmp(word, call_class_name(i)) == 0) {
			v->from = i;
			return 0;
		}
	return problem_set(problem, -EINVAL,
			   "there is no such class; expected token, credentials, identity, user-data, "
			   "metadata or other");
}

uint64_t selector_method(struct span method)
{
	uint64_t packed = 0;

	if (method.length > 8)
		return 0;
	for (size_t i = 0; i < method.length; i++)
		packed = packed << 8 | (uint8_t)method.data[i];
	return packed;
}

static int parse_method(const char *word, struct selector_value *v, struct problem *problem)
{
	size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	if (word[length] || length == 0 || length > 8)
		return problem_set(problem, -EINVAL,
				   "the method is not understood; expected at most 8 capital letters such as GET");
	return keep(v, word);
}

static int parse_path(const char *word, struct selector_value *v, struct problem *problem)
{
	struct path p;

	if (word[0] != '/')
		return problem_set(problem, -EINVAL,
				   "the path does not begin with /; expected one such as "
				   "/latest/meta-data/iam");
	if (strpbrk(word, "?#$"))
		return problem_set(problem, -EINVAL,
				   "?, # and $ are not part of a path; expected segments, or * for "
				   "any one segment");
	path_init(&p, span_of(word));
	if (p.cut || p.length >= sizeof(p.text))
		return problem_set(problem, -EINVAL, "the path is too long; expected at most 1023 bytes");
	p.text[p.length] = '\0';
	for (const char *c = p.text; (c = strchr(c, '*')); c++)
		if ((c > p.text && c[-1] != '/') || (c[1] && c[1] != '/'))
			return problem_set(problem, -EINVAL,
					   "* stands for one whole segment; expected it between slashes, as in "
					   "/*/user-data");
	if (strlen(p.text) != p.length || strpbrk(p.text, "$"))
		return problem_set(problem, -EINVAL, "the path holds an escape that no rule can have");
	return keep(v, p.text);
}

int selector_value_parse(enum selector_kind kind, const char *word, const struct rules_names *names,
			 struct selector_value *ret_value, struct problem *problem)
{
	struct selector_value v = {0};
	int r = -EINVAL;

	switch (kind) {
	case SELECT_USER:
	case SELECT_GROUP:
		r = parse_ids(kind, word, names, &v, problem);
		break;
	case SELECT_EXE:
		r = parse_exe(word, &v, problem);
		break;
	case SELECT_UNIT:
		r = parse_unit(word, &v, problem);
		break;
	case SELECT_CONTAINER:
		r = parse_container(word, &v, problem);
		break;
	case SELECT_CGROUP:
		r = parse_cgroup(word, &v, problem);
		break;
	case SELECT_SERVICE:
		r = parse_service(word, &v, problem);
		break;
	case SELECT_ADDRESS:
		r = parse_address(word, &v, problem);
		break;
	case SELECT_VERSION:
	case SELECT_CLASS:
		r = parse_word(kind, word, &v, problem);
		break;
	case SELECT_METHOD:
		r = parse_method(word, &v, problem);
		break;
	case SELECT_PATH:
		r = parse_path(word, &v, problem);
		break;
	case SELECT_KINDS:
		break;
	}
	if (r == 0)
		*ret_value = v;
	return r;
}

void selector_done(struct selector *s)
{
	for (unsigned i = 0; i < s->count; i++)
		free(s->value[i].text);
	free(s->value);
	*s = (struct selector){0};
}
