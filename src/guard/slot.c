/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/decide.h"

static struct endpoint_key key_of(const struct call_address *a, uint32_t port)
{
	struct endpoint_key key = {.port = port};

	memcpy(key.ip, a->ip, sizeof(key.ip));
	return key;
}

/* Behind the others of its bucket: the first endpoint of an address stands for its other ports. */
static int add(struct guard_endpoints *e, struct endpoint_key key, uint32_t number)
{
	uint16_t *at = &e->bucket[guard_bucket(&key)];
	unsigned length = 1;

	while (*at) {
		struct guard_entry *entry = &e->entry[*at - 1];

		if (guard_is(entry, &key))
			return 0;
		at = &entry->next;
		length++;
	}
	if (length > GUARD_CHAIN || e->count >= GUARD_ENTRIES)
		return -E2BIG;
	e->entry[e->count] = (struct guard_entry){.key = key, .number = (uint16_t)number};
	*at = (uint16_t)++e->count;
	return 0;
}

int slot_endpoints(const struct endpoints *endpoints, struct guard_endpoints *ret_endpoints, struct problem *problem)
{
	memset(ret_endpoints, 0, sizeof(*ret_endpoints));
	for (unsigned i = 0; i < endpoints->count; i++) {
		const struct call_address *a = &endpoints->list[i].address;
		int r = add(ret_endpoints, key_of(a, a->port), i + 1);

		if (r == 0)
			r = add(ret_endpoints, key_of(a, 0), i + 1);
		if (r < 0)
			return problem_set(problem, r, "too many endpoints; the guard cannot hold them");
	}
	return 0;
}

static void bits_of(const struct guard_endpoints *e, uint64_t bits[static ENDPOINT_WORDS])
{
	for (unsigned i = 0; i < e->count; i++) {
		uint32_t bit = endpoint_bit(e->entry[i].key.ip[3]);

		bits[bit / 64] |= 1ULL << (bit % 64);
	}
}

/* Who connected before the guard was there: the user is known, groups, executable and cgroup are not. */
static void stranger_of(const struct table *t, struct rule_set *ret_set)
{
	*ret_set = t->all;
	decide_groups(t, 0, 1, ret_set);
	rule_set_and(ret_set, &t->unknown.exe);
	rule_set_and(ret_set, &t->unknown.cgroup);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void slot_swap(struct guard_control *control, struct guard_slot slots[static 2], const struct table *table,
	       const struct guard_endpoints *endpoints)
{
	/* A writer that was killed in between has left begun ahead: its slot is written again. */
	uint64_t next = __atomic_load_n(&control->generation, __ATOMIC_RELAXED) + 1;
	struct guard_slot *slot = &slots[next & 1];
	uint64_t bits[ENDPOINT_WORDS] = {0};

	bits_of(endpoints, bits);
	__atomic_store_n(&control->begun, next, __ATOMIC_SEQ_CST);
	memcpy(&slot->table, table, sizeof(*table));
	slot->endpoints = *endpoints;
	stranger_of(table, &slot->stranger);
	memset(slot->hits, 0, sizeof(slot->hits));
	for (unsigned i = 0; i < ENDPOINT_WORDS; i++)
		__atomic_or_fetch(&control->bits[i], bits[i], __ATOMIC_RELAXED);
	__atomic_store_n(&control->generation, next, __ATOMIC_SEQ_CST);
	__atomic_store_n(&control->mode, table->mode, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ENDPOINT_WORDS; i++)
		__atomic_store_n(&control->bits[i], bits[i], __ATOMIC_RELAXED);
	control->applied = now();
}
