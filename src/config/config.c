/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <ini.h>

#include "base/cleanup.h"

struct reader {
	const char *path;
	FILE *file;
	struct config *config;
	struct section *section; /* the one lines go into now; NULL: none, or one with a mistake in its name */
	unsigned line;           /* of the last line read */
	unsigned mistakes;
	char *text; /* of that line */
	size_t size;
	bool skipping; /* the section's name was a mistake: its keys are not looked at */
	void (*report)(void *context, const char *text);
	void *context;
};

__attribute__((format(printf, 3, 4))) static void mistake(struct reader *r, unsigned line, const char *format, ...)
{
	char what[512], text[sizeof(what) + 4200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (line)
		snprintf(text, sizeof(text), "%s:%u: %s", r->path, line, what);
	else
		snprintf(text, sizeof(text), "%s: %s", r->path, what);
	r->report(r->context, text);
	r->mistakes++;
}

static struct section *find_section(struct config *c, enum settings_kind kind, const char *name)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->section[i].settings.kind == kind && strcmp(c->section[i].settings.name, name) == 0)
			return &c->section[i];
	return NULL;
}

static struct section *add_section(struct config *c, enum settings_kind kind, const char *name, unsigned line)
{
	struct section *s;

	if (c->count == CONFIG_SECTIONS - (line ? 3 : 0))
		return NULL;
	s = &c->section[c->count++];
	settings_init(&s->settings, kind, name);
	s->line = line;
	return s;
}

/* Letters, digits, - and _: the name stands in file names and metrics. */
static bool is_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_", *c))
			return false;
	return strlen(name) < SETTINGS_NAME;
}

static bool is_single(enum settings_kind kind)
{
	return kind == SETTINGS_INVENTORY || kind == SETTINGS_METRICS || !settings_kind_is_sink(kind);
}

static void begin_section(struct reader *r, char *title)
{
	char *name = strchr(title, ' ');
	enum settings_kind kind;
	const struct section *before;

	if (name) {
		*name++ = '\0';
		name += strspn(name, " ");
	}
	r->section = NULL;
	r->skipping = true;
	kind = settings_kind_find(title);
	before = kind ? find_section(r->config, kind, name ? name : "") : NULL;
	if (!kind)
		mistake(r, r->line,
			"unknown section [%.64s]; expected service, guard, log, journal, syslog, inventory or metrics",
			title);
	else if (name && is_single(kind))
		mistake(r, r->line, "there is only one [%s]; it takes no name", title);
	else if (name && (!*name || !is_name(name)))
		mistake(r, r->line, "the name in [%s NAME] is to be at most 31 letters, digits, - and _", title);
	else if (before)
		mistake(r, r->line, "section [%s%s%s] is already at line %u", title, name ? " " : "", name ? name : "",
			before->line);
	else if (!(r->section = add_section(r->config, kind, name ? name : "", r->line)))
		mistake(r, r->line, "more than %u sections", CONFIG_SECTIONS - 3);
	r->skipping = !r->section;
}

/*
 * inih tells neither sections without keys nor, for every mistake, the line: both are seen here, before it gets the
 * line. Returns whether it is to see it.
 */
static bool look_at_line(struct reader *r, char *line)
{
	char *start = line + strspn(line, " \t\r\n"), *end;

	if (!*start || strchr(";#", *start))
		return true;
	if (*start == '[') {
		end = strchr(start, ']');
		if (!end) {
			mistake(r, r->line, "the section's name has no closing bracket");
			r->skipping = true;
			return false;
		}
		*end = '\0';
		begin_section(r, start + 1);
		*end = ']';
		end += 1 + strspn(end + 1, " \t\r\n");
		if (*end && !strchr(";#", *end))
			mistake(r, r->line, "a section's name stands alone on its line");
		return false; /* its keys are known by r->section */
	}
	if (r->skipping)
		return false;
	if (start != line) {
		mistake(r, r->line, "a key starts at the beginning of its line");
		return false;
	}
	if (!strpbrk(start, "=:")) {
		mistake(r, r->line, "expected key = value");
		return false;
	}
	if (!r->section) {
		mistake(r, r->line, "a key before any section; begin with [log] or another section");
		return false;
	}
	return true;
}

/* ini_reader: one line as fgets() gives it; what inih is not to see becomes an empty line. */
static char *next_line(char *text, int size, void *stream)
{
	struct reader *r = stream;
	ssize_t n = getline(&r->text, &r->size, r->file);

	if (n < 0)
		return NULL;
	r->line++;
	if (r->line == 1 && n >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0) {
		n -= 3;
		memmove(r->text, r->text + 3, (size_t)n + 1);
	}
	if (strlen(r->text) < (size_t)n)
		mistake(r, r->line, "the line holds a NUL byte");
	else if (strlen(r->text) >= (size_t)size)
		mistake(r, r->line, "the line is longer than %d bytes", size - 2);
	else if (look_at_line(r, r->text))
		return memcpy(text, r->text, strlen(r->text) + 1);
	return memcpy(text, "\n", 2);
}

static bool is_given(const struct section *s, const char *key)
{
	const char *at = s->pairs.data, *end = at ? at + s->pairs.length : at;

	while (at < end) {
		if (strcmp(at, key) == 0)
			return true;
		at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	return false;
}

static bool is_repeated(enum settings_kind kind, const char *key)
{
	for (const struct setting *t = settings_table; t->key; t++)
		if (t->kind == kind && strcmp(t->key, key) == 0)
			return t->repeated;
	return false;
}

/* ini_handler; the section is known by look_at_line(). */
static int on_pair(void *context, const char *section, const char *key, const char *value)
{
	struct reader *r = context;
	struct section *s = r->section;
	const char *error = NULL, *kind;
	int e;

	if (!s)
		return 1;
	kind = settings_kind_name(s->settings.kind);
	if (is_given(s, key) && !is_repeated(s->settings.kind, key)) {
		mistake(r, r->line, "%.64s is given twice in [%s]", key, kind);
		return 1;
	}
	e = settings_set(&s->settings, key, value, &error);
	if (e == -ENOENT)
		mistake(r, r->line, "[%s] has no key %.64s (man imdsnitch.conf)", kind, key);
	else if (e < 0)
		mistake(r, r->line, "%.64s = %.128s: %s", key, value, error);
	buffer_append(&s->pairs, key, strlen(key) + 1);
	buffer_append(&s->pairs, value, strlen(value) + 1);
	return 1;
}

/* Two sinks that write one file would tear each other's lines, or replace them. */
static void check_file(struct reader *r, const struct section *s)
{
	const char *file = settings_file(&s->settings);

	for (unsigned i = 0; file[0] && i < r->config->count; i++) {
		const struct section *other = &r->config->section[i];

		/* The one that is said later is the mistake; what nobody said is always the earlier one. */
		if (other->line < s->line && strcmp(settings_file(&other->settings), file) == 0) {
			mistake(r, s->line, "[%s] writes %.255s, as [%s] does; give each its own path",
				settings_kind_name(s->settings.kind), file, settings_kind_name(other->settings.kind));
			return;
		}
	}
}

static void check_sections(struct reader *r)
{
	const char *error;

	for (unsigned i = 0; i < r->config->count; i++) {
		struct section *s = &r->config->section[i];

		if (settings_check(&s->settings, &error) < 0)
			mistake(r, s->line, "[%s]: %s", settings_kind_name(s->settings.kind), error);
		if (s->pairs.failed)
			mistake(r, s->line, "out of memory");
	}
	for (unsigned i = 0; i < r->config->count; i++)
		check_file(r, &r->config->section[i]);
}

/* What is there without being said. */
static void add_defaults(struct config *c)
{
	static const enum settings_kind kinds[] = {SETTINGS_SERVICE, SETTINGS_LOG, SETTINGS_INVENTORY};

	for (unsigned i = 0; i < 3; i++) {
		bool found = false;

		for (unsigned k = 0; k < c->count; k++)
			found |= c->section[k].settings.kind == kinds[i];
		if (!found)
			add_section(c, kinds[i], "", 0);
	}
}

static int read_file(struct reader *r, bool may_miss)
{
	int e = 0;

	r->file = fopen(r->path, "re");
	if (!r->file && errno == ENOENT && may_miss)
		return 0;
	if (!r->file) {
		e = -errno;
		mistake(r, 0, "%s", strerror(errno));
		return e;
	}
	ini_parse_stream(next_line, r, on_pair, r);
	if (ferror(r->file)) {
		mistake(r, 0, "it cannot be read: %s", strerror(errno));
		e = -EIO;
	}
	fclose(r->file);
	free(r->text);
	return e;
}

int config_read(const char *path, bool may_miss, void (*report)(void *context, const char *text), void *context,
		struct config **ret_config)
{
	struct reader r = {.path = path, .report = report, .context = context};
	int e;

	*ret_config = NULL;
	r.config = calloc(1, sizeof(*r.config));
	if (!r.config)
		return -ENOMEM;
	e = read_file(&r, may_miss);
	if (e == 0) {
		add_defaults(r.config);
		check_sections(&r);
	}
	*ret_config = r.config;
	if (e < 0)
		return e;
	return r.mistakes ? -EINVAL : 0;
}

struct config *config_free(struct config *c)
{
	for (unsigned i = 0; c && i < c->count; i++)
		buffer_done(&c->section[i].pairs);
	free(c);
	return NULL;
}

const char *config_rules(const struct config *c)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->section[i].settings.kind == SETTINGS_GUARD && c->section[i].settings.guard.rules[0])
			return c->section[i].settings.guard.rules;
	return NULL;
}

const struct service_settings *config_service(const struct config *c)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->section[i].settings.kind == SETTINGS_SERVICE)
			return &c->section[i].settings.service;
	return NULL;
}
