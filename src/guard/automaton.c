/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/automaton.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define STATES_MAX (1U << 17) /* before those that are alike are made one */
#define SLOTS      (1U << 19)
#define MEMORY_MAX (256U << 20) /* of all states' bytes */
#define EMPTY      UINT32_MAX

struct explorer {
	const struct automaton_source *source;
	struct buffer bytes; /* of all states, one behind the other */
	size_t *at;          /* at[n], at[n + 1]: where state n is in them */
	uint32_t *slot;      /* hash table of states */
	uint32_t count;
	uint32_t *next;
	int *mark;
};

static uint32_t hash_bytes(uint32_t h, const void *data, size_t length)
{
	const unsigned char *c = data;
	uint32_t word;

	for (; length >= sizeof(word); length -= sizeof(word), c += sizeof(word)) {
		memcpy(&word, c, sizeof(word));
		h = (h ^ word) * 16777619U;
		h ^= h >> 13;
	}
	for (size_t i = 0; i < length; i++)
		h = (h ^ c[i]) * 16777619U;
	return h ^ (h >> 15);
}

static struct span state_of(const struct explorer *e, uint32_t n)
{
	return (struct span){e->bytes.data + e->at[n], e->at[n + 1] - e->at[n]};
}

/* The number of the state with these bytes, a new one when it is met for the first time. */
static int find_state(struct explorer *e, struct span state, uint32_t *ret_number)
{
	uint32_t i = hash_bytes(2166136261U, state.data, state.length) % SLOTS;

	for (; e->slot[i] != EMPTY; i = (i + 1) % SLOTS)
		if (span_equal(state_of(e, e->slot[i]), state)) {
			*ret_number = e->slot[i];
			return 0;
		}
	if (e->count == STATES_MAX || e->bytes.length + state.length > MEMORY_MAX)
		return -E2BIG;
	buffer_span(&e->bytes, state);
	if (e->bytes.failed)
		return -ENOMEM;
	e->slot[i] = e->count;
	e->at[++e->count] = e->bytes.length;
	*ret_number = e->count - 1;
	return 0;
}

/* A byte of each class. */
static void representatives(const struct automaton_source *source, uint8_t byte[static 256])
{
	for (unsigned c = 256; c-- > 0;)
		byte[source->class_of[c]] = (uint8_t)c;
}

static int explore(struct explorer *e)
{
	const struct automaton_source *s = e->source;
	struct buffer from = {0}, to = {0};
	uint8_t byte[256];
	uint32_t start;
	int r;

	representatives(s, byte);
	s->start(s->data, &from);
	r = from.failed ? -ENOMEM : find_state(e, buffer_view(&from), &start);
	for (uint32_t n = 0; r == 0 && n < e->count; n++) {
		buffer_reset(&from); /* a copy: the states move when there are more of them */
		buffer_span(&from, state_of(e, n));
		for (unsigned class = 0; r == 0 && class < s->classes; class ++) {
			buffer_reset(&to);
			s->step(s->data, buffer_view(&from), byte[class], &to);
			r = from.failed || to.failed ? -ENOMEM : 0;
			if (r == 0)
				r = find_state(e, buffer_view(&to), &e->next[n * s->classes + class]);
		}
		e->mark[n] = r == 0 ? s->mark(s->data, buffer_view(&from)) : 0;
		if (r == 0 && e->mark[n] < 0)
			r = e->mark[n];
	}
	buffer_done(&from);
	buffer_done(&to);
	return r;
}

/*
 * Moore's algorithm: states are in one group until it shows that they can be told apart. A state is looked at again
 * only when one it leads to has changed its group.
 */
struct partition {
	uint32_t groups, count;
	uint32_t *group;  /* of a state */
	uint32_t *size;   /* of a group */
	uint32_t *looked; /* how many of a group are looked at in this round */
	uint64_t *leads;  /* of a group: where its states lead */
	uint32_t *first;  /* of a group: one of its states */
	uint32_t *now;    /* states looked at in this round … */
	uint32_t *then;   /* … and in the next one */
	uint64_t *sum;    /* of a state looked at: where it leads */
	uint32_t *moved;
	uint32_t *before; /* states that lead to state n: before[at[n]] up to at[n + 1] */
	uint32_t *at;
	uint8_t *noted; /* is in `then` */
};

static void partition_done(struct partition *p)
{
	free(p->group);
	free(p->size);
	free(p->looked);
	free(p->leads);
	free(p->first);
	free(p->now);
	free(p->then);
	free(p->sum);
	free(p->moved);
	free(p->before);
	free(p->at);
	free(p->noted);
}

static bool partition_init(struct partition *p, const struct explorer *e)
{
	uint32_t n = e->count, most = n;

	for (uint32_t i = 0; i < n; i++) /* marks are the first groups, some of them perhaps empty */
		most = (uint32_t)e->mark[i] >= most ? (uint32_t)e->mark[i] + 1 : most;
	*p = (struct partition){.count = n};
	most += n;
	p->group = calloc(n, sizeof(*p->group));
	p->size = calloc(most, sizeof(*p->size));
	p->looked = calloc(most, sizeof(*p->looked));
	p->leads = calloc(most, sizeof(*p->leads));
	p->first = calloc(most, sizeof(*p->first));
	p->now = calloc(n, sizeof(*p->now));
	p->then = calloc(n, sizeof(*p->then));
	p->sum = calloc(n, sizeof(*p->sum));
	p->moved = calloc(n, sizeof(*p->moved));
	p->before = calloc((size_t)n * e->source->classes, sizeof(*p->before));
	p->at = calloc(n + 2, sizeof(*p->at));
	p->noted = calloc(n, sizeof(*p->noted));
	return p->group && p->size && p->looked && p->leads && p->first && p->now && p->then && p->sum && p->moved &&
	       p->before && p->at && p->noted;
}

static void find_before(struct partition *p, const struct explorer *e)
{
	size_t edges = (size_t)p->count * e->source->classes;

	for (size_t i = 0; i < edges; i++)
		p->at[e->next[i] + 2]++;
	for (uint32_t n = 2; n <= p->count + 1; n++)
		p->at[n] += p->at[n - 1];
	for (size_t i = 0; i < edges; i++)
		p->before[p->at[e->next[i] + 1]++] = (uint32_t)(i / e->source->classes);
}

/* Where a state leads, as one number; that of two states differs by any reasonable doubt (see is_right()). */
static uint64_t sum_of(const struct partition *p, const struct explorer *e, uint32_t state)
{
	const uint32_t *next = &e->next[(size_t)state * e->source->classes];
	uint64_t sum = 14695981039346656037ULL;

	for (unsigned c = 0; c < e->source->classes; c++) {
		sum = (sum ^ p->group[next[c]]) * 0x9e3779b97f4a7c15ULL;
		sum ^= sum >> 29;
	}
	return sum;
}

/* The group for states of group `g` that lead to `sum`, a new one when there is none yet. */
static uint32_t group_for(struct partition *p, struct explorer *e, uint32_t g, uint64_t sum)
{
	uint64_t key[2] = {g, sum};
	uint32_t i = hash_bytes(2166136261U, key, sizeof(key)) % SLOTS;

	for (; e->slot[i] != EMPTY; i = (i + 1) % SLOTS)
		if (p->leads[e->slot[i]] == sum && p->first[e->slot[i]] == g)
			return e->slot[i];
	e->slot[i] = p->groups;
	p->leads[p->groups] = sum;
	p->first[p->groups] = g; /* until the end: which group it comes from */
	return p->groups++;
}

/* One round over p->now; returns how many states have changed their group. */
static uint32_t part(struct partition *p, struct explorer *e, uint32_t count)
{
	uint32_t moved = 0;

	memset(e->slot, 0xff, SLOTS * sizeof(*e->slot));
	for (uint32_t i = 0; i < count; i++) {
		p->sum[p->now[i]] = sum_of(p, e, p->now[i]);
		p->looked[p->group[p->now[i]]]++;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t g = p->group[p->now[i]];

		if (p->looked[g] == p->size[g]) /* all of them: the first one keeps the group */
			p->leads[g] = p->sum[p->now[i]];
		p->looked[g] = 0;
		if (p->sum[p->now[i]] != p->leads[g])
			p->moved[moved++] = p->now[i];
	}
	for (uint32_t i = 0; i < moved; i++) {
		uint32_t state = p->moved[i], g = group_for(p, e, p->group[state], p->sum[state]);

		p->size[p->group[state]]--;
		p->size[g]++;
		p->now[i] = g; /* not yet: the other groups are looked up by the old one */
	}
	for (uint32_t i = 0; i < moved; i++)
		p->group[p->moved[i]] = p->now[i];
	return moved;
}

/* The states that lead to one that has moved. */
static uint32_t look_again(struct partition *p, uint32_t moved)
{
	uint32_t count = 0, *other;

	for (uint32_t i = 0; i < moved; i++)
		for (uint32_t k = p->at[p->moved[i]]; k < p->at[p->moved[i] + 1]; k++)
			if (!p->noted[p->before[k]]) {
				p->noted[p->before[k]] = 1;
				p->then[count++] = p->before[k];
			}
	for (uint32_t i = 0; i < count; i++)
		p->noted[p->then[i]] = 0;
	other = p->now;
	p->now = p->then;
	p->then = other;
	return count;
}

/* Numbers the groups that are left in the order of their first states. */
static void number_groups(struct partition *p)
{
	uint32_t groups = 0;

	memset(p->looked, 0xff, p->groups * sizeof(*p->looked));
	for (uint32_t n = 0; n < p->count; n++) {
		uint32_t *number = &p->looked[p->group[n]];

		if (*number == EMPTY) {
			*number = groups;
			p->first[groups++] = n;
		}
	}
	for (uint32_t n = 0; n < p->count; n++)
		p->group[n] = p->looked[p->group[n]];
	p->groups = groups;
}

/* Do all states of a group lead to the same groups? */
static bool is_right(const struct partition *p, const struct explorer *e)
{
	unsigned classes = e->source->classes;

	for (uint32_t n = 0; n < p->count; n++) {
		uint32_t first = p->first[p->group[n]];

		for (unsigned c = 0; c < classes; c++)
			if (p->group[e->next[(size_t)n * classes + c]] !=
			    p->group[e->next[(size_t)first * classes + c]])
				return false;
	}
	return true;
}

/* Classes whose bytes lead to the same from everywhere are one. */
static void merge_classes(struct automaton_text *a)
{
	uint8_t class_of[256];
	unsigned kept = 0, *column = calloc(a->classes, sizeof(*column));

	for (unsigned c = 0; column && c < a->classes; c++) {
		unsigned k = 0;

		for (; k < kept; k++) {
			uint32_t n = 0;

			while (n < a->count && a->next[n * a->classes + c] == a->next[n * a->classes + column[k]])
				n++;
			if (n == a->count)
				break;
		}
		if (k == kept)
			column[kept++] = c;
		class_of[c] = (uint8_t)k;
	}
	for (uint32_t n = 0; column && n < a->count; n++)
		for (unsigned k = 0; k < kept; k++)
			a->next[n * kept + k] = a->next[n * a->classes + column[k]];
	for (unsigned c = 0; column && c < 256; c++)
		a->class_of[c] = class_of[a->class_of[c]];
	a->classes = column ? (uint16_t)kept : a->classes;
	free(column);
}

static int write_text(const struct explorer *e, const struct partition *p, struct automaton_text *ret_text)
{
	const struct automaton_source *s = e->source;
	struct automaton_text a = {.count = p->groups, .classes = (uint16_t)s->classes, .start = (uint16_t)p->group[0]};

	a.next = calloc((size_t)p->groups * s->classes, sizeof(*a.next));
	a.mark = calloc(p->groups, sizeof(*a.mark));
	if (!a.next || !a.mark) {
		automaton_text_done(&a);
		return -ENOMEM;
	}
	memcpy(a.class_of, s->class_of, sizeof(a.class_of));
	for (uint32_t g = 0; g < p->groups; g++) {
		a.mark[g] = e->mark[p->first[g]];
		for (unsigned c = 0; c < s->classes; c++)
			a.next[g * s->classes + c] = p->group[e->next[p->first[g] * s->classes + c]];
	}
	merge_classes(&a);
	*ret_text = a;
	return 0;
}

static int minimise(struct explorer *e, struct automaton_text *ret_text)
{
	_cleanup_(partition_done) struct partition p;
	uint32_t count = e->count, moved;

	if (!partition_init(&p, e))
		return -ENOMEM;
	find_before(&p, e);
	for (uint32_t n = 0; n < count; n++) {
		p.group[n] = (uint32_t)e->mark[n];
		p.size[p.group[n]]++;
		p.groups = p.group[n] >= p.groups ? p.group[n] + 1 : p.groups;
		p.now[n] = n;
	}
	while ((moved = part(&p, e, count)))
		count = look_again(&p, moved);
	number_groups(&p);
	if (!is_right(&p, e))
		return -EILSEQ;
	return write_text(e, &p, ret_text);
}

int automaton_build(const struct automaton_source *source, struct automaton_text *ret_text)
{
	struct explorer e = {.source = source};
	int r = -ENOMEM;

	e.at = calloc(STATES_MAX + 1, sizeof(*e.at));
	e.slot = malloc(SLOTS * sizeof(*e.slot));
	e.next = calloc((size_t)STATES_MAX * source->classes, sizeof(*e.next));
	e.mark = calloc(STATES_MAX, sizeof(*e.mark));
	if (e.at && e.slot && e.next && e.mark) {
		memset(e.slot, 0xff, SLOTS * sizeof(*e.slot));
		r = explore(&e);
		if (r == 0)
			r = minimise(&e, ret_text);
	}
	buffer_done(&e.bytes);
	free(e.at);
	free(e.slot);
	free(e.next);
	free(e.mark);
	return r;
}

void automaton_text_done(struct automaton_text *a)
{
	free(a->next);
	free(a->mark);
	*a = (struct automaton_text){0};
}
