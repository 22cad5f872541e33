/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables against rules read one by one. The input writes rules from words that matter to each other, then callers and
 * requests from the same words; what the input does not say any more is drawn from it. Compiling costs a thousand times
 * what a question does, so each table is asked many.
 */
#include "fuzz.h"

#include <string.h>

#include "guard/check.h"
#include "guard/compile.h"
#include "guard/explain.h"

#define QUESTIONS 400
#define COUNT(a)  (sizeof(a) / sizeof(*(a)))
#define ID        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const users[] = {"0", "33", "1000-1999", "1500", "4294967294", "nobody?", "0-32", "34-4294967294"};
static const char *const groups[] = {"0", "4", "100-200", "150", "4294967294", "none?"};
static const char *const exes[] = {"/usr/bin/curl", "/usr/bin/*", "/usr/**/curl",  "**/curl",
				   "/opt/?/c*l",    "/**/bin/**", "/usr/bin/c??l", "/opt/a/**"};
static const char *const exe_texts[] = {"/usr/bin/curl", "/usr/curl", "/usr/local/bin/curl", "/opt/a/curl", "/curl",
					"/opt/a/b/c",    "/",         "/usr/bin/",           "/opt/ab/cl"};
static const char *const units[] = {
	"nginx.service", "*.service",      "n*", "user@1000.service", "?ginx.service", "session-*.scope",
	"_x.service",    "docker.service", "*",  "systemd-nspawn@*"};
static const char *const containers[] = {
	"*", "0123456789ab", ID, "web", "0123456789abcdef", "a-b", "0123456789abcdef0123456789abcdef-7"};
static const char *const cgroups[] = {"/", "/system.slice", "/system.slice/nginx.service", "/docker", "/user.slice/"};
static const char *const components[] = {
	"system.slice",
	"user.slice",
	"machine.slice",
	"nginx.service",
	"_nginx.service",
	"__x.service",
	"_.service",
	".service",
	".scope",
	"x.slice",
	".slice",
	"session-1.scope",
	"user@1000.service",
	"_user@1.service",
	"docker.service",
	"_docker.service",
	"containerd.service",
	"docker",
	"lxc",
	"lxc.payload",
	"lxc.payload.web",
	"lxc.payload.",
	"lxc.payload.x.service",
	"lxc.monitor",
	"lxc.monitor.web",
	"web",
	"buildkit",
	"garden",
	"libpod_parent",
	"ecs",
	"user",
	"..",
	"init.scope",
	ID,
	ID "0",
	"docker-" ID,
	"docker-" ID ".scope",
	"docker-" ID ".scopes",
	"crio-" ID ".service",
	"cri-containerd-" ID ".scope",
	"libpod-payload-" ID,
	"libpod-payload-" ID ".scope",
	"kubepods-burstable.slice",
	"x.slice:docker:" ID,
	"docker:" ID,
	"x:y:crio:" ID,
	":nerdctl:" ID,
	"machine-web.scope",
	"machine-a\\x2db.scope",
	"machine-.scope",
	"machine-qemu\\x2d1-x.scope",
	"machine-a-b.scope",
	"machine-" ID ".scope",
	"systemd-nspawn@web.service",
	"systemd-nspawn@.service",
	"systemd-nspawn@qemu\\x2d1.service",
	"_systemd-nspawn@web.service",
	"supervisor",
	"supervisors",
	"payload",
	"supervise",
	"0123456789abcdef0123456789abcdef-7",
	"0123456789abcdef0123456789abcdef-",
	"kubepods",
	"pod12345678-1234-1234-1234-123456789012",
	"x.socket",
	"x.mount",
	"x.swap",
	"machine-0123456789abcd.scope",
	"systemd-nspawn@x:docker:" ID,
	"lxc.payload.x:crio:" ID,
};
static const char *const services[] = {"ec2", "ecs", "azure-imds", "gcp", "oracle", "huawei", "digitalocean"};
static const char *const addresses[] = {"169.254.169.254", "169.254.0.0/16",   "fd00:ec2::/64",          "::/0",
					"0.0.0.0/0",       "169.254.170.2/31", "::ffff:169.254.169.254", "10.0.0.0/8"};
static const char *const versions[] = {"v1", "v2"};
static const char *const classes[] = {"token", "credentials", "identity", "user-data", "metadata", "other"};
static const char *const methods[] = {"GET", "PUT", "POST", "PROPFIND", "GE"};
static const char *const paths[] = {"/",         "/latest",           "/latest/user-data",  "/*/meta-data", "/*/*/iam",
				    "/latest/*", "/Latest/api/TOKEN", "/metadata/identity", "/opc/v2",      "/a/%41",
				    "/*"};
static const char *const targets[] = {
	"/latest/user-data",
	"/latest/meta-data/iam/security-credentials/r",
	"/latest/api/token",
	"/",
	"",
	"/%6catest/./x/../user-data",
	"//LATEST//user-data/",
	"http://h/latest/user-data?x",
	"*",
	"/a/a",
	"/a/%41%2fb",
	"/metadata/identity/oauth2/token",
	"/computeMetadata/v1/instance/service-accounts/d/token",
	"/opc/v2/instance",
	"/openstack/latest/user_data",
	"/metadata/v1/id",
	"/latest/../../latest/meta-data",
	"/latest/meta-data/",
	"/x y",
	"/hetzner/v1/userdata",
	"/v2/credentials/x",
	"/v1/credentials",
	"/latest",
	"/latestx",
	"/1.0/user-data",
};
static const char *const headers[] = {
	"X-aws-ec2-metadata-token: x\r\n",  "Metadata-Flavor: Google\r\n", "Metadata: true\r\n",
	"Authorization: Bearer Oracle\r\n", "X-metadata-token: x\r\n",     "Host: x\r\n",
	"X-aws-ec2-metadata-token : x\r\n"};
static const char *const providers[] = {"aws", "aws", "azure", "oracle", "huawei", NULL};

static const struct {
	const char *name;
	const char *const *word;
	size_t words;
} kinds[] = {
	{"user", users, COUNT(users)},
	{"group", groups, COUNT(groups)},
	{"exe", exes, COUNT(exes)},
	{"unit", units, COUNT(units)},
	{"container", containers, COUNT(containers)},
	{"cgroup", cgroups, COUNT(cgroups)},
	{"service", services, COUNT(services)},
	{"address", addresses, COUNT(addresses)},
	{"version", versions, COUNT(versions)},
	{"class", classes, COUNT(classes)},
	{"method", methods, COUNT(methods)},
	{"path", paths, COUNT(paths)},
};

struct source {
	const uint8_t *data;
	size_t size;
	uint64_t state; /* for what comes after the data */
};

static unsigned pick(struct source *s, size_t count)
{
	if (s->size) {
		s->size--;
		s->state = s->state * 31 + *s->data;
		return *s->data++ % (unsigned)count;
	}
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return (unsigned)(s->state >> 16) % (unsigned)count;
}

static void write_rule(struct source *s, struct buffer *out)
{
	unsigned selectors = pick(s, 4);

	buffer_string(out, pick(s, 2) ? "deny" : "allow");
	while (selectors--) {
		unsigned kind = pick(s, COUNT(kinds)), values = 1 + pick(s, 2);

		buffer_string(out, pick(s, 4) ? " " : " not ");
		buffer_string(out, kinds[kind].name);
		for (unsigned i = 0; i < values; i++) {
			buffer_string(out, i ? "," : " ");
			buffer_string(out, kinds[kind].word[pick(s, kinds[kind].words)]);
		}
	}
	buffer_byte(out, '\n');
}

static void write_rules(struct source *s, struct buffer *out)
{
	unsigned count = pick(s, 8);

	buffer_string(out, "endpoint 100.100.100.200=alibaba\nendpoint 10.0.0.1:8080=azure-imds\n");
	while (count--)
		write_rule(s, out);
}

/* A text, perhaps with a byte that is another one. */
static void write_word(struct source *s, const char *word, struct buffer *out)
{
	size_t length = strlen(word);

	buffer_string(out, word);
	if (length && pick(s, 8) == 0)
		out->data[out->length - 1 - pick(s, length)] = "a-.:/_x%0"[pick(s, 9)];
}

static void write_cgroup(struct source *s, struct buffer *out)
{
	unsigned depth = pick(s, 5);

	if (!depth)
		buffer_byte(out, '/');
	while (depth--) {
		buffer_byte(out, '/');
		write_word(s, components[pick(s, COUNT(components))], out);
	}
}

static void write_head(struct source *s, struct buffer *out)
{
	unsigned count = pick(s, 3);

	buffer_string(out, pick(s, 8) ? methods[pick(s, COUNT(methods))] : "UNUSUALMETHOD");
	buffer_byte(out, ' ');
	if (pick(s, 32) == 0)
		for (unsigned i = 0, n = 60 + pick(s, 8); i < n; i++)
			buffer_string(out, "/x");
	if (pick(s, 32) == 0)
		for (unsigned i = 0; i < 2040; i++)
			buffer_byte(out, '/');
	write_word(s, targets[pick(s, COUNT(targets))], out);
	buffer_string(out, " HTTP/1.1\r\n");
	while (count--)
		buffer_string(out, headers[pick(s, COUNT(headers))]);
	buffer_string(out, pick(s, 16) ? "\r\n" : "x");
}

struct texts {
	struct buffer exe, cgroup, head;
	uint32_t groups[4];
};

static const uint32_t ids[] = {0, 33, 1000, 1999, 2000, 4, 100, 150, 200, 999, 34, 4294967294U};

static void write_question(struct source *s, const struct endpoints *e, struct texts *x, struct question *q)
{
	*q = (struct question){.uid = ids[pick(s, COUNT(ids))], .groups = x->groups, .group_count = pick(s, 4)};
	for (unsigned i = 0; i < q->group_count; i++)
		x->groups[i] = ids[pick(s, COUNT(ids))];
	q->groups_cut = pick(s, 16) == 0;
	buffer_reset(&x->exe);
	buffer_reset(&x->cgroup);
	buffer_reset(&x->head);
	write_word(s, exe_texts[pick(s, COUNT(exe_texts))], &x->exe);
	write_cgroup(s, &x->cgroup);
	write_head(s, &x->head);
	if (pick(s, 16))
		q->exe = buffer_view(&x->exe);
	if (pick(s, 16))
		q->cgroup = buffer_view(&x->cgroup);
	if (pick(s, 16))
		q->head = buffer_view(&x->head);
	q->address = e->list[pick(s, e->count)].address;
	q->datagram = pick(s, 8) == 0;
	if (q->datagram)
		q->address.port = (uint16_t)(53 + pick(s, 30));
}

static void show(const struct buffer *rules, const struct question *q)
{
	fprintf(stderr, "%.*suid %u exe %.*s cgroup %.*s\n%.*s\n", (int)rules->length, rules->data, q->uid,
		(int)q->exe.length, q->exe.data ? q->exe.data : "?", (int)q->cgroup.length,
		q->cgroup.data ? q->cgroup.data : "?", (int)q->head.length, q->head.data ? q->head.data : "-");
}

static void ask(const struct rules *r, const char *provider, bool legacy, const struct table *t,
		const struct question *q, const struct buffer *text)
{
	enum reading reading = READING_FITS;
	struct answer a;
	struct facts f;
	unsigned rule;
	int e = question_ask(t, &r->endpoints, q, &a);

	CHECK(e == 0);
	CHECK(facts_init(&f, r, provider, legacy, q, &a) == 0);
	rule = facts_first(&f, r, &reading);
	if (rule != a.decision.rule) {
		show(text, q);
		fprintf(stderr, "rule %u by the table, %u by reading; verdict %u at connect %d\n", a.decision.rule,
			rule, a.decision.verdict, a.at_connect);
	}
	CHECK(rule == a.decision.rule);
	/* A rule that only may apply has not decided. */
	if (rule != TABLE_NONE && a.decision.verdict != DECISION_LATER &&
	    (check_hidden(r, rule) != TABLE_NONE || check_impossible(&r->rule[rule]))) {
		show(text, q);
		fprintf(stderr, "rule %u is said to do nothing\n", rule);
		fuzz_fail(__FILE__, __LINE__, "a false alarm");
	}
	if (rule == TABLE_NONE)
		CHECK(a.decision.verdict == DECISION_ALLOW);
	else if (reading == READING_LATER)
		CHECK(a.decision.verdict == DECISION_LATER);
	else
		CHECK(a.decision.verdict == (r->rule[rule].deny ? DECISION_DENY : DECISION_ALLOW));
}

static void no_mistake(void *context, const char *text)
{
	fuzz_fail(__FILE__, __LINE__, text);
}

static int no_id(void *data, const char *name, uint32_t *ret_id)
{
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rules_names names = {.user = no_id, .group = no_id};
	struct source s = {.data = data, .size = size, .state = 88172645463325252ULL};
	struct buffer text = {0};
	struct texts x = {0};
	struct rules *r = NULL;
	struct table *t = NULL;
	struct problem problem;
	struct question q;
	const char *provider = providers[pick(&s, COUNT(providers))];
	bool legacy = pick(&s, 4) == 0;

	write_rules(&s, &text);
	CHECK(rules_parse("guard", buffer_view(&text), &names, no_mistake, NULL, &r) == 0);
	if (rules_compile(r, provider, legacy, &t, &problem) < 0) {
		fprintf(stderr, "%.*s", (int)text.length, text.data);
		fuzz_fail(__FILE__, __LINE__, problem.text);
	}
	for (unsigned i = 0; i < QUESTIONS; i++) {
		write_question(&s, &r->endpoints, &x, &q);
		ask(r, provider, legacy, t, &q, &text);
	}
	free(t);
	rules_free(r);
	buffer_done(&text);
	buffer_done(&x.exe);
	buffer_done(&x.cgroup);
	buffer_done(&x.head);
	return 0;
}
