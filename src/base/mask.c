/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mask.h"

static const struct span replacement = SPAN_LITERAL(MASK_TEXT);

/* Ends of names, lower case with '-' for '_'. */
static const struct name {
	struct span text;
	bool word;   /* the name must be this, or have a '-' in front of it */
	bool option; /* also as `--name value`: what follows the name is the secret, not a file */
} names[] = {
	{SPAN_LITERAL("token"), false, true},
	{SPAN_LITERAL("password"), false, true},
	{SPAN_LITERAL("passwd"), false, true},
	{SPAN_LITERAL("passphrase"), false, true},
	{SPAN_LITERAL("pass"), true, true},
	{SPAN_LITERAL("secret"), false, true},
	{SPAN_LITERAL("secret-key"), false, true},
	{SPAN_LITERAL("secretkey"), false, true},
	{SPAN_LITERAL("secret-access-key"), false, true},
	{SPAN_LITERAL("secretaccesskey"), false, true},
	{SPAN_LITERAL("secret-string"), false, true},
	{SPAN_LITERAL("api-key"), false, true},
	{SPAN_LITERAL("apikey"), false, true},
	{SPAN_LITERAL("account-key"), false, true},
	{SPAN_LITERAL("accountkey"), false, true},
	{SPAN_LITERAL("bearer"), false, true},
	{SPAN_LITERAL("authorization"), false, true},
	{SPAN_LITERAL("cookie"), false, false},
	{SPAN_LITERAL("signature"), false, false},
	{SPAN_LITERAL("sig"), true, false},
	{SPAN_LITERAL("x-amz-credential"), true, false},
};

/* `--no-token`, `--print-token`: options without a value. */
static const struct span switches[] = {
	SPAN_LITERAL("no-"),   SPAN_LITERAL("disable-"), SPAN_LITERAL("skip-"),    SPAN_LITERAL("use-"),
	SPAN_LITERAL("with-"), SPAN_LITERAL("without-"), SPAN_LITERAL("print-"),   SPAN_LITERAL("get-"),
	SPAN_LITERAL("show-"), SPAN_LITERAL("enable-"),  SPAN_LITERAL("require-"),
};

/* Authentication schemes (IANA "HTTP Authentication Schemes"); list: the credentials are several words. */
static const struct {
	struct span text;
	bool list;
} schemes[] = {
	{SPAN_LITERAL("bearer"), false},
	{SPAN_LITERAL("basic"), false},
	{SPAN_LITERAL("token"), false},
	{SPAN_LITERAL("negotiate"), false},
	{SPAN_LITERAL("ntlm"), false},
	{SPAN_LITERAL("apikey"), false},
	{SPAN_LITERAL("digest"), true},
	{SPAN_LITERAL("oauth"), true},
	{SPAN_LITERAL("aws4-hmac-sha256"), true},
	{SPAN_LITERAL("aws"), true},
	{SPAN_LITERAL("hoba"), true},
	{SPAN_LITERAL("signature"), true},
	{SPAN_LITERAL("aws4-ecdsa-p256-sha256"), true},
};

struct scan {
	struct span in;
	struct buffer *out;
	size_t copied;   /* bytes of `in` that are in `out`, or were replaced */
	size_t at;       /* the next byte to look at */
	size_t argument; /* where the current argument starts */
	size_t run;      /* where the current run of name characters starts */
	bool script;     /* the argument is a program text (`sh -c`), not one value */
	bool curl;       /* a word "curl" was seen: -u is user:password */
	bool replaced;
};

/* Where a value is and how it ends. */
struct value {
	size_t start;
	char quote;    /* it is inside these quotes; 0: none */
	bool escaped;  /* … and they are written \" */
	bool argument; /* it is the rest of the argument, whatever the bytes */
	bool header;   /* `Name: value`: blanks may be part of it */
};

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_alpha(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool is_name(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* Ends a bare word of a shell program; elsewhere only what ends a word or a query value. */
static bool is_end(char c, bool script)
{
	return c != '\0' && strchr(script ? " \t\r\n&;|()<>`" : " \t\r\n&", c);
}

/* The byte at `i`; a NUL behind the end, as behind every argument. */
static char byte(const struct scan *s, size_t i)
{
	return i < s->in.length ? s->in.data[i] : '\0';
}

static struct span part(const struct scan *s, size_t start, size_t end)
{
	return (struct span){s->in.data + start, end - start};
}

/* `text` is lower case with '-'; '_' in s is as good. */
static bool same(struct span s, struct span text)
{
	if (s.length != text.length)
		return false;
	for (size_t i = 0; i < s.length; i++)
		if ((s.data[i] == '_' ? '-' : lower(s.data[i])) != text.data[i])
			return false;
	return true;
}

static bool starts(struct span s, struct span text)
{
	return s.length >= text.length && same((struct span){s.data, text.length}, text);
}

static const struct name *secret_name(struct span s)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t before = s.length - names[i].text.length;

		if (s.length < names[i].text.length ||
		    !same((struct span){s.data + before, names[i].text.length}, names[i].text))
			continue;
		if (!names[i].word || before == 0 || s.data[before - 1] == '-' || s.data[before - 1] == '_')
			return &names[i];
	}
	return NULL;
}

static void replace(struct scan *s, size_t start, size_t end)
{
	buffer_span(s->out, part(s, s->copied, start));
	buffer_span(s->out, replacement);
	s->copied = end;
	s->at = end;
	s->replaced = true;
}

/* After a closing quote: does the shell word go on (`"abc"def`)? */
static bool goes_on(char c)
{
	return c != '\0' && (is_alpha(c) || (c >= '0' && c <= '9') || strchr("+/=_$-\"'", c));
}

/* Where the value ends: behind its last byte, before the closing quote. */
static size_t value_end(const struct scan *s, const struct value *v)
{
	char quote = v->quote;

	for (size_t i = v->start; i < s->in.length; i++) {
		char c = s->in.data[i];

		if (c == '\0')
			return i;
		if (v->argument)
			continue;
		if (c == '\\' && byte(s, i + 1)) {
			if (v->escaped && byte(s, i + 1) == v->quote)
				return i;
			i++;
		} else if (quote ? c == quote : is_quote(c)) {
			if (!goes_on(byte(s, i + 1)))
				return i;
			quote = quote ? '\0' : c;
		} else if (!quote && is_end(c, s->script)) {
			return i;
		}
	}
	return s->in.length;
}

static size_t line_end(const struct scan *s, size_t i)
{
	while (byte(s, i) && byte(s, i) != '\r' && byte(s, i) != '\n')
		i++;
	return i;
}

/* An unquoted `Authorization: Bearer abc`: the word after the scheme is the secret. */
static size_t header_end(const struct scan *s, const struct value *v, size_t end)
{
	struct span word = part(s, v->start, end);

	if (!v->header || v->quote || v->argument || !is_blank(byte(s, end)))
		return end;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct value rest = {.start = end};

		if (!same(word, schemes[i].text))
			continue;
		while (is_blank(byte(s, rest.start)))
			rest.start++;
		return schemes[i].list ? line_end(s, end) : value_end(s, &rest);
	}
	/* `Cookie: a=b; c=d` */
	return memchr(word.data, '=', word.length) && byte(s, end - 1) == ';' ? line_end(s, end) : end;
}

/* $NAME, ${NAME}, $1: how many bytes; 0 when it is none. */
static size_t expansion(struct span s)
{
	size_t i = 1;
	bool brace = s.length > 1 && s.data[1] == '{';

	if (s.length < 2 || s.data[0] != '$')
		return 0;
	i += brace;
	while (i < s.length && (is_alpha(s.data[i]) || (s.data[i] >= '0' && s.data[i] <= '9') || s.data[i] == '_'))
		i++;
	if (i == 1U + brace)
		return 0;
	if (!brace)
		return i;
	return i < s.length && s.data[i] == '}' ? i + 1 : 0;
}

static size_t scheme_length(struct span s)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (starts(s, schemes[i].text) && s.length > schemes[i].text.length &&
		    is_blank(s.data[schemes[i].text.length]))
			return schemes[i].text.length + 1;
	return 0;
}

/* Nothing but expansions and quotes, after the scheme if there is one. */
static bool is_expansion(struct span s)
{
	size_t i = scheme_length(s), n;

	for (; i < s.length; i += n) {
		n = is_quote(s.data[i]) || is_blank(s.data[i]) ? 1 : expansion((struct span){s.data + i, s.length - i});
		if (n == 0)
			return false;
	}
	return true;
}

/* $(command) and `command`: their text is looked at like the rest. */
static bool is_command(const struct scan *s, size_t i)
{
	return byte(s, i) == '`' || (byte(s, i) == '$' && byte(s, i + 1) == '(');
}

/* Is all of the value masked already? */
static bool is_masked(const struct scan *s, const struct value *v)
{
	struct value rest = *v;

	if (!span_starts(part(s, v->start, s->in.length), replacement))
		return false;
	rest.start += replacement.length;
	return value_end(s, &rest) == rest.start;
}

/* Masks the value, or leaves it and goes on behind its start. */
static void mask_at(struct scan *s, const struct value *v)
{
	size_t end;

	s->at = v->start;
	if (is_command(s, v->start) && (v->header || !v->argument))
		return;
	if (is_masked(s, v)) {
		s->at += replacement.length;
		return;
	}
	end = header_end(s, v, value_end(s, v));
	if (is_expansion(part(s, v->start, end)) && (end == v->start || !v->argument || v->header))
		return;
	replace(s, v->start, end);
	if (v->quote && is_end(byte(s, end), s->script)) /* `"Name: "value`: the closing quote went with the value */
		buffer_byte(s->out, v->quote);
}

/* An opening quote in front of the value. */
static void open_quote(const struct scan *s, struct value *v)
{
	bool escaped = byte(s, v->start) == '\\' && is_quote(byte(s, v->start + 1));

	if (v->argument || !is_quote(byte(s, v->start + escaped)))
		return;
	v->escaped = escaped;
	v->quote = byte(s, v->start + escaped);
	v->start += 1U + escaped;
}

/* Is the name the first thing of its argument, or of the value of the option the argument is (`--header=Name: …`)? */
static bool leads(const struct scan *s)
{
	size_t i = s->run;

	if (i > s->argument && s->in.data[i - 1] == '=' && s->in.data[s->argument] == '-')
		for (i--; i > s->argument && is_name(s->in.data[i - 1]);)
			i--;
	return i == s->argument && !s->script;
}

static size_t skip_blanks(const struct scan *s, size_t i)
{
	while (is_blank(byte(s, i)) || (byte(s, i) == '\\' && is_blank(byte(s, i + 1))))
		i++;
	return i;
}

/*
 * What stands between a name that ends at `i` and its value: a closing quote (and bracket), '=' or ':', blanks. In a
 * list (`add_header("Name", "value")`) a comma, when both are quoted. False: no value follows.
 */
static bool find_value(const struct scan *s, size_t i, struct value *v)
{
	bool quoted = false, blank, comma;
	char before = s->run > 0 ? s->in.data[s->run - 1] : '\0';

	if (byte(s, i) == '\\' && is_quote(byte(s, i + 1)))
		i++;
	if (is_quote(byte(s, i))) {
		quoted = true;
		i += byte(s, i + 1) == ']' ? 2 : 1;
	}
	blank = is_blank(byte(s, i));
	i = skip_blanks(s, i);
	comma = byte(s, i) == ',';
	if (byte(s, i) != '=' && byte(s, i) != ':' && !(comma && quoted))
		return false;
	v->header = byte(s, i) == ':' && !quoted;
	for (i++; byte(s, i) == '=' || byte(s, i) == '>';)
		i++;
	v->start = v->header || quoted || blank ? skip_blanks(s, i) : i;
	v->argument = !quoted && leads(s);
	if (!quoted && !v->argument && is_quote(before)) {
		v->quote = before;
		v->escaped = s->run > 1 && s->in.data[s->run - 2] == '\\';
		return true;
	}
	open_quote(s, v);
	return !comma || v->quote;
}

static bool looks_like_option(const struct scan *s, size_t i)
{
	if (byte(s, i) != '-')
		return false;
	if (byte(s, i + 1) == '-')
		return is_alpha(byte(s, i + 2));
	return byte(s, i + 1) == '\0' || is_blank(byte(s, i + 1)) ||
	       (is_alpha(byte(s, i + 1)) && (byte(s, i + 2) == '\0' || is_blank(byte(s, i + 2))));
}

/* The word after an option that ends at `i`. */
static bool find_word(const struct scan *s, size_t i, struct value *v)
{
	while (is_quote(byte(s, i)) || byte(s, i) == ',')
		i++;
	if (byte(s, i) == '\0') {
		v->start = i + 1;
		v->argument = true;
		return v->start < s->in.length && !looks_like_option(s, v->start);
	}
	if (!is_blank(byte(s, i)))
		return false;
	v->start = skip_blanks(s, i);
	open_quote(s, v);
	return !looks_like_option(s, v->start);
}

/* `-u`, or -u at the end of joined short options (`-sSu`). curl(1): the ones here that take a value end the join. */
static size_t user_option(struct span run)
{
	for (size_t i = 1; i < run.length && run.length > 1 && run.data[0] == '-' && is_alpha(run.data[i]); i++) {
		if (run.data[i] == 'u' || run.data[i] == 'U')
			return i + 1;
		if (strchr("AbcCdDeEFhHKmoPQrtTwxXyYz", run.data[i]))
			return 0;
	}
	return 0;
}

static void mask_password(struct scan *s, struct value *v)
{
	size_t end = value_end(s, v);
	const char *colon = memchr(s->in.data + v->start, ':', end - v->start);

	s->at = v->start;
	if (!colon)
		return;
	v->start = (size_t)(colon - s->in.data) + 1;
	mask_at(s, v);
}

/* curl's user:password. Returns false when this is no such option. */
static bool mask_user(struct scan *s, struct span run)
{
	size_t glued = user_option(run), end = s->at;
	struct value v = {0};

	if (same(run, SPAN_LITERAL("--user")) || same(run, SPAN_LITERAL("--proxy-user")))
		glued = run.length;
	if (!s->curl || glued == 0)
		return false;
	if (glued < run.length) { /* -uuser:password */
		v.start = s->run + glued;
		v.argument = s->run == s->argument && !s->script;
	} else if (byte(s, end) == '=') {
		v.start = end + 1;
		v.argument = s->run == s->argument && !s->script;
		open_quote(s, &v);
	} else if (is_quote(byte(s, end)) && !is_quote(s->run > 0 ? s->in.data[s->run - 1] : '\0')) {
		v.start = end;
		open_quote(s, &v);
	} else if (!find_word(s, end, &v)) {
		return false;
	}
	mask_password(s, &v);
	return true;
}

/* `--token value`, `-token value`, `aws configure set aws_session_token value`. */
static bool takes_secret(struct span run)
{
	const struct name *name = secret_name(run);

	if (same(run, SPAN_LITERAL("aws-secret-access-key")) || same(run, SPAN_LITERAL("aws-session-token")))
		return true;
	if (!name || !name->option || run.data[0] != '-')
		return false;
	while (run.length && run.data[0] == '-')
		run = (struct span){run.data + 1, run.length - 1};
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (starts(run, switches[i]))
			return false;
	return true;
}

static bool mask_option(struct scan *s, struct span run)
{
	struct value v = {0};

	if (!takes_secret(run) || !find_word(s, s->at, &v))
		return false;
	mask_at(s, &v);
	return true;
}

/* scheme://user:password@host. No name is looked for in the authority (`http://token:8080/`). */
static void mask_authority(struct scan *s)
{
	size_t start = s->at + 3, end = start, at = 0, colon = 0;

	while (byte(s, end) && !is_quote(byte(s, end)) && !is_end(byte(s, end), s->script) &&
	       !strchr("/?", byte(s, end))) {
		if (byte(s, end) == '@')
			at = end;
		if (byte(s, end) == ':' && colon == 0)
			colon = end;
		end++;
	}
	if (colon && at > colon + 1 && !is_expansion(part(s, colon + 1, at)) &&
	    !span_equal(part(s, colon + 1, at), replacement))
		replace(s, colon + 1, at);
	s->at = end;
}

/* A name ended before s->at. Moves s->at on. */
static void end_run(struct scan *s)
{
	struct span run = part(s, s->run, s->at);
	size_t end = s->at;
	struct value v = {0};

	if (byte(s, end) == ':' && byte(s, end + 1) == '/' && byte(s, end + 2) == '/') {
		mask_authority(s);
		return;
	}
	s->curl |= starts(run, SPAN_LITERAL("curl"));
	if (run.length && (mask_user(s, run) || mask_option(s, run)))
		return;
	if (run.length && secret_name(run) && find_value(s, end, &v)) {
		mask_at(s, &v);
		return;
	}
	s->at = end + 1;
}

/* `sh -c`, `bash -lc`: the argument that starts here is a program. */
static bool follows_script_option(const struct scan *s)
{
	size_t end = s->argument - 1, i = end;

	while (i > 0 && s->in.data[i - 1])
		i--;
	if (end - i < 2 || end - i > 8 || s->in.data[i] != '-')
		return false;
	for (size_t k = i + 1; k < end; k++)
		if (!is_alpha(s->in.data[k]))
			return false;
	return s->in.data[end - 1] == 'c';
}

/* Keeps up with the argument s->at is in, wherever masking jumped to. */
static void track_argument(struct scan *s, size_t from)
{
	const char *nul;

	if (s->at > s->in.length)
		s->at = s->in.length;
	nul = s->at > from ? memrchr(s->in.data + from, '\0', s->at - from) : NULL;
	if (!nul)
		return;
	s->argument = (size_t)(nul - s->in.data) + 1;
	s->script = follows_script_option(s);
}

bool mask_args(struct buffer *out, struct span args)
{
	struct scan s = {.in = args, .out = out};

	while (s.at < args.length) {
		size_t from = s.at;

		while (s.at < args.length && is_name(args.data[s.at]))
			s.at++;
		s.run = from;
		end_run(&s);
		track_argument(&s, from);
	}
	buffer_span(out, part(&s, s.copied, args.length));
	return s.replaced;
}

/* The longest start of `value` that `text` ends with, when long enough to tell. */
static size_t cut_length(struct span text, struct span value)
{
	size_t n = value.length - 1;

	if (n > text.length)
		n = text.length;
	while (n >= MASK_VALUE_MIN && memcmp(text.data + text.length - n, value.data, n) != 0)
		n--;
	return n >= MASK_VALUE_MIN ? n : 0;
}

bool mask_value(struct buffer *out, struct span text, struct span value)
{
	bool replaced = false;
	const char *hit;
	size_t cut;

	if (value.length < MASK_VALUE_MIN) {
		buffer_span(out, text);
		return false;
	}
	while ((hit = text.length ? memmem(text.data, text.length, value.data, value.length) : NULL)) {
		size_t before = (size_t)(hit - text.data);

		buffer_append(out, text.data, before);
		buffer_span(out, replacement);
		text.data += before + value.length;
		text.length -= before + value.length;
		replaced = true;
	}
	cut = cut_length(text, value);
	buffer_append(out, text.data, text.length - cut);
	if (cut)
		buffer_span(out, replacement);
	return replaced || cut;
}
