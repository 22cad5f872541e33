/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/question.h"

#include <errno.h>

#include "bpf/walk.h"

const struct rule_set *question_exe(const struct table *t, struct span exe)
{
	uint32_t state = t->exe.start;

	if (!exe.data)
		return &t->unknown.exe;
	for (size_t i = 0; i < exe.length; i++)
		state = automaton_next(t, &t->exe, state, (uint8_t)exe.data[i]);
	return automaton_set(t, &t->exe, state);
}

static void cgroup_set(const struct table *t, struct span path, struct rule_set *set)
{
	struct cgroup_states s;

	cgroup_begin(t, &s);
	for (size_t i = 0; i < path.length; i++)
		cgroup_byte(t, &s, (uint8_t)path.data[i]);
	cgroup_end(t, &s, set);
}

static uint64_t atoms_of(const struct table *t, const struct question *q)
{
	uint64_t atoms = 0;

	for (uint32_t i = 0; i < t->groups; i++)
		for (unsigned k = 0; k < q->group_count; k++)
			if (t->group[i].from <= q->groups[k] && q->groups[k] <= t->group[i].to)
				atoms |= 1ULL << (t->group[i].atom % TABLE_GROUPS);
	return atoms;
}

void question_who(const struct table *t, const struct question *q, struct rule_set *ret_set)
{
	bool root = q->cgroup.length <= 1;
	struct rule_set set = t->all;

	rule_set_and(&set, decide_user(t, q->uid));
	decide_groups(t, atoms_of(t, q), q->groups_cut, &set);
	rule_set_and(&set, question_exe(t, q->exe));
	if (q->cgroup.data && !(root && t->legacy))
		cgroup_set(t, q->cgroup, &set);
	else
		rule_set_and(&set, &t->unknown.cgroup);
	*ret_set = set;
}

/* A datagram's port, or another one of the same address, is no endpoint's: the first endpoint there stands for it. */
static uint32_t address_of(const struct endpoints *e, const struct question *q)
{
	const struct endpoint *found = endpoints_find(e, &q->address);

	for (unsigned i = 0; !found && q->datagram && i < e->count; i++)
		if (memcmp(e->list[i].address.ip, q->address.ip, sizeof(q->address.ip)) == 0)
			found = &e->list[i];
	return found ? 1 + (uint32_t)(found - e->list) : 0;
}

/* Reads the head as the kernel programs do: the start line is kept, and walked when the head is complete. */
static void read_head(const struct table *t, uint32_t address, struct span text, struct asked *ret)
{
	enum head_result r = HEAD_MORE;
	struct asked asked = {0};
	struct walk walk;
	struct head h;
	size_t end;

	head_init(&h, HEAD_REQUEST);
	for (size_t i = 0; i < text.length && r == HEAD_MORE; i++) {
		r = head_step(&h, (uint8_t)text.data[i]);
		if (h.flags & HEAD_F_LINE && !asked.known) {
			asked.method = asked_method(&h);
			asked.known = 1;
		}
	}
	if (r != HEAD_DONE) {
		*ret = (struct asked){0};
		return;
	}
	walk_init(t, &walk);
	end = (size_t)h.target.offset + h.target.length;
	for (size_t i = h.target.offset; i < end && end <= WALK_LINE; i++)
		walk_step(t, &walk, (uint8_t)text.data[h.leading + i]);
	walk_end(t, &walk);
	asked.path = walk.now.rules;
	asked.path_known = end <= WALK_LINE && !walk.cut;
	asked_judge(t, address, &h, walk.now.judge, &asked);
	*ret = asked;
}

int question_ask(const struct table *t, const struct endpoints *endpoints, const struct question *q,
		 struct answer *ret_answer)
{
	uint32_t address = address_of(endpoints, q);
	struct answer a = {.at_connect = true};
	struct rule_set who;

	if (!address)
		return -ENOENT;
	question_who(t, q, &who);
	a.decision = decide_connect(t, &who, address, !q->datagram);
	if (a.decision.verdict == DECISION_LATER && q->head.data) {
		read_head(t, address, q->head, &a.asked);
		a.decision = decide_request(t, &who, address, &a.asked);
		a.at_connect = false;
	}
	*ret_answer = a;
	return 0;
}
