/* SPDX-License-Identifier: Apache-2.0 */
#include "call/cause.h"

#include <stdlib.h>

enum token_state { TOKEN_UNKNOWN, TOKEN_PENDING, TOKEN_UNANSWERED, TOKEN_REFUSED, TOKEN_GRANTED };

#define NONE UINT32_MAX

struct memory {
	uint32_t pid;
	uint32_t state; /* enum token_state */
	uint64_t start;
	uint32_t hash_next, older, newer; /* indexes, NONE at the end */
};

struct causes {
	uint64_t complete_since; /* processes started at or after that were never missed nor forgotten */
	bool complete;
	uint32_t max, count, buckets; /* buckets: power of two */
	uint32_t oldest, newest;
	uint32_t *bucket;
	struct memory memory[];
};

static uint32_t hash(const struct causes *c, uint32_t pid, uint64_t start)
{
	uint64_t h = (start ^ (uint64_t)pid << 40) * 0x9e3779b97f4a7c15ULL;

	return (uint32_t)(h >> 40) & (c->buckets - 1);
}

struct causes *causes_new(unsigned max, uint64_t attached_since)
{
	struct causes *c = malloc(sizeof(*c) + max * sizeof(struct memory));
	uint32_t buckets = 1;

	if (!c)
		return NULL;
	while (buckets < max)
		buckets *= 2;
	*c = (struct causes){.complete_since = attached_since,
			     .complete = attached_since != 0,
			     .max = max,
			     .buckets = buckets,
			     .oldest = NONE,
			     .newest = NONE};
	c->bucket = malloc(buckets * sizeof(*c->bucket));
	if (!c->bucket) {
		free(c);
		return NULL;
	}
	memset(c->bucket, 0xff, buckets * sizeof(*c->bucket));
	return c;
}

struct causes *causes_free(struct causes *c)
{
	if (c)
		free(c->bucket);
	free(c);
	return NULL;
}

static uint32_t find(const struct causes *c, const struct process *p)
{
	uint32_t i = c->bucket[hash(c, p->pid, p->start)];

	while (i != NONE && (c->memory[i].pid != p->pid || c->memory[i].start != p->start))
		i = c->memory[i].hash_next;
	return i;
}

static void list_remove(struct causes *c, uint32_t i)
{
	struct memory *m = &c->memory[i];

	*(m->older == NONE ? &c->oldest : &c->memory[m->older].newer) = m->newer;
	*(m->newer == NONE ? &c->newest : &c->memory[m->newer].older) = m->older;
}

static void list_append(struct causes *c, uint32_t i)
{
	struct memory *m = &c->memory[i];

	m->older = c->newest;
	m->newer = NONE;
	*(c->newest == NONE ? &c->oldest : &c->memory[c->newest].newer) = i;
	c->newest = i;
}

static void complete_after(struct causes *c, uint64_t time)
{
	if (c->complete_since <= time)
		c->complete_since = time + 1;
}

/* Frees the slot of the process not heard of for longest. */
static uint32_t forget_oldest(struct causes *c)
{
	uint32_t i = c->oldest;
	uint32_t *link = &c->bucket[hash(c, c->memory[i].pid, c->memory[i].start)];

	complete_after(c, c->memory[i].start);
	while (*link != i)
		link = &c->memory[*link].hash_next;
	*link = c->memory[i].hash_next;
	list_remove(c, i);
	return i;
}

static void remember(struct causes *c, const struct process *p, enum token_state state)
{
	uint32_t i = find(c, p), *bucket;

	if (p->pid == 0)
		return;
	if (i != NONE) {
		list_remove(c, i);
	} else {
		i = c->count < c->max ? c->count++ : forget_oldest(c);
		bucket = &c->bucket[hash(c, p->pid, p->start)];
		c->memory[i] = (struct memory){.pid = p->pid, .start = p->start, .hash_next = *bucket};
		*bucket = i;
	}
	c->memory[i].state = state;
	list_append(c, i);
}

void causes_token_sent(struct causes *c, const struct process *p)
{
	remember(c, p, TOKEN_PENDING);
}

void causes_token_answered(struct causes *c, const struct process *p, unsigned status)
{
	if (status == 0)
		remember(c, p, TOKEN_UNANSWERED);
	else
		remember(c, p, status / 100 == 2 ? TOKEN_GRANTED : TOKEN_REFUSED);
}

void causes_missed(struct causes *c, const struct process *p, uint64_t now)
{
	if (p->pid)
		remember(c, p, TOKEN_UNKNOWN);
	else
		complete_after(c, now);
}

enum call_cause causes_judge(const struct causes *c, const struct process *p, bool sdk_lacks_v2)
{
	uint32_t i = find(c, p);
	enum token_state state = i == NONE ? TOKEN_UNKNOWN : (enum token_state)c->memory[i].state;

	if (p->pid && state == TOKEN_REFUSED)
		return CAUSE_TOKEN_REFUSED;
	if (p->pid && (state == TOKEN_PENDING || state == TOKEN_UNANSWERED))
		return CAUSE_TOKEN_UNANSWERED;
	if (sdk_lacks_v2)
		return CAUSE_NO_TOKEN_SUPPORT;
	if (p->pid && i == NONE && c->complete && p->start >= c->complete_since)
		return CAUSE_NO_TOKEN_SUPPORT;
	return CAUSE_UNKNOWN;
}
