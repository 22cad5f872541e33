/* SPDX-License-Identifier: Apache-2.0 */
#include "call/message.h"

#include <stdlib.h>

/* Spare messages kept, and the largest buffer a spare one may keep. */
#define POOL_MAX  8
#define SPARE_MAX 4096

struct message *message_take(struct message_pool *pool, enum head_kind kind)
{
	struct message *m = pool->spare;

	if (m) {
		pool->spare = m->next;
		pool->count--;
	} else {
		m = calloc(1, sizeof(*m));
		if (!m)
			return NULL;
	}
	head_init(&m->head, kind);
	return m;
}

static void buffer_wipe(struct message_pool *pool, struct buffer *b)
{
	if (b->capacity > SPARE_MAX) {
		budget_release(pool->budget, b);
		return;
	}
	if (b->length)
		explicit_bzero(b->data, b->length);
	b->length = 0;
}

static void message_free(struct message_pool *pool, struct message *m)
{
	budget_release(pool->budget, &m->text);
	budget_release(pool->budget, &m->secrets);
	free(m);
}

struct message *message_give(struct message_pool *pool, struct message *m)
{
	if (!m)
		return NULL;
	if (pool->count >= POOL_MAX) {
		message_free(pool, m);
		return NULL;
	}
	buffer_wipe(pool, &m->text);
	buffer_wipe(pool, &m->secrets);
	*m = (struct message){.text = m->text, .secrets = m->secrets, .next = pool->spare};
	pool->spare = m;
	pool->count++;
	return NULL;
}

void message_pool_done(struct message_pool *pool)
{
	while (pool->spare) {
		struct message *m = pool->spare;

		pool->spare = m->next;
		message_free(pool, m);
	}
	pool->count = 0;
}

static void keep(struct message *m, struct budget *g, const char *data, size_t length)
{
	size_t room = m->text.length < HEAD_TEXT_MAX ? HEAD_TEXT_MAX - m->text.length : 0;

	if (m->cut)
		return;
	m->cut = length > room;
	if (!budget_append(g, &m->text, data, length < room ? length : room))
		m->cut = true;
}

static void keep_secret(struct message *m, struct budget *g, char c)
{
	if (!m->hiding) {
		m->hiding = true;
		keep(m, g, MASK_TEXT, MASK_LENGTH);
	}
	if (m->secret_values >= SECRET_VALUES_MAX)
		return;
	if (m->secret_cut || m->secrets.length + 1 >= SECRETS_MAX || !budget_append(g, &m->secrets, &c, 1))
		m->secret_cut = true;
}

/* A value ended: terminate it, without the white space at its end. */
static void end_secret(struct message *m, struct budget *g)
{
	struct buffer *s = &m->secrets;

	m->hiding = false;
	if (m->secret_values >= SECRET_VALUES_MAX)
		return;
	m->secret_values++;
	while (s->length && head_is_blank((uint8_t)s->data[s->length - 1]))
		s->length--;
	if (!budget_append(g, s, "", 1))
		m->secret_cut = true;
}

/* Bytes of the input not yet copied into the text. */
struct run {
	const char *start;
};

static void flush(struct message *m, struct budget *g, struct run *run, const char *end)
{
	if (end > run->start)
		keep(m, g, run->start, (size_t)(end - run->start));
	run->start = end;
}

/* The byte at `at` is special: before the start line, in or behind a secret, or where the user agent begins. */
static void keep_special(struct message *m, struct budget *g, struct run *run, const char *at, const struct head *h)
{
	if (h->length == 0)
		run->start = at + 1;
	if (h->flags & HEAD_F_HIDING && *at != '\r' && *at != '\n') {
		flush(m, g, run, at);
		keep_secret(m, g, *at);
		run->start = at + 1;
	} else if (m->hiding) {
		end_secret(m, g);
	}
	if (h->current & HEADER_USER_AGENT && !m->has_agent_shift) {
		flush(m, g, run, at + 1);
		m->has_agent_shift = true;
		m->agent_shift = (uint32_t)(h->length - m->text.length);
	}
}

static bool is_special(const struct message *m, const struct head *h)
{
	return h->flags & HEAD_F_HIDING || h->length == 0 || m->hiding ||
	       (h->current & HEADER_USER_AGENT && !m->has_agent_shift);
}

/* Does the scanner only count here, up to the end of the name or value? */
static bool is_dull(const struct head *h)
{
	if (h->state == HEAD_S_NAME)
		return h->matching == 0;
	return h->state == HEAD_S_VALUE && !h->secret && h->open == VALUE_NONE &&
	       !(h->current & (HEAD_NUMBERS | HEAD_LISTS));
}

/* How many bytes remain of the name or value. */
static size_t dull_length(bool name, const char *data, size_t length)
{
	const char *line = memchr(data, '\n', length), *colon;

	length = line ? (size_t)(line - data) : length;
	colon = name ? memchr(data, ':', length) : NULL;
	return colon ? (size_t)(colon - data) : length;
}

enum head_result message_feed(struct message *m, struct budget *budget, const char *data, size_t length,
			      size_t *ret_used)
{
	bool request = m->head.kind == HEAD_REQUEST;
	enum head_result r = HEAD_MORE;
	struct run run = {data};
	struct head h = m->head; /* a copy the compiler can keep in registers */
	size_t i = 0, skip;

	while (i < length && r == HEAD_MORE) {
		if (is_dull(&h)) {
			skip = dull_length(h.state == HEAD_S_NAME, data + i, length - i);
			h.length += skip;
			i += skip;
			if (i == length)
				break;
		}
		r = head_step(&h, (uint8_t)data[i]);
		if (request && is_special(m, &h)) {
			struct head copy = h;

			keep_special(m, budget, &run, data + i, &copy);
		}
		i++;
	}
	m->head = h;
	if (request)
		flush(m, budget, &run, data + i);
	*ret_used = i;
	return r;
}

struct span message_text(const struct message *m)
{
	struct span s = buffer_view(&m->text);

	if (m->cut || m->head.state != HEAD_S_DONE || m->head.major == 0)
		return s;
	s.length--;
	if (s.length && s.data[s.length - 1] == '\r')
		s.length--;
	return s;
}

static struct span text_part(const struct message *m, uint64_t offset, uint64_t length)
{
	if (offset >= m->text.length)
		return (struct span){0};
	if (length > m->text.length - offset)
		length = m->text.length - offset;
	return (struct span){m->text.data + offset, (size_t)length};
}

struct span message_target(const struct message *m)
{
	if (m->head.target.length == 0)
		return (struct span){0};
	return text_part(m, m->head.target.offset, m->head.target.length);
}

struct span message_agent(const struct message *m)
{
	const struct head_span *v = &m->head.value[VALUE_USER_AGENT];

	if (v->offset == 0 || !m->has_agent_shift)
		return (struct span){0};
	return text_part(m, v->offset - m->agent_shift, v->length);
}
