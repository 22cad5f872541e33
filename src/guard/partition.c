/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moore's algorithm: states are in one group until it shows that they can be told apart. A state is looked at again
 * only when one it leads to has changed its group.
 */
#include "guard/partition.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define EMPTY UINT32_MAX

struct partition {
	uint32_t count;
	unsigned classes;
	const uint32_t *next;
	const int *mark;
	uint32_t groups;
	uint32_t *group;  /* of a state */
	uint32_t *size;   /* of a group */
	uint32_t *looked; /* how many of a group are looked at in this round */
	uint64_t *leads;  /* of a group: where its states lead */
	uint32_t *from;   /* of a group: which one it was part of */
	uint32_t *now;    /* states looked at in this round … */
	uint32_t *then;   /* … and in the next one */
	uint64_t *sum;    /* of a state looked at: where it leads */
	uint32_t *moved;
	uint32_t *before; /* states that lead to state n: before[at[n]] up to at[n + 1] */
	uint32_t *at;
	uint8_t *noted; /* is in `then` */
	uint32_t *slot; /* hash table of the groups made in this round */
	uint32_t slots; /* a power of two */
};

/*
 * Moore's algorithm: states are in one group until it shows that they can be told apart. A state is looked at again
 * only when one it leads to has changed its group.
 */
static void partition_done(struct partition *p)
{
	free(p->group);
	free(p->size);
	free(p->looked);
	free(p->leads);
	free(p->from);
	free(p->now);
	free(p->then);
	free(p->sum);
	free(p->moved);
	free(p->before);
	free(p->at);
	free(p->noted);
	free(p->slot);
}

/* Marks are the first groups, some of them perhaps empty; parting makes at most one more of each state. */
static size_t most_groups(const struct partition *p)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < p->count; i++)
		most = (uint32_t)p->mark[i] >= most ? (uint32_t)p->mark[i] + 1 : most;
	return (size_t)most + p->count;
}

static bool partition_init(struct partition *p)
{
	size_t n = p->count, most = most_groups(p);

	p->slots = 1024;
	while (p->slots < 4 * n)
		p->slots *= 2;
	p->group = calloc(n, sizeof(*p->group));
	p->size = calloc(most, sizeof(*p->size));
	p->looked = calloc(most, sizeof(*p->looked));
	p->leads = calloc(most, sizeof(*p->leads));
	p->from = calloc(most, sizeof(*p->from));
	p->now = calloc(n, sizeof(*p->now));
	p->then = calloc(n, sizeof(*p->then));
	p->sum = calloc(n, sizeof(*p->sum));
	p->moved = calloc(n, sizeof(*p->moved));
	p->before = calloc(n * p->classes, sizeof(*p->before));
	p->at = calloc(n + 2, sizeof(*p->at));
	p->noted = calloc(n, sizeof(*p->noted));
	p->slot = calloc(p->slots, sizeof(*p->slot));
	return p->group && p->size && p->looked && p->leads && p->from && p->now && p->then && p->sum && p->moved &&
	       p->before && p->at && p->noted && p->slot;
}

static void find_before(struct partition *p)
{
	size_t edges = (size_t)p->count * p->classes;

	for (size_t i = 0; i < edges; i++)
		p->at[p->next[i] + 2]++;
	for (uint32_t n = 2; n <= p->count + 1; n++)
		p->at[n] += p->at[n - 1];
	for (size_t i = 0; i < edges; i++)
		p->before[p->at[p->next[i] + 1]++] = (uint32_t)(i / p->classes);
}

/* Where a state leads, as one number; that of two states differs beyond doubt (see is_right()). */
static uint64_t sum_of(const struct partition *p, uint32_t state)
{
	const uint32_t *next = &p->next[(size_t)state * p->classes];
	uint64_t sum = 14695981039346656037ULL;

	for (unsigned c = 0; c < p->classes; c++) {
		sum = (sum ^ p->group[next[c]]) * 0x9e3779b97f4a7c15ULL;
		sum ^= sum >> 29;
	}
	return sum;
}

/* The group for states of group `g` that lead to `sum`, a new one when there is none yet. */
static uint32_t group_for(struct partition *p, uint32_t g, uint64_t sum)
{
	uint32_t i = (uint32_t)((sum ^ g) * 0x9e3779b97f4a7c15ULL >> 32) & (p->slots - 1);

	for (; p->slot[i] != EMPTY; i = (i + 1) & (p->slots - 1))
		if (p->leads[p->slot[i]] == sum && p->from[p->slot[i]] == g)
			return p->slot[i];
	p->slot[i] = p->groups;
	p->leads[p->groups] = sum;
	p->from[p->groups] = g;
	return p->groups++;
}

/* One round over p->now; returns how many states have changed their group. */
static uint32_t part(struct partition *p, uint32_t count)
{
	uint32_t moved = 0;

	memset(p->slot, 0xff, p->slots * sizeof(*p->slot));
	for (uint32_t i = 0; i < count; i++) {
		p->sum[p->now[i]] = sum_of(p, p->now[i]);
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
		uint32_t state = p->moved[i], g = group_for(p, p->group[state], p->sum[state]);

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
static uint32_t number_groups(const struct partition *p, uint32_t *ret_group, uint32_t *ret_first)
{
	uint32_t groups = 0;

	memset(p->looked, 0xff, p->groups * sizeof(*p->looked));
	for (uint32_t n = 0; n < p->count; n++) {
		uint32_t *number = &p->looked[p->group[n]];

		if (*number == EMPTY) {
			*number = groups;
			ret_first[groups++] = n;
		}
		ret_group[n] = *number;
	}
	return groups;
}

/* Do all states of a group lead to the same groups? */
static bool is_right(const struct partition *p, const uint32_t *group, const uint32_t *first)
{
	for (uint32_t n = 0; n < p->count; n++) {
		const uint32_t *a = &p->next[(size_t)n * p->classes];
		const uint32_t *b = &p->next[(size_t)first[group[n]] * p->classes];

		for (unsigned c = 0; c < p->classes; c++)
			if (group[a[c]] != group[b[c]])
				return false;
	}
	return true;
}

int partition_states(uint32_t count, unsigned classes, const uint32_t *next, const int *mark, uint32_t *ret_group,
		     uint32_t *ret_first)
{
	struct partition p = {.count = count, .classes = classes, .next = next, .mark = mark};
	uint32_t looked = count, moved, groups;
	int r;

	if (!partition_init(&p)) {
		partition_done(&p);
		return -ENOMEM;
	}
	find_before(&p);
	for (uint32_t n = 0; n < count; n++) {
		p.group[n] = (uint32_t)mark[n];
		p.size[p.group[n]]++;
		p.groups = p.group[n] >= p.groups ? p.group[n] + 1 : p.groups;
		p.now[n] = n;
	}
	while ((moved = part(&p, looked)))
		looked = look_again(&p, moved);
	groups = number_groups(&p, ret_group, ret_first);
	r = is_right(&p, ret_group, ret_first) ? (int)groups : -EILSEQ;
	partition_done(&p);
	return r;
}
