/* SPDX-License-Identifier: Apache-2.0 */
#include "call/service.h"

#include "bpf/head_names.h"
#include "call/service_rules.h"

/* AWS EC2 User Guide, "Instance metadata categories"; the first segment is "latest" or a dated version. */
static const struct class_rule ec2_classes[] = {
	{"**/api/token$", CLASS_TOKEN},
	{"*/meta-data/iam/security-credentials", CLASS_CREDENTIALS},
	{"*/meta-data/identity-credentials/ec2/security-credentials", CLASS_CREDENTIALS},
	{"*/meta-data/ram/security-credentials", CLASS_CREDENTIALS}, /* Alibaba */
	{"*/meta-data/cam/security-credentials", CLASS_CREDENTIALS}, /* Tencent */
	{"*/dynamic/instance-identity", CLASS_IDENTITY},
	{"*/user-data", CLASS_USER_DATA},
	{"*/meta-data", CLASS_METADATA},
	{"*/dynamic", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

/* Amazon ECS Developer Guide, "Task IAM role", "Task metadata endpoint" versions 2 to 4. */
static const struct class_rule ecs_classes[] = {
	{"v2/credentials", CLASS_CREDENTIALS},
	{"v1/credentials", CLASS_CREDENTIALS},
	{"v2", CLASS_METADATA},
	{"v3", CLASS_METADATA},
	{"v4", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule eks_classes[] = {
	{"v1/credentials", CLASS_CREDENTIALS},
	{NULL, CLASS_OTHER},
};

static const struct class_rule azure_classes[] = {
	{"metadata/identity/oauth2/token", CLASS_CREDENTIALS},
	{"metadata/identity", CLASS_IDENTITY},
	{"metadata/attested", CLASS_IDENTITY},
	{"metadata/instance/compute/userData", CLASS_USER_DATA},
	{"metadata", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule wireserver_classes[] = {
	{"machine", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule gcp_classes[] = {
	{"computeMetadata/*/instance/service-accounts/*/token", CLASS_CREDENTIALS},
	{"computeMetadata/*/instance/service-accounts/*/identity", CLASS_IDENTITY},
	{"computeMetadata/*/instance/attributes/user-data", CLASS_USER_DATA},
	{"computeMetadata/*/instance/attributes/startup-script", CLASS_USER_DATA},
	{"computeMetadata", CLASS_METADATA},
	{"0.1/meta-data", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule oracle_classes[] = {
	{"opc/*/identity/cert.pem", CLASS_IDENTITY},
	{"opc/*/identity/intermediate.pem", CLASS_IDENTITY},
	{"opc/*/identity", CLASS_CREDENTIALS},
	{"opc/*/instance/metadata/user_data", CLASS_USER_DATA},
	{"opc", CLASS_METADATA},
	{"openstack/*/user_data", CLASS_USER_DATA},
	{"openstack", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule openstack_classes[] = {
	{"openstack/*/securitykey", CLASS_CREDENTIALS}, /* Huawei */
	{"openstack/*/user_data", CLASS_USER_DATA},
	{"openstack", CLASS_METADATA},
	{"**/api/token$", CLASS_TOKEN},
	{"*/user-data", CLASS_USER_DATA},
	{"*/meta-data", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule ibm_classes[] = {
	{"identity/v1/token", CLASS_TOKEN},
	{"instance_identity/v1/token", CLASS_TOKEN},
	{"identity/v1/iam_token", CLASS_CREDENTIALS},
	{"instance_identity/v1/iam_token", CLASS_CREDENTIALS},
	{"instance_identity/v1/certificates", CLASS_IDENTITY},
	{"identity", CLASS_IDENTITY},
	{"metadata/v1/instance/initialization", CLASS_USER_DATA},
	{"metadata", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

static const struct class_rule akamai_classes[] = {
	{"v1/token", CLASS_TOKEN},
	{"v1/user-data", CLASS_USER_DATA},
	{"v1", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

/* Services with one document tree and a user-data leaf in it. */
static const struct class_rule plain_classes[] = {
	{"user_data", CLASS_USER_DATA},
	{"*/v1/userdata", CLASS_USER_DATA},
	{"metadata/v1/user-data", CLASS_USER_DATA},
	{"*/user-data", CLASS_USER_DATA},
	{"*/user_data", CLASS_USER_DATA},
	{"conf", CLASS_METADATA},
	{"hetzner", CLASS_METADATA},
	{"metadata", CLASS_METADATA},
	{"*/meta-data", CLASS_METADATA},
	{"v1.json", CLASS_METADATA},
	{"v1", CLASS_METADATA},
	{NULL, CLASS_OTHER},
};

/* The first row of a provider is what answers at 169.254.169.254, where it answers there. */
static const struct service services[] = {
	{"ec2", "aws", RULE_TOKEN, HEADER_AWS_TOKEN, "**/api/token$", false, ec2_classes},
	{"ecs", "aws", RULE_NONE, 0, NULL, false, ecs_classes},
	{"eks-pod-identity", "aws", RULE_NONE, 0, NULL, false, eks_classes},
	{"azure-imds", "azure", RULE_NONE, 0, NULL, true, azure_classes},
	{"azure-wireserver", "azure", RULE_NONE, 0, NULL, true, wireserver_classes},
	{"gcp", "gcp", RULE_GOOGLE, 0, NULL, false, gcp_classes},
	{"oracle", "oracle", RULE_ORACLE, 0, NULL, false, oracle_classes},
	{"alibaba", "alibaba", RULE_TOKEN, HEADER_ALIBABA_TOKEN, "**/api/token$", false, ec2_classes},
	{"tencent", "tencent", RULE_NONE, 0, NULL, false, ec2_classes},
	{"huawei", "huawei", RULE_TOKEN, HEADER_HUAWEI_TOKEN, "**/api/token$", false, openstack_classes},
	{"ibm", "ibm", RULE_NONE, 0, NULL, false, ibm_classes},
	{"yandex", "yandex", RULE_GOOGLE, 0, NULL, false, gcp_classes},
	{"akamai", "akamai", RULE_NONE, 0, NULL, false, akamai_classes},
	{"scaleway", "scaleway", RULE_NONE, 0, NULL, false, plain_classes},
	{"hetzner", "hetzner", RULE_NONE, 0, NULL, false, plain_classes},
	{"openstack", "openstack", RULE_NONE, 0, NULL, false, openstack_classes},
	{"digitalocean", "digitalocean", RULE_NONE, 0, NULL, false, plain_classes},
	{"upcloud", "upcloud", RULE_NONE, 0, NULL, false, plain_classes},
	{"vultr", "vultr", RULE_NONE, 0, NULL, false, plain_classes},
	{"exoscale", "exoscale", RULE_NONE, 0, NULL, false, plain_classes},
};
#define SERVICES (sizeof(services) / sizeof(*services))

const char *service_name(const struct service *s)
{
	return s->name;
}

const char *service_provider(const struct service *s)
{
	return s->provider;
}

const struct service *service_find(const char *name)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (strcmp(services[i].name, name) == 0)
			return &services[i];
	return NULL;
}

unsigned service_row(const struct service *s)
{
	return (unsigned)(s - services);
}

const struct service *service_of_row(unsigned row)
{
	return row < SERVICES ? &services[row] : NULL;
}

const struct service *service_of_provider(const char *provider)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (strcmp(services[i].provider, provider) == 0)
			return &services[i];
	return NULL;
}
