/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "call/service.h"

static struct endpoints e;
static const char *error;

static const char *service_at(const char *text)
{
	struct endpoints one = {0};
	const struct endpoint *found;
	const char *ignored;

	assert_int_equal(endpoints_add(&one, text, &ignored), 0);
	found = endpoints_find(&e, &one.list[0].address);
	return found ? service_name(found->service) : NULL;
}

static void built_in(void **state)
{
	endpoints_init(&e);
	assert_int_equal(e.count, 5);
	assert_string_equal(service_at("169.254.169.254"), "ec2");
	assert_string_equal(service_at("::ffff:169.254.169.254"), "ec2");
	assert_string_equal(service_at("fd00:ec2::254"), "ec2");
	assert_string_equal(service_at("169.254.170.2"), "ecs");
	assert_string_equal(service_at("[fd00:ec2::23]:80"), "eks-pod-identity");
	assert_null(service_at("169.254.169.254:81"));
	assert_null(service_at("127.0.0.1"));
}

static void adding(void **state)
{
	endpoints_init(&e);
	assert_int_equal(endpoints_add(&e, "10.0.0.1:8080=azure-imds", &error), 0);
	assert_string_equal(service_at("10.0.0.1:8080"), "azure-imds");
	assert_int_equal(endpoints_add(&e, "[::1]", &error), 0);
	assert_string_equal(service_at("[::1]:80"), "ec2");
	assert_int_equal(endpoints_add(&e, "::1=gcp", &error), 0);
	assert_string_equal(service_at("::1"), "gcp");
	assert_int_equal(e.count, 7);
	assert_string_equal(service_provider(service_find("azure-wireserver")), "azure");
	assert_null(service_find("nothing"));
}

static void refusing(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"1.2.3",
		"1.2.3.4:",
		"1.2.3.4:0",
		"1.2.3.4:65536",
		"1.2.3.4:8x",
		"[::1",
		"[::1]x",
		"[::1]:",
		"1.2.3.4=nothing",
		"1.2.3.4=",
		"::1::2",
		"1.2.3.4:-1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	endpoints_init(&e);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		error = NULL;
		if (endpoints_add(&e, bad[i], &error) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(error);
	}
	assert_int_equal(e.count, 5);
}

static void bounded(void **state)
{
	char text[32];
	int r = 0;

	endpoints_init(&e);
	for (int i = 1; i < 300; i++) {
		snprintf(text, sizeof(text), "10.0.0.1:%d", i);
		r = endpoints_add(&e, text, &error);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(e.count, ENDPOINTS_MAX);
	assert_int_equal(endpoints_add(&e, "10.0.0.1:1=gcp", &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in),
		cmocka_unit_test(adding),
		cmocka_unit_test(refusing),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
