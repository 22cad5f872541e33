/* SPDX-License-Identifier: Apache-2.0 */
/* A log: read alike however it is cut, and what is suggested from it is a rule file. */
#include "fuzz.h"

#include "guard/compile.h"
#include "guard/suggest.h"

static void no_mistake(void *context, const char *text)
{
	fuzz_fail(__FILE__, __LINE__, text);
}

static void check_observation(void *context, const struct observation *o)
{
	const struct question *q = &o->question;

	CHECK(o->request == (q->head.data != NULL));
	CHECK(!q->exe.data || (q->exe.data[0] == '/' && !memchr(q->exe.data, '\0', q->exe.length)));
	CHECK(q->groups_cut && q->group_count <= 1);
	if (q->head.length)
		CHECK(memmem(q->head.data, q->head.length, " HTTP/1.1\r\n", 11) &&
		      memcmp(q->head.data + q->head.length - 4, "\r\n\r\n", 4) == 0);
	suggest_take(context, o);
}

static struct history_counts read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct suggestion *s)
{
	struct history h = {.call = check_observation, .context = s};

	for (size_t at = 0; at < size; at += piece)
		CHECK(history_feed(&h, (struct span){(const char *)data + at, size - at < piece ? size - at : piece}) ==
		      0);
	CHECK(history_end(&h) == 0);
	history_done(&h);
	return h.counts;
}

static void check_suggestion(struct suggestion *s)
{
	struct buffer out = {0};
	struct rules *rules;

	suggest_write(s, &out);
	CHECK(rules_parse("suggestion", buffer_view(&out), NULL, no_mistake, NULL, &rules) == 0);
	rules_free(rules);
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rules *rules;
	static struct table *table;
	struct suggestion whole, parts;
	struct history_counts a, b;
	struct problem problem;

	if (!table) {
		CHECK(rules_parse("", span_of(suggest_rules), NULL, no_mistake, NULL, &rules) == 0);
		CHECK(rules_compile(rules, "aws", false, &table, &problem) == 0);
	}
	whole = parts = (struct suggestion){.table = table, .endpoints = &rules->endpoints};
	a = read_in_pieces(data, size, size ? size : 1, &whole);
	b = read_in_pieces(data, size, 7, &parts);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	CHECK(a.unusable <= a.lines && a.calls <= a.lines && a.first <= a.last);
	CHECK(whole.tally.count == parts.tally.count && whole.nobody == parts.nobody);
	check_suggestion(&whole);
	suggest_done(&whole);
	suggest_done(&parts);
	return 0;
}
