/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "call/service.h"

#define GROUPS 8

struct file {
	const char *path;
	unsigned line;
	const struct cases_reader *reader;
	char name[256];
	struct buffer rules;
	bool collecting; /* rules */
	uint32_t groups[GROUPS];
	struct endpoints endpoint; /* of a "to=" */
	struct buffer head;
};

_Noreturn static void wrong(const struct file *f, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", f->path, f->line, what);
	exit(1);
}

static const char *value_of(const char *word, const char *key)
{
	size_t n = strlen(key);

	return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static struct span text_of(const char *value)
{
	return strcmp(value, "?") == 0 ? (struct span){0} : span_of(value);
}

static void read_groups(struct file *f, struct question *q, char *value)
{
	for (char *at = strtok(value, ","); at; at = strtok(NULL, ",")) {
		if (q->group_count == GROUPS)
			wrong(f, "too many groups");
		f->groups[q->group_count++] = (uint32_t)strtoul(at, NULL, 10);
	}
}

static void read_address(struct file *f, struct question *q, const char *value)
{
	const char *error;

	f->endpoint = (struct endpoints){0};
	if (endpoints_add(&f->endpoint, value, &error) < 0)
		wrong(f, error);
	q->address = f->endpoint.list[0].address;
}

static void read_who(struct file *f, struct cases_question *c, char *text)
{
	struct question *q = &c->question;
	char *save = NULL;
	const char *value;

	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if ((value = value_of(word, "uid")))
			q->uid = (uint32_t)strtoul(value, NULL, 10);
		else if ((value = value_of(word, "gid")))
			f->groups[0] = (uint32_t)strtoul(value, NULL, 10);
		else if (value_of(word, "groups"))
			read_groups(f, q, word + 7);
		else if ((value = value_of(word, "exe")))
			q->exe = text_of(value);
		else if ((value = value_of(word, "cgroup")))
			q->cgroup = text_of(value);
		else if ((value = value_of(word, "to")))
			read_address(f, q, value);
		else if (strcmp(word, "udp") == 0)
			q->datagram = true;
		else if (strcmp(word, "legacy") == 0)
			c->legacy = true;
		else
			wrong(f, "a word about the caller that is not known");
	}
}

/* {N*TEXT} is TEXT N times. */
static void add_target(struct file *f, const char *text)
{
	while (*text) {
		char *end;
		unsigned long n = *text == '{' ? strtoul(text + 1, &end, 10) : 0;

		if (!n) {
			buffer_byte(&f->head, *text++);
			continue;
		}
		if (*end != '*' || !strchr(end, '}'))
			wrong(f, "expected {N*TEXT}");
		while (n--)
			buffer_append(&f->head, end + 1, strcspn(end + 1, "}"));
		text = strchr(end, '}') + 1;
	}
}

static void add_header(struct file *f, const char *word)
{
	static const struct {
		const char *word, *header;
	} known[] = {
		{"token", "X-aws-ec2-metadata-token: x"},
		{"google", "Metadata-Flavor: Google"},
		{"azure", "Metadata: true"},
		{"oracle", "Authorization: Bearer Oracle"},
	};
	const char *header = word;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(word, known[i].word) == 0)
			header = known[i].header;
	if (!strchr(header, ':'))
		wrong(f, "a header that is not known");
	buffer_string(&f->head, header);
	buffer_string(&f->head, "\r\n");
}

static void read_request(struct file *f, struct question *q, char *text)
{
	char *save = NULL, *method = strtok_r(text, " ", &save), *target, *word;

	if (!method)
		return;
	buffer_reset(&f->head);
	if (strcmp(method, "?") == 0) {
		buffer_string(&f->head, "\x16\x03\x01");
		q->head = buffer_view(&f->head);
		return;
	}
	target = strtok_r(NULL, " ", &save);
	if (!target)
		wrong(f, "a request without a target");
	buffer_string(&f->head, method);
	buffer_byte(&f->head, ' ');
	add_target(f, target);
	buffer_string(&f->head, " HTTP/1.1\r\n");
	while ((word = strtok_r(NULL, " ", &save)))
		add_header(f, word);
	buffer_string(&f->head, "\r\n");
	q->head = buffer_view(&f->head);
}

/* "- WHO > REQUEST: VERDICT LINE" */
static void read_question(struct file *f, char *line)
{
	struct cases_question c = {.line = f->line};
	char text[4096], *request = strstr(line, ">"), *verdict = NULL, *number;

	snprintf(text, sizeof(text), "%s", line);
	for (char *at = line; (at = strstr(at, ": ")); at++)
		verdict = at;
	if (!request || !verdict || verdict < request)
		wrong(f, "expected - WHO > REQUEST: VERDICT LINE");
	*request++ = '\0';
	*verdict = '\0';
	verdict += 2;
	number = strchr(verdict, ' ');
	if (!number)
		wrong(f, "expected the rule's line behind the verdict");
	*number++ = '\0';
	f->groups[0] = 1000;
	c.text = text;
	c.verdict = verdict;
	c.rule_line = (unsigned)strtoul(number, NULL, 10);
	c.question = (struct question){.uid = 1000,
				       .groups = f->groups,
				       .group_count = 1,
				       .exe = SPAN_LITERAL("/usr/bin/curl"),
				       .cgroup = SPAN_LITERAL("/user.slice")};
	read_address(f, &c.question, "169.254.169.254");
	read_who(f, &c, line + 1);
	read_request(f, &c.question, request);
	f->reader->question(f->reader->context, &c);
}

static void read_line(struct file *f, char *line)
{
	if (line[0] == '=') {
		snprintf(f->name, sizeof(f->name), "%s", line + 2);
		buffer_reset(&f->rules);
		f->collecting = true;
	} else if (line[0] == '-') {
		if (f->collecting)
			f->reader->rules(f->reader->context, f->name, buffer_view(&f->rules));
		f->collecting = false;
		read_question(f, line);
	} else if (f->collecting && line[0]) {
		buffer_string(&f->rules, line);
		buffer_byte(&f->rules, '\n');
	}
}

void cases_read(const char *path, const struct cases_reader *reader)
{
	struct file f = {.path = path, .reader = reader};
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		wrong(&f, "it cannot be read");
	while (getline(&line, &size, file) >= 0) {
		f.line++;
		line[strcspn(line, "\n")] = '\0';
		read_line(&f, line);
	}
	fclose(file);
	free(line);
	buffer_done(&f.rules);
	buffer_done(&f.head);
}
