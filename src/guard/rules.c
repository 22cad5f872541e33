/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "guard/selector.h"

#define FILE_MAX  (1U << 20)
#define WORD_MAX  1024
#define SELECTORS 32  /* of a rule */
#define VALUES    256 /* of a selector */

struct reader {
	struct rules *rules;
	const struct rules_names *names;
	rules_mistake report;
	void *context;
	unsigned mistakes;
	int error; /* -ENOMEM */
	struct span line;
	uint32_t number;               /* of the line */
	size_t at;                     /* in the line */
	uint32_t mode, boot, provider; /* lines that set them */
};

__attribute__((format(printf, 3, 4))) static void mistake(struct reader *r, size_t at, const char *format, ...)
{
	char what[1024], text[sizeof(what) + 4200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(text, sizeof(text), "%.4096s:%u:%zu: %s", r->rules->file, r->number, at + 1, what);
	r->report(r->context, text);
	r->mistakes++;
}

/* A word as a message may have it: escaped, and not too much of it. */
static const char *shown(struct span word, char text[static 256])
{
	struct buffer b = {0};

	if (word.length > 40)
		word.length = 40;
	escape_text(&b, word, ESCAPE_EXACT);
	snprintf(text, 256, "%.*s", (int)b.length, b.data ? b.data : "");
	buffer_done(&b);
	return text;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->line.length && is_blank(r->line.data[r->at]))
		r->at++;
}

/* The next word; its length is 0 at the end of the line. `comma`: one ends it, too. */
static struct span next_word(struct reader *r, bool comma)
{
	size_t start;

	skip_blanks(r);
	start = r->at;
	while (r->at < r->line.length && !is_blank(r->line.data[r->at]) && !(comma && r->line.data[r->at] == ','))
		r->at++;
	return (struct span){r->line.data + start, r->at - start};
}

static size_t place(const struct reader *r, struct span word)
{
	return (size_t)(word.data - r->line.data);
}

static bool is(struct span s, const char *text)
{
	return span_equal(s, span_of(text));
}

/* Copies a word for functions that want a NUL; false after a mistake. */
static bool copy_word(struct reader *r, struct span word, char text[static WORD_MAX])
{
	if (word.length >= WORD_MAX) {
		mistake(r, place(r, word), "the word is longer than %d bytes", WORD_MAX - 1);
		return false;
	}
	memcpy(text, word.data, word.length);
	text[word.length] = '\0';
	return true;
}

static void *grow(struct reader *r, void *array, unsigned count, size_t size)
{
	void *more = array;

	if ((count & (count - 1)) == 0) /* room for 1, 2, 4 ... */
		more = reallocarray(array, count ? count * 2UL : 1UL, size);
	if (!more)
		r->error = -ENOMEM;
	return more;
}

static void add_value(struct reader *r, struct selector *s, struct span word)
{
	struct problem problem = {0};
	char text[WORD_MAX], room[256];
	struct selector_value *value;
	int e;

	if (!copy_word(r, word, text))
		return;
	if (s->count >= VALUES) {
		mistake(r, place(r, word), "too many values; expected at most %d", VALUES);
		return;
	}
	value = grow(r, s->value, s->count, sizeof(*value));
	if (!value)
		return;
	s->value = value;
	e = selector_value_parse(s->kind, text, r->names, &value[s->count], &problem);
	if (e == 0)
		s->count++;
	else if (e == -EINVAL)
		mistake(r, place(r, word), "%s \"%s\": %s", selector_name(s->kind), shown(word, room), problem.text);
	else
		r->error = e;
}

/* VALUE[, VALUE]... */
static void read_values(struct reader *r, struct selector *s)
{
	for (;;) {
		struct span word = next_word(r, true);

		if (word.length == 0) {
			mistake(r, r->at, "expected a value for %s", selector_name(s->kind));
			if (r->at >= r->line.length)
				return;
		} else {
			add_value(r, s, word);
		}
		skip_blanks(r);
		if (r->error || r->at >= r->line.length || r->line.data[r->at] != ',')
			return;
		r->at++;
	}
}

static struct selector *add_selector(struct reader *r, struct rule *rule, struct span word)
{
	struct selector *more;

	if (rule->count >= SELECTORS) {
		mistake(r, place(r, word), "too many selectors; expected at most %d in a rule", SELECTORS);
		return NULL;
	}
	more = grow(r, rule->selectors, rule->count, sizeof(*more));
	if (!more)
		return NULL;
	rule->selectors = more;
	more[rule->count] = (struct selector){0};
	return &more[rule->count++];
}

static bool starts_selector(struct span word)
{
	return is(word, "v1") || is(word, "v2") || is(word, "not") || is(word, "from") ||
	       selector_find(word) != SELECT_KINDS;
}

/* What follows a word that was not understood is not looked at either, up to the next one that is. */
static void skip_to_selector(struct reader *r)
{
	size_t before;
	struct span word;

	do {
		before = r->at;
		word = next_word(r, false);
	} while (word.length && !starts_selector(word));
	r->at = before;
}

static void read_selector(struct reader *r, struct rule *rule, struct span word, bool negated)
{
	bool bare = is(word, "v1") || is(word, "v2");
	enum selector_kind kind = bare ? SELECT_VERSION : selector_find(word);
	struct selector *s;
	char room[256];

	if (kind == SELECT_KINDS) {
		mistake(r, place(r, word),
			"unknown selector \"%s\"; expected user, group, exe, unit, container, cgroup, service, "
			"address, "
			"version, class, method, path, v1 or v2",
			shown(word, room));
		skip_to_selector(r);
		return;
	}
	s = add_selector(r, rule, word);
	if (!s) {
		r->at = r->line.length;
		return;
	}
	s->kind = kind;
	s->negated = negated;
	if (bare)
		add_value(r, s, word);
	else
		read_values(r, s);
}

static void read_selectors(struct reader *r, struct rule *rule)
{
	struct span word, before = {0};
	bool negated = false;

	while ((word = next_word(r, false)).length && !r->error) {
		if (negated && (is(word, "not") || is(word, "from"))) {
			mistake(r, place(r, word), "expected a selector behind \"not\"");
			negated = false;
			word = (struct span){0};
		} else if (is(word, "not")) {
			negated = true;
		} else if (is(word, "from")) {
			if (before.length && is(before, "from"))
				mistake(r, place(r, word), "expected a selector behind \"from\"");
		} else {
			read_selector(r, rule, word, negated);
			negated = false;
		}
		before = word;
	}
	if (negated || (before.length && is(before, "from")))
		mistake(r, place(r, before), "expected a selector behind \"%s\"", negated ? "not" : "from");
}

static void read_rule(struct reader *r, struct span word)
{
	struct rules *rules = r->rules;
	size_t start = place(r, word), end = r->line.length;
	struct rule *rule;

	if (rules->count >= TABLE_RULES) {
		mistake(r, start, "too many rules; expected at most %d", TABLE_RULES);
		return;
	}
	rule = grow(r, rules->rule, rules->count, sizeof(*rule));
	if (!rule)
		return;
	rules->rule = rule;
	rule += rules->count++;
	while (is_blank(r->line.data[end - 1]))
		end--;
	*rule = (struct rule){.deny = is(word, "deny"), .line = r->number, .text = {r->line.data + start, end - start}};
	read_selectors(r, rule);
}

/* A line that may be there once. */
static bool is_first(struct reader *r, struct span word, uint32_t *line)
{
	if (*line) {
		mistake(r, place(r, word), "%.*s is already at line %u", (int)word.length, word.data, *line);
		return false;
	}
	*line = r->number;
	return true;
}

static void set_mode(struct reader *r, struct span value)
{
	if (is(value, "audit"))
		r->rules->mode = TABLE_AUDIT;
	else if (is(value, "enforce"))
		r->rules->mode = TABLE_ENFORCE;
	else
		mistake(r, place(r, value), "the mode is not understood; expected audit or enforce");
}

static void set_boot(struct reader *r, struct span value)
{
	if (is(value, "open"))
		r->rules->boot = BOOT_OPEN;
	else if (is(value, "closed"))
		r->rules->boot = BOOT_CLOSED;
	else
		mistake(r, place(r, value), "what holds at boot is not understood; expected open or closed");
}

static void set_provider(struct reader *r, struct span value)
{
	char text[WORD_MAX];

	if (!copy_word(r, value, text))
		return;
	if (!service_of_provider(text) || value.length >= sizeof(r->rules->provider))
		mistake(r, place(r, value),
			"the provider is not known; expected aws, azure, gcp, oracle, alibaba ... (man imdsnitch has "
			"them all)");
	else
		memcpy(r->rules->provider, text, value.length + 1);
}

static void add_endpoint(struct reader *r, struct span value)
{
	const char *error = NULL;
	char text[WORD_MAX];

	if (copy_word(r, value, text) && endpoints_add(&r->rules->endpoints, text, &error) < 0)
		mistake(r, place(r, value), "%s", error);
}

static void read_setting(struct reader *r, struct span word)
{
	struct span value = next_word(r, false), rest = next_word(r, false);

	if (value.length == 0)
		mistake(r, r->at, "expected a value for %.*s", (int)word.length, word.data);
	else if (rest.length)
		mistake(r, place(r, rest), "expected the line's end behind the value of %.*s", (int)word.length,
			word.data);
	else if (is(word, "endpoint"))
		add_endpoint(r, value);
	else if (is(word, "mode") && is_first(r, word, &r->mode))
		set_mode(r, value);
	else if (is(word, "boot") && is_first(r, word, &r->boot))
		set_boot(r, value);
	else if (is(word, "provider") && is_first(r, word, &r->provider))
		set_provider(r, value);
}

/* A '#' at the start of the line or behind a blank begins a comment. */
static struct span without_comment(struct span line)
{
	for (size_t i = 0; i < line.length; i++)
		if (line.data[i] == '#' && (i == 0 || is_blank(line.data[i - 1])))
			return (struct span){line.data, i};
	return line;
}

static bool is_text(struct reader *r)
{
	for (size_t i = 0; i < r->line.length; i++) {
		unsigned char c = (unsigned char)r->line.data[i];

		if ((c < 0x20 && !is_blank((char)c)) || c == 0x7f) {
			mistake(r, i, "the line holds a control character (0x%02x); expected text", c);
			return false;
		}
	}
	return true;
}

static void read_line(struct reader *r)
{
	struct span word;
	char room[256];

	r->at = 0;
	if (!is_text(r))
		return;
	r->line = without_comment(r->line);
	word = next_word(r, false);
	if (word.length == 0)
		return;
	if (is(word, "allow") || is(word, "deny"))
		read_rule(r, word);
	else if (is(word, "mode") || is(word, "boot") || is(word, "provider") || is(word, "endpoint"))
		read_setting(r, word);
	else
		mistake(r, place(r, word),
			"unknown word \"%s\"; expected allow, deny, mode, boot, provider or endpoint",
			shown(word, room));
}

static void read_lines(struct reader *r, struct span text)
{
	if (span_starts(text, SPAN_LITERAL("\xef\xbb\xbf")))
		text = (struct span){text.data + 3, text.length - 3};
	while (text.length && !r->error) {
		const char *end = memchr(text.data, '\n', text.length);
		size_t length = end ? (size_t)(end - text.data) : text.length;

		r->number++;
		r->line = (struct span){text.data, length};
		read_line(r);
		length += end ? 1 : 0;
		text = (struct span){text.data + length, text.length - length};
	}
}

static struct rules *rules_new(const char *file, struct span text)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return NULL;
	rules->file = strdup(file);
	rules->content = malloc(text.length + 1);
	if (!rules->file || !rules->content)
		return rules_free(rules);
	memcpy(rules->content, text.length ? text.data : "", text.length);
	rules->content[text.length] = '\0';
	rules->mode = TABLE_AUDIT;
	rules->boot = BOOT_OPEN;
	endpoints_init(&rules->endpoints);
	return rules;
}

int rules_parse(const char *file, struct span text, const struct rules_names *names, rules_mistake mistake_,
		void *context, struct rules **ret_rules)
{
	static const struct rules_names of_files = {0};
	struct reader r = {.names = names ? names : &of_files, .report = mistake_, .context = context};

	r.rules = rules_new(file, text);
	if (!r.rules)
		return -ENOMEM;
	read_lines(&r, (struct span){r.rules->content, text.length});
	if (r.error || r.mistakes) {
		rules_free(r.rules);
		return r.error ? r.error : -EINVAL;
	}
	*ret_rules = r.rules;
	return 0;
}

static int read_file(const char *path, struct buffer *text, struct problem *problem)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	do {
		if (!buffer_reserve(text, 65536))
			return problem_set(problem, -ENOMEM, "%s: out of memory", path);
		n = fread(text->data + text->length, 1, 65536, f);
		text->length += n;
	} while (n && text->length <= FILE_MAX);
	if (ferror(f))
		return problem_set(problem, -EIO, "%s: it cannot be read: %s", path, strerror(errno));
	if (text->length > FILE_MAX)
		return problem_set(problem, -EFBIG, "%s: it is longer than 1 MiB; no rule file is", path);
	return 0;
}

int rules_read(const char *path, rules_mistake mistake_, void *context, struct rules **ret_rules)
{
	struct buffer text = {0};
	struct problem problem = {0};
	int r = read_file(path, &text, &problem);

	if (r < 0)
		mistake_(context, problem.text);
	else
		r = rules_parse(path, buffer_view(&text), NULL, mistake_, context, ret_rules);
	buffer_done(&text);
	return r;
}

struct rules *rules_free(struct rules *rules)
{
	if (!rules)
		return NULL;
	for (unsigned i = 0; i < rules->count; i++) {
		for (unsigned k = 0; k < rules->rule[i].count; k++)
			selector_done(&rules->rule[i].selectors[k]);
		free(rules->rule[i].selectors);
	}
	free(rules->rule);
	free(rules->content);
	free(rules->file);
	free(rules);
	return NULL;
}
