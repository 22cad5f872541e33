/* SPDX-License-Identifier: Apache-2.0 */
#include "call/credentials.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

/* Real answers have one level. */
#define DEPTH_MAX 8

/* jansson keeps copies of the secret values: wipe each block it gives back. Plain malloc() memory, so that blocks from
 * before the switch and after it can be freed by either. */
static void free_wiped(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* Nesting is checked before a recursive parser sees the bytes. */
static bool is_shallow(struct span body)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < body.length; i++) {
		char c = body.data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth)
			depth--;
		if (depth > DEPTH_MAX)
			return false;
	}
	return true;
}

/* Copies a string value of plain characters; anything else stays "". */
static void copy_value(char *out, size_t size, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	size_t length = json_string_length(value);
	const char *s = json_string_value(value);

	out[0] = '\0';
	if (!s || length >= size)
		return;
	for (size_t i = 0; i < length; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return;
	memcpy(out, s, length + 1);
}

bool credentials_parse(struct credentials *c, struct span body)
{
	json_malloc_t old_malloc;
	json_free_t old_free;
	json_t *root;

	if (body.length > CREDENTIALS_BODY_MAX || !is_shallow(body))
		return false;
	json_get_alloc_funcs(&old_malloc, &old_free);
	json_set_alloc_funcs(malloc, free_wiped);
	root = json_loadb(body.data, body.length, 0, NULL);
	copy_value(c->access_key_id, sizeof(c->access_key_id), root, "AccessKeyId");
	copy_value(c->expiration, sizeof(c->expiration), root, "Expiration");
	json_decref(root);
	json_set_alloc_funcs(old_malloc, old_free);
	return c->access_key_id[0] != '\0';
}
