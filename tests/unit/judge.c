/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>

#include "base/buffer.h"
#include "call/judge.h"

static struct judgement judge(const char *service, const char *provider, const char *text, bool whole)
{
	enum head_result r = HEAD_MORE;
	struct judgement j;
	struct path path;
	struct head h;

	head_init(&h, HEAD_REQUEST);
	for (const char *c = text; *c && r == HEAD_MORE; c++)
		r = head_step(&h, (uint8_t)*c);
	path_init(&path, (struct span){text + h.target.offset, h.target.length});
	judge_request(service ? service_find(service) : NULL, provider, &h, &path, false, whole, &j);
	return j;
}

static void is(const char *service, const char *provider, const char *text, const char *expected)
{
	struct judgement j = judge(service, provider, text, true);
	const char *version = call_version_name(j.version), *class = call_class_name(j.class);
	char line[128];

	snprintf(line, sizeof(line), "%s %s %s", service_name(j.service), version ? version : "-", class ? class : "-");
	if (strcmp(line, expected) != 0)
		fail_msg("%s: %s instead of %s", text, line, expected);
}

#define V " HTTP/1.1\r\n"
#define T "X-aws-ec2-metadata-token: x\r\n"

static void ec2(void **state)
{
	is("ec2", NULL, "GET /" V "\r\n", "ec2 v1 other");
	is("ec2", NULL, "GET /latest/meta-data/iam/security-credentials/r" V T "\r\n", "ec2 v2 credentials");
	is("ec2", NULL, "GET /latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance" V "\r\n",
	   "ec2 v1 credentials");
	is("ec2", NULL, "GET /1.0/user-data" V "\r\n", "ec2 v1 user-data");
	is("ec2", NULL, "GET /2021-07-15/dynamic/instance-identity/pkcs7" V "\r\n", "ec2 v1 identity");
	is("ec2", NULL, "PUT /latest/api/token" V "\r\n", "ec2 v2 token");
	is("ec2", NULL, "PUT /2021-07-15/api/token" V "\r\n", "ec2 v2 token");
	is("ec2", NULL, "put /latest/api/token" V "\r\n", "ec2 v1 token");
	is("ec2", NULL, "PUT /latest/api/tokens" V "\r\n", "ec2 v1 other");
	is("ec2", NULL, "PUT /x?/latest/api/token" V "\r\n", "ec2 v1 other");
	is("ec2", NULL, "GET /latest/Meta-Data" V "\r\n", "ec2 v1 other");
}

static void partial_heads_decide_only_what_they_show(void **state)
{
	assert_int_equal(judge("ec2", NULL, "GET / HTTP/1.1\r\n" T, false).version, VERSION_V2);
	assert_int_equal(judge("ec2", NULL, "GET / HTTP/1.1\r\nX-aws", false).version, VERSION_UNKNOWN);
	assert_int_equal(judge("ec2", NULL, "PUT /latest/api/token HTTP/1.1\r\n", false).version, VERSION_V2);
	assert_int_equal(judge(NULL, NULL, "GET / HTTP/1.1\r\n\r\n", true).version, VERSION_UNKNOWN);
}

static void other_clouds_by_shape(void **state)
{
	is("ec2", NULL, "GET /metadata/instance?api-version=1" V "Metadata: true\r\n\r\n", "azure-imds - metadata");
	is("ec2", NULL, "GET /Metadata/Identity/OAuth2/Token" V "\r\n", "azure-imds - credentials");
	is("ec2", NULL,
	   "GET /computeMetadata/v1/instance/service-accounts/default/token" V "Metadata-Flavor: Google\r\n\r\n",
	   "gcp v2 credentials");
	is("ec2", NULL, "GET /computeMetadata/v1beta1/instance/id" V "\r\n", "gcp v1 metadata");
	is("ec2", NULL, "GET /" V "Metadata-Flavor: Google\r\n\r\n", "gcp v2 other");
	is("ec2", NULL, "GET /opc/v2/instance/" V "Authorization: Bearer Oracle\r\n\r\n", "oracle v2 metadata");
	is("ec2", NULL, "GET /opc/v1/instance/" V "Authorization: Bearer Oracle\r\n\r\n", "oracle v1 metadata");
	is("ec2", NULL, "GET /openstack/latest/user_data" V "\r\n", "openstack - user-data");
	is("ec2", NULL, "GET /metadata/v1/id" V "\r\n", "digitalocean - metadata");
	is("ecs", NULL, "GET /metadata/v1/id" V "\r\n", "ecs - other");
}

/* A caller must not hide a v1 call behind a header EC2 ignores. */
static void shape_never_hides_v1(void **state)
{
	is("ec2", NULL, "GET /latest/meta-data/" V "Metadata: true\r\nMetadata-Flavor: Google\r\n\r\n",
	   "ec2 v1 metadata");
	is("ec2", NULL, "GET /metadata/../latest/user-data" V "Metadata: true\r\n\r\n", "ec2 v1 user-data");
	is("ec2", "aws", "GET /metadata/instance" V "Metadata: true\r\n\r\n", "ec2 v1 other");
}

static void configured_provider(void **state)
{
	is("ec2", "azure", "GET /latest" V "\r\n", "azure-imds - other");
	is("ec2", "alibaba", "GET /latest/meta-data" V "X-aliyun-ecs-metadata-token: x\r\n\r\n", "alibaba v2 metadata");
	is("ec2", "alibaba", "GET /latest/meta-data/ram/security-credentials/r" V T "\r\n", "alibaba v1 credentials");
	is("ec2", "huawei", "PUT /meta-data/latest/api/token" V "\r\n", "huawei v2 token");
	is("ec2", "nobody", "GET /latest" V "\r\n", "ec2 v1 other");
	is("ecs", "azure", "GET /v2/credentials/x" V "\r\n", "ecs - credentials");
	is("eks-pod-identity", NULL, "GET /v1/credentials" V "\r\n", "eks-pod-identity - credentials");
}

static void uncertain_target(void **state)
{
	struct judgement j;
	struct path path;
	struct head h;

	head_init(&h, HEAD_REQUEST);
	h.method_kind = METHOD_PUT;
	path_init(&path, SPAN_LITERAL("/latest/api/token"));
	judge_request(service_find("ec2"), NULL, &h, &path, true, true, &j);
	assert_int_equal(j.version, VERSION_UNKNOWN);
	assert_non_null(j.reason.data);
	h.method_kind = METHOD_GET;
	judge_request(service_find("ec2"), NULL, &h, &path, true, true, &j);
	assert_int_equal(j.version, VERSION_V1);
}

/* What is said not to be of a class never is. */
static void classes_reach_their_paths(void **state)
{
	static const char *const words[] = {"latest",   "2009-04-04", "meta-data", "user-data",
					    "iam",      "api",        "token",     "security-credentials",
					    "metadata", "identity",   "oauth2",    "computeMetadata",
					    "v1",       "v2",         "instance",  "credentials"};
	static const char *const prefixes[] = {"latest",
					       "latest/user-data",
					       "*/user-data",
					       "latest/meta-data/iam/security-credentials",
					       "latest/api/token",
					       "metadata/identity",
					       "METADATA/*/oauth2",
					       "v1/credentials",
					       "computemetadata/v1/instance",
					       "*"};
	unsigned seed = 1, found = 0;

	for (unsigned i = 0; i < 20000; i++) {
		const struct service *s = service_of_row(i % 20);
		struct buffer head = {0};
		struct judgement j;
		struct path path;

		buffer_string(&head, "GET ");
		for (unsigned k = 0; k < 1 + i % 5; k++) {
			seed = seed * 1103515245 + 12345;
			buffer_printf(&head, "/%s", words[seed >> 16 & 15]);
		}
		buffer_string(&head, " HTTP/1.1\r\n\r\n");
		buffer_byte(&head, '\0');
		j = judge(service_name(s), service_provider(s), head.data, true);
		path_init(&path, (struct span){head.data + 4, strcspn(head.data + 4, " ")});
		for (size_t k = 0; k < sizeof(prefixes) / sizeof(*prefixes); k++) {
			if (!path_matches(&path, prefixes[k], true))
				continue;
			found++;
			if (!judge_class_reaches(j.service, j.class, prefixes[k]))
				fail_msg("%s: %s, and yet not below %s", head.data, call_class_name(j.class),
					 prefixes[k]);
		}
		buffer_done(&head);
	}
	assert_true(found > 1000);
}

static void classes_leave_paths_out(void **state)
{
	const struct service *ec2 = service_find("ec2"), *azure = service_find("azure-imds");

	assert_false(judge_class_reaches(ec2, CLASS_CREDENTIALS, "latest/user-data"));
	assert_false(judge_class_reaches(ec2, CLASS_METADATA, "*/user-data"));
	assert_false(judge_class_reaches(ec2, CLASS_USER_DATA, "latest/meta-data/iam"));
	assert_true(judge_class_reaches(ec2, CLASS_METADATA, "latest/meta-data/iam"));
	assert_true(judge_class_reaches(ec2, CLASS_METADATA, "LATEST"));
	assert_true(judge_class_reaches(ec2, CLASS_TOKEN, "latest"));
	assert_true(judge_class_reaches(ec2, CLASS_OTHER, "latest/user-data"));
	assert_true(judge_class_reaches(ec2, CLASS_CREDENTIALS, ""));
	assert_false(judge_class_reaches(azure, CLASS_CREDENTIALS, "metadata/instance"));
	assert_true(judge_class_reaches(azure, CLASS_CREDENTIALS, "Metadata/identity/oauth2/token/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ec2),
		cmocka_unit_test(partial_heads_decide_only_what_they_show),
		cmocka_unit_test(other_clouds_by_shape),
		cmocka_unit_test(shape_never_hides_v1),
		cmocka_unit_test(configured_provider),
		cmocka_unit_test(uncertain_target),
		cmocka_unit_test(classes_reach_their_paths),
		cmocka_unit_test(classes_leave_paths_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
