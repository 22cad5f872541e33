/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/host.h"

static int compile(const struct policy_source *s, struct policy *p)
{
	const char *provider = s->provider ? s->provider : host_provider();
	struct problem problem;
	int r = rules_compile(p->rules, provider, s->legacy, &p->table, &problem);

	if (r < 0)
		s->mistake(s->context, problem.text);
	return r;
}

static int finish(const struct policy_source *s, int r, struct policy *p, struct policy *ret_policy)
{
	if (r == 0)
		r = compile(s, p);
	if (r < 0) {
		policy_done(p);
		return r;
	}
	*ret_policy = *p;
	return 0;
}

int policy_read(const struct policy_source *s, struct policy *ret_policy)
{
	struct policy p = {0};
	int r = rules_read(s->path, s->mistake, s->context, &p.rules);

	return finish(s, r, &p, ret_policy);
}

void policy_done(struct policy *p)
{
	rules_free(p->rules);
	free(p->table);
	*p = (struct policy){0};
}

/* Is the line `boot closed`, with a comment behind it perhaps? */
static bool says_closed(char *line)
{
	static const char blanks[] = " \t\r\n";
	char *rest, *word = strtok_r(line, blanks, &rest), *value = strtok_r(NULL, blanks, &rest);
	const char *behind = strtok_r(NULL, blanks, &rest);

	return word && value && strcmp(word, "boot") == 0 && strcmp(value, "closed") == 0 &&
	       (!behind || behind[0] == '#');
}

unsigned policy_boot_closed(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	unsigned n = 0;
	size_t size = 0;

	while (file && getline(&line, &size, file) >= 0) {
		n++;
		if (says_closed(line))
			return n;
	}
	return 0;
}

int policy_closed(const struct policy_source *s, unsigned line, struct policy *ret_policy)
{
	_cleanup_(buffer_done) struct buffer text = {0};
	struct policy p = {0};
	int r;

	/* The rule gets the number of the line that asks for it. */
	for (unsigned i = 1; i < line; i++)
		buffer_byte(&text, '\n');
	buffer_string(&text, "deny\nmode enforce\n");
	r = text.failed ? -ENOMEM : rules_parse(s->path, buffer_view(&text), NULL, s->mistake, s->context, &p.rules);
	return finish(s, r, &p, ret_policy);
}
