/* SPDX-License-Identifier: Apache-2.0 */
#include "call/judge.h"

#include <strings.h>

#include "call/service_rules.h"

const struct shape_rule shape_rules[] = {
	{"computeMetadata", "gcp"},      {"opc", "oracle"},
	{"openstack", "openstack"},      {"hetzner", "hetzner"},
	{"instance_identity", "ibm"},    {"identity/v1", "ibm"},
	{"metadata/v1", "digitalocean"}, {"metadata/v1.json", "digitalocean"},
	{"metadata", "azure-imds"},      {NULL, NULL},
};

const char *const ec2_paths[] = {"latest", "*/meta-data", "*/user-data", "*/dynamic", "**/api/token$", NULL};

static bool is_ec2_path(const struct path *p)
{
	for (const char *const *pattern = ec2_paths; *pattern; pattern++)
		if (path_matches(p, *pattern, false))
			return true;
	return false;
}

static const struct service *by_shape(const struct head *head, const struct path *path)
{
	if (head->seen & (HEADER_AWS_TOKEN | HEADER_AWS_TTL) || is_ec2_path(path))
		return NULL;
	for (const struct shape_rule *shape = shape_rules; shape->pattern; shape++)
		if (path_matches(path, shape->pattern, true))
			return service_find(shape->service);
	if (head->flags & HEAD_F_GOOGLE)
		return service_find("gcp");
	return head->flags & HEAD_F_METADATA_TRUE ? service_find("azure-imds") : NULL;
}

/* Only the shared address needs a choice: its row is EC2's. */
static const struct service *choose(const struct service *service, const char *provider, const struct head *head,
				    const struct path *path)
{
	const struct service *other;

	if (!service || strcmp(service->name, "ec2") != 0)
		return service;
	other = provider ? service_of_provider(provider) : by_shape(head, path);
	return other ? other : service;
}

static enum call_class class_of(const struct service *s, const struct path *path)
{
	const struct class_rule *rule = s->classes;

	while (rule->pattern && !path_matches(path, rule->pattern, s->fold_case))
		rule++;
	return rule->class;
}

static size_t segment(const char *s)
{
	return strcspn(s, "/$");
}

/* May there be a path that begins with both? */
static bool share_a_path(const char *pattern, const char *prefix)
{
	if (strncmp(pattern, "**/", 3) == 0) /* any path may end so */
		return true;
	while (*prefix) {
		size_t a = segment(pattern), b = segment(prefix);
		bool any = (a == 1 && pattern[0] == '*') || (b == 1 && prefix[0] == '*');

		if (!any && (a != b || strncasecmp(pattern, prefix, a) != 0))
			return false;
		if (pattern[a] != '/' || prefix[b] != '/')
			return true;
		pattern += a + 1;
		prefix += b + 1;
	}
	return true;
}

bool judge_class_reaches(const struct service *service, enum call_class class, const char *prefix)
{
	const struct class_rule *rule = service->classes;

	while (rule->pattern && (rule->class != class || !share_a_path(rule->pattern, prefix)))
		rule++;
	return rule->class == class;
}

/* Is the call of the secure kind, by what is present? */
static bool is_secure(const struct service *s, const struct head *head, const struct path *path, bool token_request)
{
	switch (s->rule) {
	case RULE_TOKEN:
		return token_request || head->seen & s->token_header;
	case RULE_GOOGLE:
		return head->flags & HEAD_F_GOOGLE;
	case RULE_ORACLE:
		return head->seen & HEADER_AUTHORIZATION && path_matches(path, SECURE_PATH, false);
	default:
		return false;
	}
}

static void judge_version(struct judgement *j, const struct head *head, const struct path *path, bool target_cut,
			  bool whole)
{
	const struct service *s = j->service;

	if (s->rule == RULE_NONE) {
		j->version = VERSION_NONE;
	} else if (is_secure(s, head, path, j->token_request)) {
		j->version = VERSION_V2;
	} else if (!whole) {
		j->reason = SPAN_LITERAL("bytes of the head were not seen");
	} else if ((target_cut || path->cut) && (head->method_kind == METHOD_PUT || s->rule == RULE_ORACLE)) {
		j->reason = SPAN_LITERAL("the target is too long");
	} else {
		j->version = VERSION_V1;
	}
}

void judge_request(const struct service *service, const char *provider, const struct head *head,
		   const struct path *path, bool target_cut, bool whole, struct judgement *ret)
{
	struct judgement j = {.version = VERSION_UNKNOWN, .class = CLASS_OTHER};

	j.service = choose(service, provider, head, path);
	if (!j.service) {
		j.reason = SPAN_LITERAL("the service is not known");
		*ret = j;
		return;
	}
	j.class = class_of(j.service, path);
	j.token_request = j.service->token_path && head->method_kind == METHOD_PUT && !target_cut &&
			  path_matches(path, j.service->token_path, j.service->fold_case);
	judge_version(&j, head, path, target_cut, whole);
	*ret = j;
}
