/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/cgroup.h"

static const struct span ranking[] = {
	SPAN_LITERAL("name=systemd"), SPAN_LITERAL("pids"),    SPAN_LITERAL("memory"),
	SPAN_LITERAL("cpu"),          SPAN_LITERAL("devices"), SPAN_LITERAL("freezer"),
};

#define RANKS (sizeof(ranking) / sizeof(ranking[0]))

/* Cuts `s` at the first `separator`; false when there is none. */
static bool cut(struct span *s, char separator, struct span *ret_head)
{
	const char *at = s->length ? memchr(s->data, separator, s->length) : NULL;

	if (!at)
		return false;
	*ret_head = (struct span){s->data, (size_t)(at - s->data)};
	*s = (struct span){at + 1, s->length - ret_head->length - 1};
	return true;
}

/* Lower is better; "cpu,cpuacct" ranks as "cpu". */
static size_t rank_of(struct span controllers)
{
	struct span first = controllers;
	size_t i = 0;

	cut(&controllers, ',', &first);
	while (i < RANKS && !span_equal(first, ranking[i]))
		i++;
	return i;
}

static void parse_line(struct span line, struct cgroup_lines *lines, size_t *best)
{
	struct container container;
	struct span id, controllers;
	size_t rank;

	if (!cut(&line, ':', &id) || !cut(&line, ':', &controllers) || line.length == 0 || line.data[0] != '/')
		return;
	if (controllers.length == 0) {
		lines->unified = line;
		return;
	}
	if (line.length == 1)
		return;
	container_parse(line, &container);
	rank = rank_of(controllers) + (container.id[0] ? 0 : RANKS + 1);
	if (lines->legacy.data && rank >= *best)
		return;
	*best = rank;
	lines->legacy = line;
	lines->container = container;
}

void cgroup_parse(struct span text, struct cgroup_lines *ret_lines)
{
	struct span line;
	size_t best = 0;

	*ret_lines = (struct cgroup_lines){0};
	while (cut(&text, '\n', &line))
		parse_line(line, ret_lines, &best);
}
