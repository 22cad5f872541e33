/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <arpa/inet.h>

#define ARGS(p, text) ((p)->args = (char *)(text), (p)->args_length = sizeof(text))

static struct call_address address(const char *v4, uint16_t port)
{
	struct call_address a = {.ip = {[10] = 0xff, [11] = 0xff}, .port = port};

	inet_pton(AF_INET, v4, a.ip + 12);
	return a;
}

static void fill_process(struct process *p, uint32_t pid, const char *name, const char *executable)
{
	p->pid = pid;
	p->start = 5000000000000ull + pid * 1000000ull;
	strncpy(p->name, name, COMM_SIZE - 1);
	p->executable = (char *)executable;
}

static void fill_caller(struct caller *c)
{
	*c = (struct caller){.references = 1, .ancestor_count = 3};
	fill_process(&c->process, 6028, "curl", "/usr/bin/curl");
	ARGS(&c->process, "curl\0-s\0http://169.254.169.254/latest/meta-data/iam/security-credentials/web role");
	c->process.working_directory = (char *)"/root";
	fill_process(&c->ancestor[0], 6027, "makeCalls.sh", "/usr/bin/bash");
	ARGS(&c->ancestor[0], "/bin/bash\0./makeCalls.sh");
	fill_process(&c->ancestor[1], 4081, "zsh", "/usr/bin/zsh");
	ARGS(&c->ancestor[1], "-zsh");
	fill_process(&c->ancestor[2], 4070, "sshd", "/usr/sbin/sshd");
	ARGS(&c->ancestor[2], "sshd: user@pts/0\0\0\0");
	c->start_realtime = 1795352271000000000ull;
	c->has_ids = true;
	c->gid = 100;
	c->user_name = (char *)"root";
	c->group_name = (char *)"users";
	c->has_loginuid = true;
	c->loginuid = 1000;
	c->netns = 4026531840u;
	c->cgroup_path = (char *)"/system.slice/docker-0123456789ab.scope";
	c->container_id = (char *)"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	c->container_runtime = (char *)"docker";
	c->image = (char *)"registry.example.com/web:1.4";
	c->pod_uid = (char *)"3b9cdd59-8f0c-4c0e-a8a0-3a2f3d3d8f0a";
	c->systemd_unit = (char *)"web-backend.service";
	c->entity_id = (char *)"2f3c1a55e4d04d6a-6028-5000006028";
}

static void fill_request(struct call *c)
{
	c->http_version = SPAN_LITERAL("1.1");
	c->method = SPAN_LITERAL("GET");
	c->target = SPAN_LITERAL("/latest/meta-data/iam/security-credentials/web-role?x=1");
	c->path = SPAN_LITERAL("/latest/meta-data/iam/security-credentials/web-role");
	c->query = SPAN_LITERAL("x=1");
	c->user_agent = SPAN_LITERAL("curl/8.3.0");
	c->head = SPAN_LITERAL("GET /latest/meta-data/iam/security-credentials/web-role?x=1 HTTP/1.1\r\n"
			       "Host: 169.254.169.254\r\nUser-Agent: curl/8.3.0\r\nAccept: */*\r\n");
	c->request_bytes = 131;
	c->has_response = true;
	c->status = 200;
	c->response_bytes = 1582;
	c->credentials.role = SPAN_LITERAL("web-role");
	c->credentials.access_key_id = SPAN_LITERAL("ASIAIOSFODNN7EXAMPLE");
	c->credentials.expiration = SPAN_LITERAL("2026-11-22T19:00:00Z");
	c->sdk.name = SPAN_LITERAL("curl");
	c->sdk.version = SPAN_LITERAL("8.3.0");
	c->sdk.has_supports_v2 = true;
}

void sample_full(struct sample *s)
{
	fill_caller(&s->caller);
	s->call = (struct call){
		.action = CALL_REQUEST,
		.time = 1795352271123456789ull, /* 2026-11-22T12:57:51 UTC */
		.has_duration = true,
		.duration = 1237000,
		.outcome = OUTCOME_SUCCESS,
		.reason = SPAN_LITERAL("a reason"),
		.provider = "aws",
		.service = "ec2",
		.version = VERSION_V1,
		.class = CLASS_CREDENTIALS,
		.cause = CAUSE_NO_TOKEN_SUPPORT,
		.verdict = VERDICT_WOULD_DENY,
		.rule = SPAN_LITERAL("rules.conf:3"),
		.complete = true,
		.forwarded = true,
		.has_token_ttl = true,
		.token_ttl = 21600,
		.hop_limit = 1,
		.source = address("10.0.0.5", 41234),
		.destination = address("169.254.169.254", 80),
		.caller = &s->caller,
	};
	fill_request(&s->call);
}

void sample_bare(struct sample *s)
{
	s->caller = (struct caller){.references = 1};
	s->call = (struct call){
		.action = CALL_REQUEST,
		.time = 1795352271123456789ull,
		.complete = true,
		.caller = &s->caller,
	};
}

static size_t call_fields(struct call *c, struct sample_field *f)
{
	const struct sample_field list[] = {
		{"reason", .span = &c->reason},
		{"rule", .span = &c->rule},
		{"role", .span = &c->credentials.role},
		{"access_key_id", .span = &c->credentials.access_key_id},
		{"expiration", .span = &c->credentials.expiration},
		{"http_version", .span = &c->http_version},
		{"method", .span = &c->method},
		{"target", .span = &c->target},
		{"path", .span = &c->path},
		{"query", .span = &c->query},
		{"user_agent", .span = &c->user_agent},
		{"head", .span = &c->head},
		{"sdk.name", .span = &c->sdk.name},
		{"sdk.version", .span = &c->sdk.version},
	};

	memcpy(f, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}

static size_t process_fields(struct process *p, struct sample_field *f)
{
	f[0] = (struct sample_field){"name", .array = p->name};
	f[1] = (struct sample_field){"executable", .text = &p->executable};
	f[2] = (struct sample_field){"working_directory", .text = &p->working_directory};
	f[3] = (struct sample_field){"args", .args = p};
	return 4;
}

static size_t caller_fields(struct caller *c, struct sample_field *f)
{
	const struct sample_field list[] = {
		{"user_name", .text = &c->user_name},
		{"group_name", .text = &c->group_name},
		{"cgroup_path", .text = &c->cgroup_path},
		{"container_id", .text = &c->container_id},
		{"runtime", .text = &c->container_runtime},
		{"pod_uid", .text = &c->pod_uid},
		{"unit", .text = &c->systemd_unit},
		{"entity_id", .text = &c->entity_id},
		{"image", .text = &c->image},
	};

	memcpy(f, list, sizeof(list));
	return sizeof(list) / sizeof(list[0]);
}

size_t sample_fields(struct sample *s, struct sample_field fields[static SAMPLE_FIELDS])
{
	size_t n = call_fields(&s->call, fields);

	n += caller_fields(&s->caller, fields + n);
	n += process_fields(&s->caller.process, fields + n);
	for (unsigned i = 0; i < 3; i++)
		n += process_fields(&s->caller.ancestor[i], fields + n);
	return n;
}

void sample_set(const struct sample_field *field, struct span value)
{
	if (field->span) {
		*field->span = value;
	} else if (field->text) {
		*field->text = (char *)value.data;
	} else if (field->array) {
		size_t n = value.length < COMM_SIZE - 1 ? value.length : COMM_SIZE - 1;

		memset(field->array, 0, COMM_SIZE);
		memcpy(field->array, value.data, n);
	} else {
		field->args->args = (char *)value.data;
		field->args->args_length = value.length;
	}
}
