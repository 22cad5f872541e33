/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>

#include "call/message.h"
#include "call/redact.h"

static void is(const char *text, struct span secrets, bool cut, const char *expected)
{
	struct span s = span_of(text);
	struct redactions m;
	size_t length;
	char *out;

	redactions_find(&m, s, secrets, cut);
	length = redactions_length(&m, s.length);
	out = calloc(1, length + 1);
	redactions_write(&m, s, out);
	assert_string_equal(out, expected);
	assert_int_equal(strlen(out), length);
	free(out);
}

#define M    MASK_TEXT
#define NONE ((struct span){"", 0})

static void parameters(void **state)
{
	is("/a?b=c", NONE, false, "/a?b=c");
	is("/a?token=xyz&b=c", NONE, false, "/a?token=" M "&b=c");
	is("/a?TOKEN=xyz", NONE, false, "/a?TOKEN=" M);
	is("/a?mytoken=xyz", NONE, false, "/a?mytoken=xyz");
	is("/a?b=c;password=x;y z", NONE, false, "/a?b=c;password=" M " z");
	is("/a?X-Amz-Sign%61ture=s HTTP/1.1", NONE, false, "/a?X-Amz-Sign%61ture=" M " HTTP/1.1");
	is("/a?token=", NONE, false, "/a?token=");
	is("token=abc", NONE, false, "token=" M);
	is("GET http://me:pw@host/x@y", NONE, false, "GET http://" M "@host/x@y");
	is("http://a@b@c", NONE, false, "http://" M "@c");
	is("x@http://a@b x@y", NONE, false, "x@http://" M "@b x@y");
	is("://@x", NONE, false, "://@x");
}

static void copies(void **state)
{
	static const char secrets[] = "abcdefgh\0short\0Bearer 12345678";
	struct span s = {secrets, sizeof(secrets)};

	is("x abcdefghabcdefgh y short 12345678", s, false, "x " M " y short " M);
	is("x 12345678 rest", s, true, "x " M);
	is("token=abcdefgh12345678z", s, false, "token=" M);
}

static void many_masks(void **state)
{
	char text[64 * 1024] = "";
	struct redactions m;
	char *out;

	for (int i = 0; i < 5000; i++)
		memcpy(text + (size_t)i * 10, "&token=SEC", 10);
	redactions_find(&m, span_of(text), NONE, false);
	assert_true(m.count <= REDACTIONS_MAX);
	out = calloc(1, redactions_length(&m, strlen(text)) + 1);
	redactions_write(&m, span_of(text), out);
	assert_null(strstr(out, "SEC"));
	free(out);
}

static void positions(void **state)
{
	struct redactions m = {.count = 1, .list = {{5, 9}}};

	assert_int_equal(redactions_map(&m, 5), 5);
	assert_int_equal(redactions_map(&m, 9), 5 + MASK_LENGTH);
	assert_int_equal(redactions_map(&m, 12), 8 + MASK_LENGTH);
}

static void arguments(void **state)
{
	static const char secrets[] = "abcdefgh\0a-value-longer-than-the-marker";
	static const char args[] = "sh\0-c\0abcdefgh x abcdefgh\0a-value-longer-than-the-marker\0end";
	struct caller c = {.ancestor_count = 1};

	c.process.args = malloc(sizeof(args));
	memcpy(c.process.args, args, sizeof(args));
	c.process.args_length = sizeof(args);
	redact_caller(&c, (struct span){secrets, sizeof(secrets)});
	assert_memory_equal(c.process.args, "sh\0-c\0" MASK_TEXT " x " MASK_TEXT "\0" MASK_TEXT "\0end",
			    c.process.args_length);
	free(c.process.args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters), cmocka_unit_test(copies),    cmocka_unit_test(many_masks),
		cmocka_unit_test(positions),  cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
