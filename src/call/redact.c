/* SPDX-License-Identifier: Apache-2.0 */
#include "call/redact.h"

#include <strings.h>

#include "call/message.h"

/* Longest key looked at, percent-encoded. */
#define KEY_MAX 96

static const char *const secret_keys[] = {
	"access_token",
	"accesstoken",
	"api_key",
	"apikey",
	"assertion",
	"auth",
	"authorization",
	"client_secret",
	"credential",
	"id_token",
	"jwt",
	"passwd",
	"password",
	"pwd",
	"refresh_token",
	"secret",
	"secret_access_key",
	"secretaccesskey",
	"session_token",
	"sessiontoken",
	"sig",
	"signature",
	"token",
	"x-amz-credential",
	"x-amz-security-token",
	"x-amz-signature",
	"x-aws-ec2-metadata-token",
	"x-goog-credential",
	"x-goog-signature",
};

/* Keeps the list in order and merges what overlaps. */
static void redactions_add(struct redactions *m, size_t start, size_t end, size_t length)
{
	unsigned i = m->count, last;

	while (i > 0 && m->list[i - 1].end >= start)
		i--;
	for (last = i; last < m->count && m->list[last].start <= end; last++) {
		start = m->list[last].start < start ? m->list[last].start : start;
		end = m->list[last].end > end ? m->list[last].end : end;
	}
	if (last == i && m->count == REDACTIONS_MAX) {
		i = i < REDACTIONS_MAX ? i : REDACTIONS_MAX - 1;
		start = m->list[i].start < start ? m->list[i].start : start;
		m->list[i] = (struct redaction){start, length};
		m->count = i + 1;
		return;
	}
	memmove(&m->list[i + 1], &m->list[last], (m->count - last) * sizeof(*m->list));
	m->count = m->count - (last - i) + 1;
	m->list[i] = (struct redaction){start, end};
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_secret_key(const char *key, size_t length)
{
	char plain[KEY_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		plain[n] = key[i];
		if (key[i] == '%' && i + 2 < length && hex(key[i + 1]) >= 0 && hex(key[i + 2]) >= 0) {
			plain[n] = (char)((unsigned)hex(key[i + 1]) << 4 | (unsigned)hex(key[i + 2]));
			i += 2;
		}
		n++;
	}
	plain[n] = '\0';
	for (size_t k = 0; k < sizeof(secret_keys) / sizeof(*secret_keys); k++)
		if (strcasecmp(plain, secret_keys[k]) == 0)
			return true;
	return false;
}

static bool is_key_end(char c)
{
	return c == '?' || c == '&' || c == ';' || c == ',' || c == '"' || c == '\'' || c == '#' ||
	       (unsigned char)c <= ' ';
}

static bool is_value_end(char c)
{
	return c == '&' || c == '"' || (unsigned char)c <= ' ';
}

static void find_parameters(struct redactions *m, struct span text)
{
	const char *end = text.data + text.length, *at = text.data, *equals, *key, *value;

	while ((equals = memchr(at, '=', (size_t)(end - at)))) {
		at = equals + 1;
		for (key = equals; key > text.data && equals - key <= KEY_MAX && !is_key_end(key[-1]);)
			key--;
		if (equals - key > KEY_MAX || !is_secret_key(key, (size_t)(equals - key)))
			continue;
		for (value = at; value < end && !is_value_end(*value);)
			value++;
		if (value > at)
			redactions_add(m, (size_t)(at - text.data), (size_t)(value - text.data), text.length);
		at = value;
	}
}

/* "scheme://user:password@host" (RFC 3986 section 3.2.1). */
static void find_user_information(struct redactions *m, struct span text)
{
	const char *end = text.data + text.length, *at = text.data, *begin = text.data, *sign, *start;

	while ((sign = memchr(at, '@', (size_t)(end - at)))) {
		for (start = sign; start > at && start[-1] != '/' && (unsigned char)start[-1] > ' ';)
			start--;
		/* Nothing ended it since the last '@': it began where that one's began. */
		start = start == at ? begin : start;
		begin = start;
		at = sign + 1;
		if (start < sign && start - text.data >= 3 && memcmp(start - 3, "://", 3) == 0)
			redactions_add(m, (size_t)(start - text.data), (size_t)(sign - text.data), text.length);
	}
}

/* The next value worth looking for: its last word ("Bearer WORD"). False at the end. */
static bool next_secret(struct span secrets, size_t *at, struct span *ret)
{
	while (*at < secrets.length) {
		struct span s = {secrets.data + *at, strnlen(secrets.data + *at, secrets.length - *at)};
		const char *space = memrchr(s.data, ' ', s.length);

		*at += s.length + 1;
		if (space)
			s = (struct span){space + 1, s.length - (size_t)(space + 1 - s.data)};
		*ret = s;
		if (s.length >= MASK_VALUE_MIN)
			return true;
	}
	return false;
}

static void find_copies(struct redactions *m, struct span text, struct span secret, bool cut)
{
	const char *end = text.data + text.length, *at = text.data;

	while ((at = memmem(at, (size_t)(end - at), secret.data, secret.length))) {
		size_t start = (size_t)(at - text.data);

		redactions_add(m, start, cut ? text.length : start + secret.length, text.length);
		at += secret.length;
	}
}

void redactions_find(struct redactions *m, struct span text, struct span secrets, bool last_cut)
{
	struct span secret;
	size_t at = 0;

	m->count = 0;
	if (text.length == 0)
		return;
	find_parameters(m, text);
	find_user_information(m, text);
	while (next_secret(secrets, &at, &secret))
		find_copies(m, text, secret, last_cut && at >= secrets.length);
}

size_t redactions_map(const struct redactions *m, size_t position)
{
	size_t removed = 0, added = 0;

	for (unsigned i = 0; i < m->count && m->list[i].start < position; i++) {
		size_t end = m->list[i].end < position ? m->list[i].end : position;

		removed += end - m->list[i].start;
		added += MASK_LENGTH;
	}
	return position - removed + added;
}

size_t redactions_length(const struct redactions *m, size_t length)
{
	return redactions_map(m, length);
}

void redactions_write(const struct redactions *m, struct span text, char *out)
{
	size_t at = 0;

	for (unsigned i = 0; i < m->count; i++) {
		memcpy(out, text.data + at, m->list[i].start - at);
		out += m->list[i].start - at;
		memcpy(out, MASK_TEXT, MASK_LENGTH);
		out += MASK_LENGTH;
		at = m->list[i].end;
	}
	memcpy(out, text.data + at, text.length - at);
}

void redact_caller(struct caller *c, struct span secrets)
{
	struct span secret;
	size_t at = 0;

	while (next_secret(secrets, &at, &secret))
		caller_mask(c, secret);
}
