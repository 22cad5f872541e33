/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "call/sdk.h"

static void is(const char *agent, const char *name, const char *version, int supports)
{
	struct sdk s;

	sdk_init(&s, span_of(agent));
	assert_true(span_equal(s.name, span_of(name)));
	assert_true(span_equal(s.version, span_of(version)));
	if (s.has_supports_v2 != (supports >= 0) || (supports >= 0 && s.supports_v2 != supports))
		fail_msg("%s", agent);
}

static void known(void **state)
{
	is("aws-sdk-go/1.34.26 (go1.15.2; linux; amd64)", "aws-sdk-go", "1.34.26", 1);
	is("aws-sdk-go/1.25.37", "aws-sdk-go", "1.25.37", 0);
	is("aws-sdk-go/1.25.38", "aws-sdk-go", "1.25.38", 1);
	is("aws-sdk-go-v2/0.18.9 os/linux", "aws-sdk-go-v2", "0.18.9", 0);
	is("aws-sdk-go-v2/1.32.5 os/linux", "aws-sdk-go-v2", "1.32.5", 1);
	is("Boto3/1.7.19 Python/2.7.12 Linux/4 Botocore/1.10.19", "Boto3", "1.7.19", 0);
	is("Botocore/1.13.25 Boto3/1.12.6", "Boto3", "1.12.6", 1);
	is("Botocore/1.13.24", "Botocore", "1.13.24", 0);
	is("aws-cli/2.9.19 Python/3.9", "aws-cli", "2.9.19", 1);
	is("aws-cli/1.16.288 Botocore/1.99.0", "aws-cli", "1.16.288", 0);
	is("aws-sdk-java/1.11.677", "aws-sdk-java", "1.11.677", 0);
	is("aws-sdk-java/2.10.20", "aws-sdk-java", "2.10.20", 0);
	is("aws-sdk-java/2.10.21-SNAPSHOT", "aws-sdk-java", "2.10.21-SNAPSHOT", 1);
	is("aws-sdk-dotnet-coreclr/3.3.634.0", "aws-sdk-dotnet-coreclr", "3.3.634.0", 0);
	is("aws-sdk-ruby3/3.79.0", "aws-sdk-ruby3", "3.79.0", 1);
	is("x aws-sdk-php/3.147", "aws-sdk-php", "3.147", 0);
}

static void unknown(void **state)
{
	is("curl/8.3.0", NULL, NULL, -1);
	is("", NULL, NULL, -1);
	is("aws-sdk-gopher/1.2", NULL, NULL, -1);
	is("aws-cli", "aws-cli", NULL, -1);
	is("aws-cli/unknown", "aws-cli", "unknown", -1);
	is("aws-cli/999999999999999999999.1", "aws-cli", "999999999999999999999.1", 1);
	is(NULL, NULL, NULL, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
