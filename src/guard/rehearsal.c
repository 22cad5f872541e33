/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/rehearsal.h"

static bool differs(const struct table *t, const struct endpoints *endpoints, const struct question *q,
		    const struct decision *d)
{
	struct answer other;

	return question_ask(t, endpoints, q, &other) == 0 &&
	       (other.decision.rule != d->rule || other.decision.verdict != d->verdict);
}

/*
 * Three guesses at the groups: only the one that is known; all that any rule names; and each rule has those it wants,
 * as if it did not look at groups. Where none of them changes anything, nothing does.
 */
static bool depends_on_groups(struct table *t, const struct endpoints *endpoints, struct question q,
			      const struct decision *d)
{
	uint32_t all[TABLE_INTERVALS], groups = t->groups;
	bool depends;

	q.groups_cut = false;
	depends = differs(t, endpoints, &q, d);
	t->groups = 0;
	depends = depends || differs(t, endpoints, &q, d);
	t->groups = groups;
	for (uint32_t i = 0; i < groups && i < TABLE_INTERVALS; i++)
		all[i] = t->group[i].from;
	q.groups = all;
	q.group_count = groups;
	return depends || differs(t, endpoints, &q, d);
}

int rehearsal_ask(struct table *t, const struct endpoints *endpoints, const struct observation *o,
		  struct answer *ret_answer, uint32_t *ret_doubts)
{
	struct question q = o->question;
	int r;

	if (!endpoints_find(endpoints, &q.address))
		q.datagram = true;
	r = question_ask(t, endpoints, &q, ret_answer);
	*ret_doubts = 0;
	if (r < 0 || ret_answer->decision.verdict != DECISION_DENY)
		return r;
	if (t->groups && depends_on_groups(t, endpoints, q, &ret_answer->decision))
		*ret_doubts |= DOUBT_GROUPS;
	if (!ret_answer->at_connect && !ret_answer->asked.known)
		*ret_doubts |= DOUBT_REQUEST;
	return r;
}

static void count_refusal(struct rehearsal *r, const struct observation *o, uint32_t rule, uint32_t doubts)
{
	struct buffer key = {0};
	uint32_t numbers[3] = {o->question.uid, rule, doubts};

	buffer_append(&key, numbers, sizeof(numbers));
	tally_put_part(&key, o->user);
	tally_put_part(&key, o->question.exe);
	tally_put_part(&key, o->unit);
	tally_put_part(&key, o->container);
	if (key.failed)
		r->tally.others++;
	else
		tally_add(&r->tally, buffer_view(&key), o->time, 0);
	buffer_done(&key);
}

void refusal_read(const struct tally_row *row, struct refusal *ret)
{
	uint32_t numbers[3];
	struct span rest = {row->key.data + sizeof(numbers), row->key.length - sizeof(numbers)};

	memcpy(numbers, row->key.data, sizeof(numbers));
	*ret = (struct refusal){.uid = numbers[0], .rule = numbers[1], .doubts = numbers[2]};
	ret->user = tally_take_part(&rest);
	ret->exe = tally_take_part(&rest);
	ret->unit = tally_take_part(&rest);
	ret->container = tally_take_part(&rest);
}

void rehearsal_take(void *context, const struct observation *o)
{
	struct rehearsal *r = context;
	struct answer answer;
	uint32_t doubts;

	if (!o->has_caller) {
		r->nobody++;
	} else if (rehearsal_ask(r->table, &r->rules->endpoints, o, &answer, &doubts) < 0) {
		r->outside++;
	} else if (answer.decision.verdict == DECISION_DENY) {
		r->refused++;
		r->groups += (doubts & DOUBT_GROUPS) != 0;
		r->request += (doubts & DOUBT_REQUEST) != 0;
		count_refusal(r, o, answer.decision.rule, doubts);
	} else {
		r->allowed++;
	}
}

void rehearsal_done(struct rehearsal *r)
{
	tally_done(&r->tally);
}
