/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/mask.h"

#define M     MASK_TEXT
#define TOKEN "AQAEAExampleOfA56CharacterLongTokenThatMustNotBeSeen_A=="

/* '\1' stands for the NUL between arguments. `out` NULL: nothing is masked. */
static const struct row {
	const char *in, *out;
} rows[] = {
	/* Headers as arguments. */
	{"curl\1-H\1X-aws-ec2-metadata-token: " TOKEN "\1http://169.254.169.254/\1",
	 "curl\1-H\1X-aws-ec2-metadata-token: " M "\1http://169.254.169.254/\1"},
	{"curl\1-H\1x-AWS-ec2-METADATA-token:" TOKEN "\1", "curl\1-H\1x-AWS-ec2-METADATA-token:" M "\1"},
	{"curl\1-HX-aws-ec2-metadata-token: " TOKEN "\1-v\1", "curl\1-HX-aws-ec2-metadata-token: " M "\1-v\1"},
	{"curl\1-sSHX-aws-ec2-metadata-token: " TOKEN "\1", "curl\1-sSHX-aws-ec2-metadata-token: " M "\1"},
	{"wget\1--header=X-aws-ec2-metadata-token: " TOKEN "\1x\1",
	 "wget\1--header=X-aws-ec2-metadata-token: " M "\1x\1"},
	{"curl\1--header\1Authorization: Bearer abc def\1x\1", "curl\1--header\1Authorization: " M "\1x\1"},
	{"curl\1-H\1Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=00\1",
	 "curl\1-H\1Authorization: " M "\1"},
	{"curl\1-H\1Proxy-Authorization: Basic dXNlcjpwYXNz\1", "curl\1-H\1Proxy-Authorization: " M "\1"},
	{"curl\1-H\1X-Metadata-Token: abc\1", "curl\1-H\1X-Metadata-Token: " M "\1"},
	{"curl\1-H\1Metadata-Token: abc\1", "curl\1-H\1Metadata-Token: " M "\1"},
	{"curl\1-H\1X-aliyun-ecs-metadata-token: abc\1", "curl\1-H\1X-aliyun-ecs-metadata-token: " M "\1"},
	{"curl\1-H\1X-Vault-Token: s.abc\1", "curl\1-H\1X-Vault-Token: " M "\1"},
	{"curl\1-H\1X-Amz-Security-Token: IQoJ;b3&x\"y\1", "curl\1-H\1X-Amz-Security-Token: " M "\1"},
	{"curl\1-H\1Cookie: a=b; c=d\1", "curl\1-H\1Cookie: " M "\1"},
	{"http\1h/\1X-aws-ec2-metadata-token:" TOKEN "\1", "http\1h/\1X-aws-ec2-metadata-token:" M "\1"},
	{"curl\1-H\1X-API-Key: k\1", "curl\1-H\1X-API-Key: " M "\1"},
	/* Headers that are no secret. */
	{"curl\1-X\1PUT\1-H\1X-aws-ec2-metadata-token-ttl-seconds: 60\1http://169.254.169.254/latest/api/token\1",
	 NULL},
	{"curl\1-H\1X-Metadata-Token-Ttl-Seconds: 60\1-H\1Metadata-Token-Expiry-Seconds: 3600\1", NULL},
	{"curl\1-H\1Metadata: true\1-H\1Metadata-Flavor: Google\1", NULL},
	{"curl\1-H\1X-aws-ec2-metadata-token:\1http://x/\1", NULL},
	{"curl\1-H\1X-aws-ec2-metadata-token: $TOKEN\1", NULL},
	{"curl\1-H\1Authorization: Bearer ${TOKEN}\1", NULL},
	{"curl\1http://169.254.169.254/latest/api/token\1-o\1token\1", NULL},
	/* The whole command line in one argument. */
	{"bash\1-c\1curl -H \"X-aws-ec2-metadata-token: " TOKEN "\" http://169.254.169.254/\1",
	 "bash\1-c\1curl -H \"X-aws-ec2-metadata-token: " M "\" http://169.254.169.254/\1"},
	{"bash\1-c\1curl -H 'X-aws-ec2-metadata-token: " TOKEN "' http://x/ | cat\1",
	 "bash\1-c\1curl -H 'X-aws-ec2-metadata-token: " M "' http://x/ | cat\1"},
	{"bash\1-c\1curl -H \"X-aws-ec2-metadata-token: $TOKEN\" http://169.254.169.254/\1", NULL},
	{"bash\1-c\1curl -H \"X-aws-ec2-metadata-token: \"" TOKEN " http://x/\1",
	 "bash\1-c\1curl -H \"X-aws-ec2-metadata-token: " M "\" http://x/\1"},
	{"bash\1-c\1curl -H \"X-aws-ec2-metadata-token: \"$TOKEN http://x/\1", NULL},
	{"bash\1-c\1curl -H \"X-aws-ec2-metadata-token: ${TOKEN:-" TOKEN "}\" http://x/\1",
	 "bash\1-c\1curl -H \"X-aws-ec2-metadata-token: " M "\" http://x/\1"},
	{"bash\1-c\1curl -H X-aws-ec2-metadata-token:" TOKEN " http://x/\1",
	 "bash\1-c\1curl -H X-aws-ec2-metadata-token:" M " http://x/\1"},
	{"bash\1-c\1curl -H X-aws-ec2-metadata-token:\\ " TOKEN " http://x/\1",
	 "bash\1-c\1curl -H X-aws-ec2-metadata-token:\\ " M " http://x/\1"},
	{"bash\1-c\1curl -H Authorization:\\ Bearer\\ abc http://x/\1",
	 "bash\1-c\1curl -H Authorization:\\ " M " http://x/\1"},
	{"echo\1see Authorization: Bearer abc now\1", "echo\1see Authorization: " M " now\1"},
	{"sh\1-c\1T=$(curl -X PUT -H \"X-aws-ec2-metadata-token-ttl-seconds: 60\" http://x/latest/api/token); curl -H "
	 "\"X-aws-ec2-metadata-token: $T\" http://x/\1",
	 NULL},
	{"sh\1-c\1TOKEN=`curl -X PUT http://x/latest/api/token`; curl -H \"X-aws-ec2-metadata-token: $TOKEN\" "
	 "http://x/\1",
	 NULL},
	{"sh\1-c\1TOKEN=" TOKEN "; curl http://x/\1", "sh\1-c\1TOKEN=" M "; curl http://x/\1"},
	{"sh\1-c\1export TOKEN='a b'; curl http://x/\1", "sh\1-c\1export TOKEN='" M "'; curl http://x/\1"},
	{"sh\1-c\1PASSWORD=abc\"d;e\"f; id\1", "sh\1-c\1PASSWORD=" M "; id\1"},
	{"sh\1-c\1curl -H \"X-aws-ec2-metadata-token: $(curl -H \"Authorization: Bearer abc\" http://x/)\" http://x/\1",
	 "sh\1-c\1curl -H \"X-aws-ec2-metadata-token: $(curl -H \"Authorization: " M "\" http://x/)\" http://x/\1"},
	{"sh\1-c\1bash -c \"curl -H \\\"X-Metadata-Token: abc\\\" http://x/\"\1",
	 "sh\1-c\1bash -c \"curl -H \\\"X-Metadata-Token: " M "\\\" http://x/\"\1"},
	{"sh\1-c\1curl \"http://h/?token=abc\" -H \"Host: x\"\1",
	 "sh\1-c\1curl \"http://h/?token=" M "\" -H \"Host: x\"\1"},
	{"sh\1-c\1[ \"$TOKEN\" = \"\" ] && [ -z \"$TOKEN\" ]; echo \"$TOKEN\" -H \"Host: x\"\1", NULL},
	/* Programs. */
	{"python3\1-c\1urlopen(Request(u, headers={'X-aws-ec2-metadata-token': '" TOKEN "', 'A': 'b'}))\1",
	 "python3\1-c\1urlopen(Request(u, headers={'X-aws-ec2-metadata-token': '" M "', 'A': 'b'}))\1"},
	{"python3\1-c\1r.add_header(\"X-aws-ec2-metadata-token\", \"" TOKEN "\")\1",
	 "python3\1-c\1r.add_header(\"X-aws-ec2-metadata-token\", \"" M "\")\1"},
	{"python3\1-c\1r.add_header(\"X-aws-ec2-metadata-token\", token)\1", NULL},
	{"python3\1-c\1os.environ[\"AWS_SESSION_TOKEN\"]=\"abc\"\1",
	 "python3\1-c\1os.environ[\"AWS_SESSION_TOKEN\"]=\"" M "\"\1"},
	{"pwsh\1-Command\1irm -Headers @{\"X-aws-ec2-metadata-token\" = \"abc\"}\1",
	 "pwsh\1-Command\1irm -Headers @{\"X-aws-ec2-metadata-token\" = \"" M "\"}\1"},
	{"curl\1-d\1{\"password\":\"a,b\",\"x\":1}\1", "curl\1-d\1{\"password\":\"" M "\",\"x\":1}\1"},
	{"curl\1-d\1{\\\"Token\\\" : \\\"abc\\\"}\1", "curl\1-d\1{\\\"Token\\\" : \\\"" M "\\\"}\1"},
	{"echo\1{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"abc/d\",\"Expiration\":\"2026\"}\1",
	 "echo\1{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"" M "\",\"Expiration\":\"2026\"}\1"},
	/* curl's user and password. */
	{"curl\1-u\1user:pass\1http://x/\1", "curl\1-u\1user:" M "\1http://x/\1"},
	{"/usr/bin/curl\1--user\1user:pa ss:x\1", "/usr/bin/curl\1--user\1user:" M "\1"},
	{"curl\1-uuser:pass\1", "curl\1-uuser:" M "\1"},
	{"curl\1-sSu\1user:pass\1", "curl\1-sSu\1user:" M "\1"},
	{"curl\1--proxy-user\1user:pass\1", "curl\1--proxy-user\1user:" M "\1"},
	{"curl\1--user=user:pass\1", "curl\1--user=user:" M "\1"},
	{"sh\1-c\1curl -u user:pass http://x/\1", "sh\1-c\1curl -u user:" M " http://x/\1"},
	{"sh\1-c\1curl -u \"user:pa ss\" http://x/\1", "sh\1-c\1curl -u \"user:" M "\" http://x/\1"},
	{"sh\1-c\1curl -u\"user:pass\" http://x/\1", "sh\1-c\1curl -u\"user:" M "\" http://x/\1"},
	{"sh\1-c\1curl -u \"$U:$P\" http://x/\1", NULL},
	{"curl\1-u\1user\1http://x:80/\1", NULL},
	{"docker\1run\1-u\1app:app\1--user\0011000:1000\1", NULL},
	{"sudo\1-u\1www-data\1curl\1http://x/\1", NULL},
	{"curl\1-o\1u\1-fu\1a:b\1", "curl\1-o\1u\1-fu\1a:" M "\1"},
	{"curl\1-Hu:x\1", NULL},
	/* Options. */
	{"curl\1--oauth2-bearer\1abc\1http://x/\1", "curl\1--oauth2-bearer\1" M "\1http://x/\1"},
	{"x\1--password\1a b c\1y\1", "x\1--password\1" M "\1y\1"},
	{"x\1--password=a b c\1y\1", "x\1--password=" M "\1y\1"},
	{"x\1--PASSWORD\1$ecret\1", "x\1--PASSWORD\1" M "\1"},
	{"x\1--token\1-abc\1", "x\1--token\1" M "\1"},
	{"x\1-token\1abc\1", "x\1-token\1" M "\1"},
	{"x\1--auth_token=abc\1", "x\1--auth_token=" M "\1"},
	{"sh\1-c\1x --token abc --verbose\1", "sh\1-c\1x --token " M " --verbose\1"},
	{"sh\1-c\1x --token 'a b' --verbose\1", "sh\1-c\1x --token '" M "' --verbose\1"},
	{"sh\1-c\1x --token \"$T\" --verbose\1", NULL},
	{"x\1--token\1--verbose\1-v\1", NULL},
	{"x\1--token\1-\1", NULL},
	{"x\1--with-token\1file\1--no-password\1file\1", NULL},
	{"x\1--token-file\1/etc/token\1--password-stdin\1--token-ttl=60\1", NULL},
	{"aws\1configure\1set\1aws_secret_access_key\1abc/def\1",
	 "aws\1configure\1set\1aws_secret_access_key\1" M "\1"},
	{"kubectl\1create\1token\1default\1", NULL},
	{"openssl\1rsa\1-pass\1pass:abc\1", "openssl\1rsa\1-pass\1" M "\1"},
	/* Environment. */
	{"env\1AWS_SECRET_ACCESS_KEY=a/b+c\1AWS_ACCESS_KEY_ID=AKIA\1aws\1",
	 "env\1AWS_SECRET_ACCESS_KEY=" M "\1AWS_ACCESS_KEY_ID=AKIA\1aws\1"},
	{"env\1AWS_SESSION_TOKEN=a==\1x\1", "env\1AWS_SESSION_TOKEN=" M "\1x\1"},
	{"env\1AWS_CONTAINER_AUTHORIZATION_TOKEN=a b;c\1x\1", "env\1AWS_CONTAINER_AUTHORIZATION_TOKEN=" M "\1x\1"},
	{"env\1AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/var/run/t\1AWS_WEB_IDENTITY_TOKEN_FILE=/x\1", NULL},
	{"docker\1run\1-e\1DB_PASS=a;b c\1", "docker\1run\1-e\1DB_PASS=" M "\1"},
	{"docker\1run\1-eTOKEN=a\1", "docker\1run\1-eTOKEN=" M "\1"},
	{"sh\1-c\1AWS_SESSION_TOKEN=abc aws s3 ls\1", "sh\1-c\1AWS_SESSION_TOKEN=" M " aws s3 ls\1"},
	{"sh\1-c\1TOKEN= x\1", NULL},
	/* Queries and URLs. */
	{"curl\1https://b/"
	 "o?X-Amz-Credential=AKIA%2F1&X-Amz-Expires=60&X-Amz-Security-Token=IQ%3D&X-Amz-Signature=0a#f\1",
	 "curl\1https://b/o?X-Amz-Credential=" M "&X-Amz-Expires=60&X-Amz-Security-Token=" M "&X-Amz-Signature=" M
	 "\1"},
	{"curl\1http://h/?token=abc&x=1\1", "curl\1http://h/?token=" M "&x=1\1"},
	{"curl\1http://h/?x=1&access_token=a;b\1", "curl\1http://h/?x=1&access_token=" M "\1"},
	{"curl\1https://b/?sv=1&sig=a%2Bb&se=2\1", "curl\1https://b/?sv=1&sig=" M "&se=2\1"},
	{"curl\1https://h/?design=1&orig=2&compass=3\1", NULL},
	{"git\1clone\1https://user:pa@ss@host/x\1", "git\1clone\1https://user:" M "@host/x\1"},
	{"git\1clone\1https://user@host:22/x@y\1", NULL},
	{"curl\1http://token:8080/\1http://[::1]:80/a@b\1", NULL},
	{"sh\1-c\1git clone https://$U:$P@host/x\1", NULL},
	/* Cut anywhere, escapes, odd bytes. */
	{"curl\1-H\1X-aws-ec2-metadata-token: AQ", "curl\1-H\1X-aws-ec2-metadata-token: " M},
	{"sh\1-c\1curl -H \"X-aws-ec2-metadata-token: AQ", "sh\1-c\1curl -H \"X-aws-ec2-metadata-token: " M},
	{"curl\1-H\1X-aws-ec2-metadata-tok", NULL},
	{"curl\1-H\1X-aws-ec2-metadata-token:", NULL},
	{"x\1--token\1a", "x\1--token\1" M},
	{"x\1--token\1", NULL},
	{"x\1--token", NULL},
	{"curl\1-u\1a:b", "curl\1-u\1a:" M},
	{"\1\1\1", NULL},
	{"", NULL},
	{"token=\\", "token=" M},
	{"x\1token=\x1b[31m\xff\1", "x\1token=" M "\1"},
	{"x\1a\"token", NULL},
	{"curl\1-H\1X-aws-ec2-metadata-token: " M "\1", NULL},
	{"python3\1./fetch.py\1--region\1eu-west-1\1", NULL},
};

static void from_row(struct buffer *b, const char *text)
{
	buffer_reset(b);
	buffer_string(b, text);
	for (size_t i = 0; i < b->length; i++)
		if (b->data[i] == '\1')
			b->data[i] = '\0';
}

/* Prints every row that differs before it fails. */
static void known_lines(void **state)
{
	struct buffer in = {0}, expected = {0}, out = {0};
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		bool masked;

		from_row(&in, r->in);
		from_row(&expected, r->out ? r->out : r->in);
		buffer_reset(&out);
		masked = mask_args(&out, buffer_view(&in));
		if (span_equal(buffer_view(&out), buffer_view(&expected)) &&
		    masked == !span_equal(buffer_view(&in), buffer_view(&out)))
			continue;
		wrong++;
		print_error("in:  %s\ngot: %.*s\n", r->in, (int)out.length, out.data);
	}
	buffer_done(&in);
	buffer_done(&expected);
	buffer_done(&out);
	assert_int_equal(wrong, 0);
}

static void twice_is_once(void **state)
{
	struct buffer in = {0}, once = {0}, twice = {0};
	unsigned wrong = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		from_row(&in, rows[i].in);
		buffer_reset(&once);
		buffer_reset(&twice);
		mask_args(&once, buffer_view(&in));
		mask_args(&twice, buffer_view(&once));
		if (span_equal(buffer_view(&once), buffer_view(&twice)))
			continue;
		wrong++;
		print_error("in:  %s\ngot: %.*s\n", rows[i].in, (int)twice.length, twice.data);
	}
	buffer_done(&in);
	buffer_done(&once);
	buffer_done(&twice);
	assert_int_equal(wrong, 0);
}

/* Wherever a line with a token is cut, no byte of the token is left. */
static void cut_anywhere(void **state)
{
	static const char line[] = "bash\0-c\0curl -H \"X-aws-ec2-metadata-token: zqzqzqzqzqzqzqzqzqzq\" http://x/";
	struct buffer out = {0};

	for (size_t n = 0; n <= sizeof(line); n++) {
		buffer_reset(&out);
		mask_args(&out, (struct span){line, n});
		assert_null(memchr(out.data ? out.data : "", 'q', out.length));
	}
	buffer_done(&out);
}

static void check_value(const char *text, const char *value, const char *expected)
{
	struct buffer out = {0};
	bool masked = mask_value(&out, span_of(text), span_of(value));

	assert_true(span_equal(buffer_view(&out), span_of(expected)));
	assert_int_equal(masked, strcmp(text, expected) != 0);
	buffer_done(&out);
}

static void exact_value(void **state)
{
	check_value("a abcdefgh b abcdefghabcdefgh", "abcdefgh", "a " M " b " M M);
	check_value("abcdefgh", "abcdefgh", M);
	check_value("x abcdefg", "abcdefg", "x abcdefg");
	check_value("x abcdefghij", "abcdefghijkl", "x " M);
	check_value("x abcdefg", "abcdefghijkl", "x abcdefg");
	check_value("", "abcdefgh", "");
	check_value("abcdefghabcdefghi", "abcdefghijkl", "abcdefgh" M);
	check_value("nothing here", "abcdefgh", "nothing here");
}

static void exact_value_spans_nul(void **state)
{
	struct buffer out = {0};

	assert_true(mask_value(&out, SPAN_LITERAL("a\0abcdefgh\0b"), SPAN_LITERAL("abcdefgh")));
	assert_true(span_equal(buffer_view(&out), SPAN_LITERAL("a\0" M "\0b")));
	buffer_done(&out);
}

/* 1 MiB of the worst lines is done in well under a second: no quadratic search. */
static void long_lines_are_linear(void **state)
{
	static const char *const units[] = {"token=$a ", "token \\\"", "://:", "--token ",
					    "-u a:",     "\"",         "$(",   "token:`"};
	struct buffer in = {0}, out = {0};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		buffer_reset(&in);
		buffer_reset(&out);
		buffer_string(&in, "curl ");
		while (in.length < 1 << 20)
			buffer_string(&in, units[i]);
		mask_args(&out, buffer_view(&in));
	}
	buffer_done(&in);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_lines),           cmocka_unit_test(twice_is_once),
		cmocka_unit_test(cut_anywhere),          cmocka_unit_test(exact_value),
		cmocka_unit_test(exact_value_spans_nul), cmocka_unit_test(long_lines_are_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
