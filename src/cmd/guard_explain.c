/* SPDX-License-Identifier: Apache-2.0 */
/* imdsnitch guard explain: what becomes of a call, and why. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/host.h"
#include "base/log.h"
#include "base/parse.h"
#include "capture/cgroup.h"
#include "cmd/guard.h"
#include "guard/explain.h"
#include "guard/policy.h"

/* What no rule names that does not name all. */
#define NO_EXE "/-"

/* Numbers are ids, whether somebody has them or not. */
static bool take_id(const char *value, uint32_t *ret_id)
{
	uint64_t id;

	if (parse_u64(value, &id) < 0 || id >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)id;
	return true;
}

static struct guard_call *call_of(void *target)
{
	return &((struct guard_options *)target)->call;
}

/* The groups of /etc/group that have the user as a member. */
static void add_groups(struct guard_call *c, const char *user)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/group", "re");
	const struct group *g;

	while (f && (g = fgetgrent(f)))
		for (char **m = g->gr_mem; *m; m++)
			if (strcmp(*m, user) == 0 && c->group_count < GUARD_GROUPS)
				c->groups[c->group_count++] = g->gr_gid;
}

/* A user comes with its groups, unless --group says others. */
static int set_user(void *target, const char *value, const char **ret_error)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
	struct guard_call *c = call_of(target);
	bool number = take_id(value, &c->uid);
	const struct passwd *p = NULL;

	*ret_error = "expected a user of /etc/passwd, or a number";
	while (f && (p = fgetpwent(f)) && (number ? p->pw_uid != c->uid : strcmp(p->pw_name, value) != 0))
		;
	if (!p && !number)
		return -EINVAL;
	c->has_uid = true;
	c->user = value;
	if (p)
		c->uid = p->pw_uid;
	if (p && !c->has_groups) {
		c->group_count = 1;
		c->groups[0] = p->pw_gid;
		add_groups(c, p->pw_name);
	}
	return 0;
}

static int set_group(void *target, const char *value, const char **ret_error)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/group", "re");
	struct guard_call *c = call_of(target);
	const struct group *g = NULL;
	uint32_t id = 0;

	*ret_error = "expected a group of /etc/group, or a number";
	if (!take_id(value, &id)) {
		while (f && (g = fgetgrent(f)) && strcmp(g->gr_name, value) != 0)
			;
		if (!g)
			return -EINVAL;
		id = g->gr_gid;
	}
	if (!c->has_groups)
		c->group_count = 0;
	c->has_groups = true;
	*ret_error = "there are too many of them; expected 64 at most";
	if (c->group_count == GUARD_GROUPS)
		return -ENOSPC;
	c->groups[c->group_count++] = id;
	return 0;
}

static int set_absolute(const char **place, const char *value, const char **ret_error)
{
	*ret_error = "expected an absolute path";
	*place = value;
	return value[0] == '/' ? 0 : -EINVAL;
}

static int set_exe(void *target, const char *value, const char **ret_error)
{
	return set_absolute(&call_of(target)->exe, value, ret_error);
}

static int set_cgroup(void *target, const char *value, const char **ret_error)
{
	return set_absolute(&call_of(target)->cgroup, value, ret_error);
}

static int set_name(const char **place, const char *value, const char **ret_error)
{
	*ret_error = "expected a name without /";
	*place = value;
	return value[0] && !strchr(value, '/') && strlen(value) < 256 ? 0 : -EINVAL;
}

static int set_unit(void *target, const char *value, const char **ret_error)
{
	return set_name(&call_of(target)->unit, value, ret_error);
}

static int set_container(void *target, const char *value, const char **ret_error)
{
	return set_name(&call_of(target)->container, value, ret_error);
}

static int set_address(void *target, const char *value, const char **ret_error)
{
	struct guard_call *c = call_of(target);

	c->address = (struct endpoints){0};
	return endpoints_add(&c->address, value, ret_error);
}

/* What stands in a request line must not end it. */
static bool is_word(const char *value)
{
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return false;
	return value[0] != '\0';
}

static int set_method(void *target, const char *value, const char **ret_error)
{
	*ret_error = "expected a method such as GET";
	call_of(target)->method = value;
	return is_word(value) && strlen(value) <= HEAD_METHOD_MAX ? 0 : -EINVAL;
}

static int set_path(void *target, const char *value, const char **ret_error)
{
	*ret_error = "expected a path such as /latest/meta-data/, without blanks";
	call_of(target)->path = value;
	return is_word(value) ? 0 : -EINVAL;
}

static int set_header(void *target, const char *value, const char **ret_error)
{
	struct guard_call *c = call_of(target);

	*ret_error = "expected NAME: VALUE, 16 of them at most";
	if (!strchr(value, ':') || strpbrk(value, "\r\n") || c->headers == GUARD_HEADERS)
		return -EINVAL;
	c->header[c->headers++] = value;
	return 0;
}

static int set_v1(void *target, const char *value, const char **ret_error)
{
	call_of(target)->v1 = true;
	return 0;
}

static int set_v2(void *target, const char *value, const char **ret_error)
{
	call_of(target)->v2 = true;
	return 0;
}

const struct option_spec guard_call_options[] = {
	{"user", "USER", "explain: who calls (default: you); with its groups", set_user},
	{"group", "GROUP", "explain: in this group only; may be given often", set_group},
	{"exe", "PATH", "explain: with this executable", set_exe},
	{"unit", "NAME", "explain: from this systemd unit", set_unit},
	{"container", "ID", "explain: from this container", set_container},
	{"cgroup", "PATH", "explain: from this cgroup", set_cgroup},
	{"address", "ADDR[:PORT]", "explain: to this endpoint (default 169.254.169.254)", set_address},
	{"method", "METHOD", "explain: the request's method (default GET)", set_method},
	{"path", "PATH", "explain: the request's path (default /)", set_path},
	{"header", "HEADER", "explain: a header of the request, \"NAME: VALUE\";\nmay be given often", set_header},
	{"v1", NULL, "explain: a request without a token", set_v1},
	{"v2", NULL, "explain: a request with a token", set_v2},
	{NULL, NULL, NULL, NULL},
};

struct asking {
	struct question question;
	struct buffer head, cgroup;
};

static void asking_done(struct asking *a)
{
	buffer_done(&a->head);
	buffer_done(&a->cgroup);
}

/* A cgroup that is in this unit, or this container. */
static int write_cgroup(const struct guard_call *c, struct asking *a)
{
	struct container read;

	if (!!c->cgroup + !!c->unit + !!c->container > 1) {
		log_line("guard explain: expected one of --cgroup, --unit and --container");
		return -EINVAL;
	}
	buffer_printf(&a->cgroup, "%s%s",
		      c->unit        ? "/system.slice/"
		      : c->container ? "/lxc/"
				     : "",
		      c->unit        ? c->unit
		      : c->container ? c->container
		      : c->cgroup    ? c->cgroup
				     : "/-");
	a->question.cgroup = buffer_view(&a->cgroup);
	container_parse(a->question.cgroup, &read);
	if (c->unit && strcmp(read.unit, c->unit) != 0) {
		log_line("guard explain: --unit \"%s\": expected a whole name such as nginx.service", c->unit);
		return -EINVAL;
	}
	return 0;
}

/* What makes a request to this service a v2 one. */
static const char *token_header(const struct guard_call *c)
{
	const char *service = service_name(c->address.count ? c->address.list[0].service : service_find("ec2"));

	if (strcmp(service, "gcp") == 0 || strcmp(service, "yandex") == 0 ||
	    (c->path && strncmp(c->path, "/computeMetadata", 16) == 0))
		return "Metadata-Flavor: Google";
	if (strcmp(service, "oracle") == 0 || (c->path && strncmp(c->path, "/opc/", 5) == 0))
		return "Authorization: Bearer Oracle";
	if (strcmp(service, "alibaba") == 0)
		return "X-aliyun-ecs-metadata-token: x";
	return strcmp(service, "huawei") == 0 ? "X-metadata-token: x" : "X-aws-ec2-metadata-token: x";
}

static void write_head(const struct guard_call *c, struct asking *a)
{
	if (!c->method && !c->path && !c->v1 && !c->v2 && !c->headers)
		return;
	buffer_printf(&a->head, "%s %s HTTP/1.1\r\n", c->method ? c->method : "GET", c->path ? c->path : "/");
	if (c->v2)
		buffer_printf(&a->head, "%s\r\n", token_header(c));
	for (unsigned i = 0; i < c->headers; i++)
		buffer_printf(&a->head, "%s\r\n", c->header[i]);
	buffer_string(&a->head, "\r\n");
	a->question.head = buffer_view(&a->head);
}

static int write_question(const struct guard_call *c, struct asking *a)
{
	struct endpoints usual;

	if (c->v1 && c->v2) {
		log_line("guard explain: expected one of --v1 and --v2");
		return -EINVAL;
	}
	endpoints_init(&usual);
	a->question = (struct question){
		.uid = c->has_uid ? c->uid : getuid(),
		.groups = c->groups,
		.group_count = c->group_count,
		.exe = span_of(c->exe ? c->exe : NO_EXE),
		.address = c->address.count ? c->address.list[0].address : usual.list[0].address,
	};
	write_head(c, a);
	return write_cgroup(c, a);
}

static void show_verdict(const struct rules *r, const struct answer *a)
{
	const char *when = a->at_connect ? "at connect (EPERM)" : "when the request is sent (EACCES)";

	if (a->decision.verdict == DECISION_LATER)
		printf("later: the connection is allowed, the request decides; say --path, --v1 or --v2\n");
	else if (a->decision.verdict == DECISION_ALLOW)
		printf("allowed");
	else
		printf("%s %s", r->mode == TABLE_ENFORCE ? "refused" : "would be refused", when);
	if (a->decision.verdict != DECISION_LATER && a->decision.rule == TABLE_NONE)
		printf(": no rule matches, and then everything is allowed\n");
	else if (a->decision.verdict != DECISION_LATER)
		printf(" by %s:%u\n", r->file, r->rule[a->decision.rule].line);
}

static const char *mark_of(enum reading r)
{
	return r == READING_LATER ? "perhaps" : reading_is_match(r) ? "yes" : "no";
}

static void show_rule(const struct facts *f, const struct rule *rule)
{
	const struct selector *s;
	enum reading reading = facts_read(f, rule, &s);
	struct buffer why = {0};

	if (s && s->kind == SELECT_EXE && strcmp(f->question->exe.data, NO_EXE) == 0)
		buffer_string(&why, "its executable was not said");
	else if (s)
		facts_describe(f, s->kind, &why);
	if (reading == READING_DOUBT)
		buffer_string(&why, ", and a deny needs only doubt");
	else if (reading == READING_UNPROVEN)
		buffer_string(&why, ", and an allow needs proof");
	else if (reading == READING_NEEDS)
		buffer_string(&why, ", and there never is one");
	printf("  line %-4u %-8s %-44.*s %.*s\n", rule->line, mark_of(reading), (int)rule->text.length, rule->text.data,
	       (int)why.length, why.data ? why.data : "");
	buffer_done(&why);
}

static int explain(const struct policy *p, const struct question *q)
{
	struct answer a;
	struct facts f;
	unsigned last;

	if (question_ask(p->table, &p->rules->endpoints, q, &a) < 0) {
		log_line("guard explain: --address: it is no endpoint the rules guard; to make it one, add to the "
			 "rules: "
			 "endpoint ADDR:PORT");
		return EXIT_USAGE;
	}
	facts_init(&f, p->rules, host_provider(), p->table->legacy, q, &a);
	show_verdict(p->rules, &a);
	last = a.decision.rule == TABLE_NONE ? p->rules->count : a.decision.rule + 1U;
	for (unsigned i = 0; i < last; i++)
		show_rule(&f, &p->rules->rule[i]);
	return a.decision.verdict == DECISION_DENY ? EXIT_FINDINGS : EXIT_FINE;
}

int guard_explain(const struct guard_options *o, char **words)
{
	struct policy p = {0};
	struct asking a = {0};
	int status = EXIT_USAGE;

	if (write_question(&o->call, &a) == 0 && guard_read_rules(words[0] ? words[0] : GUARD_RULES, &p) == 0)
		status = explain(&p, &a.question);
	policy_done(&p);
	asking_done(&a);
	return status;
}
