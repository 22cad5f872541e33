/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an inventory: read alike however they are cut, and judged without a doubt about what they say. */
#include "fuzz.h"

#include "guard/compile.h"
#include "guard/hindsight.h"

static const char rules_text[] =
	"deny v1 user 33\nallow group 5 unit web*\nallow exe /usr/**/curl not container *\n"
	"deny path /latest/user-data container 4c01db0b339c\nallow method GET,PUT class token\n"
	"deny cgroup /system.slice service ec2\nallow address fd00:ec2::/32\ndeny\n";

static void no_mistake(void *context, const char *text)
{
	fuzz_fail(__FILE__, __LINE__, text);
}

static void check_row(void *context, const struct folded *row)
{
	CHECK(row->count > 0 && row->first <= row->last);
	CHECK(!row->exe.data || (row->exe.data[0] == '/' && !memchr(row->exe.data, '\0', row->exe.length)));
	CHECK(!row->container.length || row->in_container);
	CHECK(!row->path.data == !row->method.data && (row->count == 1 || !row->path.data));
	hindsight_take(context, row);
}

static void read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct hindsight *h, uint64_t ret_counts[2])
{
	struct folded_reader r = {.row = check_row, .context = h, .before = UINT64_MAX};

	for (size_t at = 0; at < size; at += piece)
		CHECK(folded_feed(&r, (struct span){(const char *)data + at, size - at < piece ? size - at : piece}) ==
		      0);
	CHECK(folded_end(&r) == 0);
	ret_counts[0] = r.rows;
	ret_counts[1] = r.unusable;
	folded_done(&r);
}

static void check_findings(const struct hindsight *h)
{
	struct hindsight_finding f;

	for (unsigned i = 0; i < h->tally.count; i++) {
		hindsight_read(&h->tally.row[i], &f);
		CHECK(f.answer.rule < h->by.rules->count && h->by.rules->rule[f.answer.rule].deny);
		CHECK(!f.answer.may_pass || f.answer.unknown);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rules *rules;
	static struct table *table;
	struct hindsight whole, parts;
	struct problem problem;
	uint64_t a[2], b[2];

	if (!table) {
		CHECK(rules_parse("", span_of(rules_text), NULL, no_mistake, NULL, &rules) == 0);
		CHECK(rules_compile(rules, "aws", false, &table, &problem) == 0);
	}
	whole = parts = (struct hindsight){.by = {rules, table, "aws"}};
	read_in_pieces(data, size, size ? size : 1, &whole, a);
	read_in_pieces(data, size, 7, &parts, b);
	CHECK(a[0] == b[0] && a[1] == b[1] && a[1] <= a[0]);
	CHECK(whole.all.rows == a[0] - a[1]);
	CHECK(whole.all.rows ==
	      whole.allowed.rows + whole.refused.rows + whole.doubtful.rows + whole.nobody.rows + whole.outside.rows);
	CHECK(whole.tally.count == parts.tally.count);
	check_findings(&whole);
	hindsight_done(&whole);
	hindsight_done(&parts);
	return 0;
}
