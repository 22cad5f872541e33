/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "call/path.h"

static const char *normal(const char *target)
{
	static struct path p;

	path_init(&p, span_of(target));
	p.text[p.length] = '\0';
	return p.text;
}

static void one_form(void **state)
{
	static const char *const same[] = {
		"/latest/meta-data/iam",
		"/latest/meta-data/iam/",
		"//latest///meta-data/iam//",
		"/latest/./meta-data/iam/.",
		"/x/../latest/meta-data/iam",
		"/../../latest/meta-data/y/../iam",
		"/latest/meta%2Ddata/%69am?x/../y",
		"/latest%2Fmeta-data/iam#f",
		"http://169.254.169.254/latest/meta-data/iam",
		"HTTP://h:80//latest/meta-data/iam?",
		"latest/meta-data/iam",
		"/latest/meta-data/iam/z/%2e%2E",
		"/%2e/latest/%2e%2e/latest/meta-data/iam",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		assert_string_equal(normal(same[i]), "latest/meta-data/iam");
	assert_string_equal(normal("/"), "");
	assert_string_equal(normal(""), "");
	assert_string_equal(normal("*"), "*");
	assert_string_equal(normal("/.."), "");
	assert_string_equal(normal("/..a/.b/c.."), "..a/.b/c..");
	assert_string_equal(normal("/a%zz%4"), "a%zz%4");
	assert_string_equal(normal("/a%252e"), "a%2e");
	assert_string_equal(normal("http://h"), "");
	assert_string_equal(normal("http://h?x"), "");
}

static bool matches(const char *target, const char *pattern)
{
	struct path p;

	path_init(&p, span_of(target));
	return path_matches(&p, pattern, false);
}

static void patterns(void **state)
{
	assert_true(matches("/latest/user-data", "*/user-data"));
	assert_true(matches("/latest/user-data/x", "*/user-data"));
	assert_false(matches("/latest/user-data2", "*/user-data"));
	assert_false(matches("/latest/user-dat", "*/user-data"));
	assert_false(matches("/user-data", "*/user-data"));
	assert_true(matches("/latest/api/token", "**/api/token$"));
	assert_true(matches("/api/token", "**/api/token$"));
	assert_true(matches("/a/b/c/api/token/", "**/api/token$"));
	assert_false(matches("/latest/api/token/x", "**/api/token$"));
	assert_false(matches("/latest/xapi/token", "**/api/token$"));
	assert_false(matches("/token", "**/api/token$"));
	assert_false(matches("/", "latest"));
	assert_false(matches("/LATEST", "latest"));
	struct path p;

	path_init(&p, SPAN_LITERAL("/METADATA/Identity"));
	assert_true(path_matches(&p, "metadata/identity", true));
}

static void splits(void **state)
{
	struct span path, query;

	path_split(SPAN_LITERAL("http://h/a//b?c=d?e"), &path, &query);
	assert_true(span_equal(path, SPAN_LITERAL("/a//b")));
	assert_true(span_equal(query, SPAN_LITERAL("c=d?e")));
	path_split(SPAN_LITERAL("/a"), &path, &query);
	assert_null(query.data);
	path_split(SPAN_LITERAL("/?"), &path, &query);
	assert_non_null(query.data);
	assert_int_equal(query.length, 0);
}

static void long_paths_are_cut(void **state)
{
	char text[3 * PATH_SIZE];
	struct path p;

	memset(text, 'a', sizeof(text));
	path_init(&p, (struct span){text, sizeof(text)});
	assert_true(p.cut);
	assert_true(p.length < PATH_SIZE);
	assert_false(path_matches(&p, "*$", false));
	memset(text, '/', sizeof(text));
	path_init(&p, (struct span){text, sizeof(text)});
	assert_false(p.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_form),
		cmocka_unit_test(patterns),
		cmocka_unit_test(splits),
		cmocka_unit_test(long_paths_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
