/* SPDX-License-Identifier: Apache-2.0 */
/* The text of rules: within memory, mistakes are told with their place, and what was read can be compiled or is too
 * much. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "guard/compile.h"
#include "guard/selector.h"

static unsigned mistakes;

static void note(void *context, const char *text)
{
	mistakes++;
	CHECK(strncmp(text, "f:", 2) == 0 && strchr(text + 2, ':'));
	for (const char *c = text; *c; c++)
		CHECK((unsigned char)*c >= 0x20);
}

static int find(void *data, const char *name, uint32_t *ret_id)
{
	if (strcmp(name, "root") != 0)
		return -ENOENT;
	*ret_id = 0;
	return 0;
}

static void check(const struct rules *r)
{
	CHECK(r->count <= TABLE_RULES && r->mode && r->boot);
	for (unsigned i = 0; i < r->count; i++) {
		const struct rule *rule = &r->rule[i];

		CHECK(rule->line > 0 && rule->text.length >= 4);
		CHECK(span_starts(rule->text, rule->deny ? SPAN_LITERAL("deny") : SPAN_LITERAL("allow")));
		for (unsigned k = 0; k < rule->count; k++)
			CHECK(rule->selectors[k].count > 0 && rule->selectors[k].kind < SELECT_KINDS);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rules_names names = {.user = find, .group = find};
	struct rules *r = NULL;
	struct table *t = NULL;
	struct problem problem = {0};
	int e;

	mistakes = 0;
	e = rules_parse("f", (struct span){(const char *)data, size}, &names, note, NULL, &r);
	CHECK((e == -EINVAL) == (mistakes > 0) && (e == 0 || e == -EINVAL));
	if (e < 0)
		return 0;
	check(r);
	if (size < 200) { /* compiling takes its time */
		e = rules_compile(r, "aws", false, &t, &problem);
		CHECK(e == 0 || (e == -E2BIG && problem.text[0]));
		free(t);
	}
	rules_free(r);
	return 0;
}
