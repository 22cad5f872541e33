/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns, and the automata made of them (guard/automaton.c, guard/partition.c). */
#include "unit.h"

#include "call/path.h"
#include "guard/automaton.h"
#include "guard/pattern.h"
#include "guard/selector.h"

struct matcher {
	struct nodes nodes;
	bool matched;
};

static void start(void *data, struct buffer *out)
{
	nodes_enter(&((struct matcher *)data)->nodes, out);
}

static void step(void *data, struct span state, uint8_t c, struct buffer *out)
{
	nodes_step(&((struct matcher *)data)->nodes, state, c, out);
}

static void note(void *data, uint32_t id)
{
	((struct matcher *)data)->matched = true;
}

static int mark(void *data, struct span state)
{
	struct matcher *m = data;

	m->matched = false;
	nodes_matched(&m->nodes, state, note, m);
	return m->matched;
}

/* Builds, and forgets the nodes. */
static void build(struct matcher *m, struct automaton_text *a)
{
	struct automaton_source source = {.data = m, .start = start, .step = step, .mark = mark};

	source.classes = nodes_classes(&m->nodes, source.class_of, 1);
	assert_false(m->nodes.failed);
	assert_int_equal(automaton_build(&source, a), 0);
	nodes_done(&m->nodes);
}

static bool run(const struct automaton_text *a, const char *text)
{
	uint32_t state = a->start;

	for (const char *c = text; *c; c++)
		state = a->next[state * a->classes + a->class_of[(uint8_t)*c]];
	return a->mark[state];
}

static void globs(void **state)
{
	static const char *const patterns[] = {"/a/*",   "/a/**", "/**/b",        "**/b",
					       "/a/?/c", "/*/b*", "/a/**/c/**/d", "/a**"};
	static const char *const texts[] = {"/a",     "/a/",    "/a/b",         "/a/b/c",  "/b",  "b",     "/a//c",
					    "/x/bcd", "/a/c/d", "/a/x/c/y/z/d", "/a/c/dd", "/ab", "/a/b/b"};

	for (size_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++) {
		struct matcher m = {0};
		struct automaton_text a;

		nodes_begin(&m.nodes);
		nodes_glob(&m.nodes, patterns[p]);
		nodes_add(&m.nodes, NODE_END, 0, 0);
		build(&m, &a);
		for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++)
			if (run(&a, texts[t]) != selector_glob(patterns[p], span_of(texts[t])))
				fail_msg("%s and %s", patterns[p], texts[t]);
		automaton_text_done(&a);
	}
}

static void paths(void **state)
{
	static const char *const patterns[] = {"a", "a/b", "*/b", "**/a/b$", "a/*", "a$"};
	static const char *const texts[] = {"", "a", "A", "a/b", "x/b", "x/a/b", "x/a/b/c", "a/b/c", "ab", "xa/b", "b"};

	for (size_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++)
		for (unsigned fold = 0; fold < 2; fold++) {
			struct matcher m = {0};
			struct automaton_text a;

			nodes_path(&m.nodes, patterns[p], fold, 0);
			build(&m, &a);
			for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
				struct path path;

				path_init(&path, span_of(texts[t]));
				if (run(&a, texts[t]) != path_matches(&path, patterns[p], fold))
					fail_msg("%s and %s", patterns[p], texts[t]);
			}
			automaton_text_done(&a);
		}
}

/* Two ways to write the same have the same automaton, the smallest one. */
static void smallest(void **state)
{
	struct matcher m = {0}, other = {0};
	struct automaton_text a, b;

	nodes_begin(&m.nodes);
	nodes_text(&m.nodes, SPAN_LITERAL("ab"), false);
	nodes_add(&m.nodes, NODE_END, 0, 0);
	build(&m, &a);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const choice[] = {"ab", "ab", NULL};

		nodes_begin(&other.nodes);
		nodes_choice(&other.nodes, choice);
		nodes_add(&other.nodes, NODE_END, 0, 0);
	}
	build(&other, &b);
	assert_int_equal(a.count, 4); /* "", "a", "ab", everything else */
	assert_int_equal(b.count, a.count);
	assert_int_equal(a.classes, 3);
	assert_int_equal(b.classes, a.classes);
	automaton_text_done(&a);
	automaton_text_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs),
		cmocka_unit_test(paths),
		cmocka_unit_test(smallest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
