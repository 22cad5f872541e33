/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "guard/rules.h"
#include "guard/selector.h"

static void note(void *context, const char *text)
{
	buffer_string(context, text);
	buffer_byte(context, '\n');
}

static int find(void *data, const char *name, uint32_t *ret_id)
{
	if (strcmp(name, "web") != 0)
		return -ENOENT;
	*ret_id = 33;
	return 0;
}

static int parse(const char *text, struct rules **ret_rules, struct buffer *said)
{
	static const struct rules_names names = {.user = find, .group = find};

	return rules_parse("f", span_of(text), &names, note, said, ret_rules);
}

static struct rules *good(const char *text)
{
	struct buffer said = {0};
	struct rules *r = NULL;

	if (parse(text, &r, &said) < 0)
		fail_msg("%.*s", (int)said.length, said.data);
	assert_int_equal(said.length, 0);
	return r;
}

/* What is said begins with the place and has the text in it. */
static void bad(const char *text, const char *place, const char *what)
{
	struct buffer said = {0};
	struct rules *r = NULL;

	assert_int_equal(parse(text, &r, &said), -EINVAL);
	buffer_byte(&said, '\0');
	if (strncmp(said.data, place, strlen(place)) != 0 || !strstr(said.data, what))
		fail_msg("%s: %s", text, said.data);
	if (strchr(said.data, '\n')[1])
		fail_msg("more than one mistake: %s", said.data);
	buffer_done(&said);
}

static void settings(void **state)
{
	struct rules *r = good("");

	assert_int_equal(r->mode, TABLE_AUDIT);
	assert_int_equal(r->boot, BOOT_OPEN);
	assert_int_equal(r->count, 0);
	assert_int_equal(r->endpoints.count, 5);
	rules_free(r);
	r = good("\xef\xbb\xbfmode enforce # c\r\n\tboot closed\nprovider azure\nendpoint [fd00::1]:81=gcp\n");
	assert_int_equal(r->mode, TABLE_ENFORCE);
	assert_int_equal(r->boot, BOOT_CLOSED);
	assert_string_equal(r->provider, "azure");
	assert_int_equal(r->endpoints.count, 6);
	assert_int_equal(r->endpoints.list[5].address.port, 81);
	rules_free(r);
}

static void a_rule(void **state)
{
	struct rules *r =
		good("# first\n\n  deny  not user web,  7 ,1000-1999 from path /a//%62/../c/ v1  # last\nallow");
	const struct selector *s = r->rule[0].selectors;

	assert_int_equal(r->count, 2);
	assert_true(r->rule[0].deny);
	assert_int_equal(r->rule[0].line, 3);
	assert_true(span_equal(r->rule[0].text,
			       SPAN_LITERAL("deny  not user web,  7 ,1000-1999 from path /a//%62/../c/ v1")));
	assert_int_equal(r->rule[0].count, 3);
	assert_int_equal(s[0].kind, SELECT_USER);
	assert_true(s[0].negated);
	assert_int_equal(s[0].count, 3);
	assert_int_equal(s[0].value[0].from, 33);
	assert_int_equal(s[0].value[2].to, 1999);
	assert_string_equal(s[1].value[0].text, "a/c");
	assert_false(s[1].negated);
	assert_int_equal(s[2].kind, SELECT_VERSION);
	assert_int_equal(r->rule[1].count, 0);
	assert_int_equal(r->rule[1].line, 4);
	rules_free(r);
}

static void who_may_be_missing(void **state)
{
	struct rules *r = good("deny user nobody? group web?");

	assert_true(r->rule[0].selectors[0].value[0].from > r->rule[0].selectors[0].value[0].to);
	assert_int_equal(r->rule[0].selectors[1].value[0].from, 33);
	rules_free(r);
}

static void mistakes(void **state)
{
	bad("\n alow", "f:2:2: ", "expected allow, deny, mode, boot, provider or endpoint");
	bad("mode", "f:1:5: ", "expected a value for mode");
	bad("mode loud", "f:1:6: ", "expected audit or enforce");
	bad("mode audit audit", "f:1:12: ", "expected the line's end");
	bad("mode audit\nmode audit", "f:2:1: ", "already at line 1");
	bad("boot shut", "f:1:6: ", "expected open or closed");
	bad("provider nobody", "f:1:10: ", "expected aws");
	bad("endpoint 1.2.3", "f:1:10: ", "expected ADDR");
	bad("allow usr web path /x", "f:1:7: ", "unknown selector \"usr\"; expected user");
	bad("allow user nobody", "f:1:12: ", "there is no such user; expected a name");
	bad("allow group nobody", "f:1:13: ", "/etc/group");
	bad("allow user 9-3", "f:1:12: ", "expected the lower one first");
	bad("allow user 4294967295", "f:1:12: ", "expected 0 to 4294967294");
	bad("allow user", "f:1:11: ", "expected a value for user");
	bad("allow user web,", "f:1:16: ", "expected a value for user");
	bad("allow not", "f:1:7: ", "expected a selector behind \"not\"");
	bad("allow not not v1", "f:1:11: ", "expected a selector behind \"not\"");
	bad("allow v1 from", "f:1:10: ", "expected a selector behind \"from\"");
	bad("allow exe curl", "f:1:11: ", "expected one such as /usr/bin/curl");
	bad("allow exe /usr//curl", "f:1:11: ", "no executable has such a path");
	bad("allow unit nginx", "f:1:12: ", "NAME.service");
	bad("allow container abcdef", "f:1:17: ", "expected 12 digits");
	bad("allow cgroup x", "f:1:14: ", "/system.slice");
	bad("allow service imds", "f:1:15: ", "expected ec2");
	bad("allow address 1.2.3.4/33", "f:1:15: ", "expected /0 to /32");
	bad("allow address x", "f:1:15: ", "expected one such as 169.254.169.254");
	bad("allow version v3", "f:1:15: ", "expected v1 or v2");
	bad("allow class secret", "f:1:13: ", "expected token, credentials");
	bad("allow method get", "f:1:14: ", "capital letters");
	bad("allow path latest", "f:1:12: ", "does not begin with /");
	bad("allow path /a?b", "f:1:12: ", "not part of a path");
	bad("allow path /a*", "f:1:12: ", "between slashes");
	bad("allow path /\x01", "f:1:13: ", "control character");
}

static void all_mistakes_are_told(void **state)
{
	struct buffer said = {0};
	struct rules *r = NULL;

	assert_int_equal(parse("alow\ndeny user x, y path z\nmode m\nallow user web\n", &r, &said), -EINVAL);
	buffer_byte(&said, '\0');
	assert_non_null(strstr(said.data, "f:1:1: "));
	assert_non_null(strstr(said.data, "f:2:11: "));
	assert_non_null(strstr(said.data, "f:2:14: "));
	assert_non_null(strstr(said.data, "f:2:21: "));
	assert_non_null(strstr(said.data, "f:3:6: "));
	buffer_done(&said);
}

static void what_is_shown_is_escaped(void **state)
{
	bad("allow us\xe2\x80\xae"
	    "er 1",
	    "f:1:7: ", "\\u202e");
}

static void too_many(void **state)
{
	struct buffer text = {0}, said = {0};
	struct rules *r = NULL;

	for (unsigned i = 0; i <= TABLE_RULES; i++)
		buffer_string(&text, "allow\n");
	buffer_byte(&text, '\0');
	assert_int_equal(parse(text.data, &r, &said), -EINVAL);
	assert_true(span_starts(buffer_view(&said), SPAN_LITERAL("f:257:1: too many rules; expected at most 256")));
	text.data[6 * TABLE_RULES] = '\0';
	buffer_reset(&said);
	assert_int_equal(parse(text.data, &r, &said), 0);
	assert_int_equal(r->count, TABLE_RULES);
	rules_free(r);
	buffer_done(&text);
	buffer_done(&said);
}

static void a_file_that_cannot_be_read(void **state)
{
	struct buffer said = {0};
	struct rules *r = NULL;

	assert_int_equal(rules_read("/nowhere/x", note, &said, &r), -ENOENT);
	assert_true(span_starts(buffer_view(&said), SPAN_LITERAL("/nowhere/x: No such file")));
	buffer_reset(&said);
	assert_int_equal(rules_read("/", note, &said, &r), -EIO);
	buffer_done(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings),
		cmocka_unit_test(a_rule),
		cmocka_unit_test(who_may_be_missing),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(all_mistakes_are_told),
		cmocka_unit_test(what_is_shown_is_escaped),
		cmocka_unit_test(too_many),
		cmocka_unit_test(a_file_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
