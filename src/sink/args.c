/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/args.h"

struct args args_of(const struct process *p, size_t max)
{
	bool fits = p->args_length <= max;

	return (struct args){.rest = {p->args, p->args ? (fits ? p->args_length : max) : 0},
			     .cut = p->args && (!fits || p->args_truncated)};
}

bool args_next(struct args *a, struct span *ret_arg)
{
	const char *end;
	size_t length;

	if (a->rest.length == 0)
		return false;
	end = memchr(a->rest.data, '\0', a->rest.length);
	length = end ? (size_t)(end - a->rest.data) : a->rest.length;
	*ret_arg = (struct span){a->rest.data, length};
	a->rest.data += length + (end != NULL);
	a->rest.length -= length + (end != NULL);
	return true;
}

/* Bytes that a shell reads as themselves anywhere in a word. */
static const bool bare[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true, ['@'] = true,
	['%'] = true,         ['+'] = true,         ['='] = true,         [':'] = true, [','] = true,
	['.'] = true,         ['/'] = true,         ['-'] = true,
};

static bool needs_quotes(struct span arg)
{
	for (size_t i = 0; i < arg.length; i++)
		if (!bare[(unsigned char)arg.data[i]])
			return true;
	return arg.length == 0;
}

/* 'like this'; a quote inside closes, stands escaped, and opens again. */
static void quote(struct span arg, void (*part)(void *context, struct span piece), void *context)
{
	const char *mark;

	part(context, SPAN_LITERAL("'"));
	while ((mark = memchr(arg.data, '\'', arg.length))) {
		size_t before = (size_t)(mark - arg.data);

		part(context, (struct span){arg.data, before});
		part(context, SPAN_LITERAL("'\\''"));
		arg.data += before + 1;
		arg.length -= before + 1;
	}
	part(context, arg);
	part(context, SPAN_LITERAL("'"));
}

void args_quote(struct args a, void (*part)(void *context, struct span piece), void *context)
{
	struct span arg;

	for (bool first = true; args_next(&a, &arg); first = false) {
		if (!first)
			part(context, SPAN_LITERAL(" "));
		if (needs_quotes(arg))
			quote(arg, part, context);
		else
			part(context, arg);
	}
}
