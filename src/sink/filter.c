/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/filter.h"

#include "call/service.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTAINER_PREFIX 4
#define STATUS_MAX       999
#define UNIT_MAX         255 /* systemd's own limit */

struct filter_value {
	const struct kind *kind;
	char *text;
	unsigned long low, high; /* version, class, pid, user ID, status; of a status, NO_STATUS: none */
	bool is_number;          /* user: `low` is a user ID */
};

struct kind {
	const char *name;
	const char *expected;
	bool (*parse)(struct filter_value *v); /* NULL: any text that is not empty */
	bool (*match)(const struct filter_value *v, const struct call *c);
};

#define NO_STATUS ~0ul

/* All of the text as a decimal number without a sign. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*ret_number = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret_number <= max;
}

static bool parse_version(struct filter_value *v)
{
	for (v->low = VERSION_V1; v->low <= VERSION_UNKNOWN; v->low++)
		if (strcmp(call_version_name((enum call_version)v->low), v->text) == 0)
			return true;
	return false;
}

static bool match_version(const struct filter_value *v, const struct call *c)
{
	return (unsigned long)c->version == v->low;
}

static bool parse_class(struct filter_value *v)
{
	for (v->low = CLASS_TOKEN; v->low <= CLASS_OTHER; v->low++)
		if (strcmp(call_class_name((enum call_class)v->low), v->text) == 0)
			return true;
	return false;
}

static bool match_class(const struct filter_value *v, const struct call *c)
{
	return (unsigned long)c->class == v->low;
}

static bool parse_pid(struct filter_value *v)
{
	return parse_number(v->text, INT32_MAX, &v->low) && v->low > 0;
}

static bool match_pid(const struct filter_value *v, const struct call *c)
{
	return c->caller->process.pid == v->low;
}

static bool parse_user(struct filter_value *v)
{
	v->is_number = parse_number(v->text, UINT32_MAX, &v->low);
	return v->is_number || (v->text[0] && !isdigit((unsigned char)v->text[0]));
}

static bool match_user(const struct filter_value *v, const struct call *c)
{
	if (v->is_number)
		return c->caller->has_ids && c->caller->uid == v->low;
	return c->caller->user_name && strcmp(c->caller->user_name, v->text) == 0;
}

static bool match_program(const struct filter_value *v, const struct call *c)
{
	const struct process *p = &c->caller->process;
	const char *base = p->executable ? strrchr(p->executable, '/') : NULL;

	if (p->name[0] && fnmatch(v->text, p->name, 0) == 0)
		return true;
	if (p->executable && fnmatch(v->text, p->executable, 0) == 0)
		return true;
	return base && fnmatch(v->text, base + 1, 0) == 0;
}

/* Three hexadecimal digits are a slip, "web" can be the name of an LXC container. */
static bool parse_container(struct filter_value *v)
{
	size_t length = strlen(v->text);

	return length >= CONTAINER_PREFIX || v->text[strspn(v->text, "0123456789abcdefABCDEF")] != '\0';
}

static bool match_container(const struct filter_value *v, const struct call *c)
{
	const char *id = c->caller->container_id;
	size_t length = strlen(v->text);

	if (!id)
		return false;
	return length >= CONTAINER_PREFIX ? strncmp(id, v->text, length) == 0 : strcmp(id, v->text) == 0;
}

static bool match_unit(const struct filter_value *v, const struct call *c)
{
	static const char suffix[] = ".service";
	const char *unit = c->caller->systemd_unit;
	size_t length = unit ? strlen(unit) : 0;
	char bare[UNIT_MAX + 1];

	if (!unit)
		return false;
	if (fnmatch(v->text, unit, 0) == 0)
		return true;
	if (length > UNIT_MAX || length < sizeof(suffix) || strcmp(unit + length - strlen(suffix), suffix) != 0)
		return false;
	snprintf(bare, sizeof(bare), "%.*s", (int)(length - strlen(suffix)), unit);
	return fnmatch(v->text, bare, 0) == 0;
}

/* 404, 4xx, 400-499, none */
static bool parse_status(struct filter_value *v)
{
	const char *dash = strchr(v->text, '-');
	char low[4] = {0};

	if (strcmp(v->text, "none") == 0) {
		v->low = v->high = NO_STATUS;
		return true;
	}
	if (isdigit((unsigned char)v->text[0]) && strcasecmp(v->text + 1, "xx") == 0) {
		v->low = (unsigned long)(v->text[0] - '0') * 100;
		v->high = v->low + 99;
		return true;
	}
	if (!dash) {
		bool fine = parse_number(v->text, STATUS_MAX, &v->low);

		v->high = v->low;
		return fine;
	}
	if ((size_t)(dash - v->text) >= sizeof(low))
		return false;
	memcpy(low, v->text, (size_t)(dash - v->text));
	return parse_number(low, STATUS_MAX, &v->low) && parse_number(dash + 1, STATUS_MAX, &v->high) &&
	       v->low <= v->high;
}

static bool match_status(const struct filter_value *v, const struct call *c)
{
	if (v->low == NO_STATUS)
		return !c->has_response;
	return c->has_response && c->status >= v->low && c->status <= v->high;
}

static bool parse_service(struct filter_value *v)
{
	return service_find(v->text) != NULL;
}

static bool match_service(const struct filter_value *v, const struct call *c)
{
	return c->service && strcmp(c->service, v->text) == 0;
}

static const struct kind kinds[] = {
	{"version", "expected v1, v2 or unknown", parse_version, match_version},
	{"class", "expected token, credentials, identity, user-data, metadata or other", parse_class, match_class},
	{"pid", "expected a process ID", parse_pid, match_pid},
	{"user", "expected a user name or ID", parse_user, match_user},
	{"program", "expected a name or path, with * and ? if wanted", NULL, match_program},
	{"container", "expected at least 4 characters of a container ID, or a name", parse_container, match_container},
	{"unit", "expected a systemd unit, with * and ? if wanted", NULL, match_unit},
	{"status", "expected 404, 4xx, 400-499 or none", parse_status, match_status},
	{"service", "expected the name of a metadata service, as ec2 or ecs", parse_service, match_service},
};

static const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* Takes v->text. Values of one kind stay together, so that filter_match() needs one walk. */
static int insert(struct filter *f, const struct filter_value *v)
{
	struct filter_value *values = reallocarray(f->values, f->count + 1, sizeof(*values));
	size_t at = f->count;

	if (!values) {
		free(v->text);
		return -ENOMEM;
	}
	f->values = values;
	for (size_t i = 0; i < f->count; i++)
		if (values[i].kind == v->kind)
			at = i + 1;
	memmove(values + at + 1, values + at, (f->count - at) * sizeof(*values));
	values[at] = *v;
	f->count++;
	return 0;
}

int filter_add(struct filter *f, const char *name, const char *value, const char **ret_error)
{
	struct filter_value v = {.kind = kind_find(name), .text = (char *)value};

	if (!v.kind) {
		*ret_error = "there is no such filter";
		return -EINVAL;
	}
	if (!value[0] || (v.kind->parse && !v.kind->parse(&v))) {
		*ret_error = v.kind->expected;
		return -EINVAL;
	}
	v.text = strdup(value);
	return v.text ? insert(f, &v) : -ENOMEM;
}

bool filter_match(const struct filter *f, const struct call *c)
{
	size_t i = 0;

	while (i < f->count) {
		const struct kind *kind = f->values[i].kind;
		bool matches = false;

		for (; i < f->count && f->values[i].kind == kind; i++)
			matches = matches || kind->match(&f->values[i], c);
		if (!matches)
			return false;
	}
	return true;
}

void filter_done(struct filter *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->values[i].text);
	free(f->values);
	*f = (struct filter){0};
}
