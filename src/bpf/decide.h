/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decision: may this caller make this call. Pure, bounded, the same text in the kernel program and in user space;
 * tested in both with one table (tests/guard), and fuzzed against a reference that reads the rules one by one.
 */
#pragma once

#include "bpf/head.h"
#include "bpf/table.h"

/* A function that returns a struct or takes a pointer to the stack has to be part of its caller in BPF. */
#define TABLE_INLINE static inline __attribute__((always_inline))

enum decision_verdict {
	DECISION_ALLOW = 1,
	DECISION_DENY = 2,
	DECISION_LATER = 3, /* at connect: the request decides */
};

struct decision {
	__u16 rule;    /* or TABLE_NONE */
	__u8 verdict;  /* enum decision_verdict; whether a DENY is enforced is the mode's business */
	__u8 reserved; /* 0 */
};

/* What of a request the rules look at. */
struct asked {
	__u64 method;    /* its bytes, as in table.method; 0: longer than 8 */
	__u16 path;      /* the state of table.path after the last byte */
	__u8 version;    /* enum call_version */
	__u8 class;      /* enum call_class; CLASS_NONE: unknown */
	__u8 service;    /* 0: unknown */
	__u8 known;      /* 0: these bytes are no request that can be read; nothing above is valid */
	__u8 path_known; /* 0: the path is longer than what was kept */
	__u8 reserved;   /* 0 */
};

TABLE_INLINE void rule_set_and(struct rule_set *set, const struct rule_set *other)
{
	for (int i = 0; i < TABLE_WORDS; i++)
		set->word[i] &= other->word[i];
}

TABLE_INLINE int rule_set_has(const struct rule_set *set, __u32 rule)
{
	return (set->word[(rule / 64) % TABLE_WORDS] >> (rule % 64)) & 1;
}

/* The lowest bit of a word that is not 0: BPF has no instruction for it, and a branch is a path more to verify. */
static inline __u32 rule_lowest(__u64 word)
{
	static const __u8 bit[64] = {
		0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
		43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
		44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6,
	};

	return bit[((word & -word) * 0x03f79d71b4cb0a89ULL) >> 58]; /* de Bruijn's sequence */
}

/* The first rule of the set, or TABLE_NONE. */
static inline __u32 rule_set_first(const struct rule_set *set)
{
	for (__u32 i = 0; i < TABLE_WORDS; i++)
		if (set->word[i])
			return i * 64 + rule_lowest(set->word[i]);
	return TABLE_NONE;
}

TABLE_INLINE struct decision decide_first(const struct table *t, const struct rule_set *set)
{
	__u32 rule = rule_set_first(set);
	struct decision d = {.rule = (__u16)rule, .verdict = DECISION_ALLOW};

	if (rule != TABLE_NONE && rule_set_has(&t->deny, rule))
		d.verdict = DECISION_DENY;
	return d;
}

static inline __u32 automaton_next(const struct table *t, const struct automaton *a, __u32 state, __u8 c)
{
	return t->cell[(a->cells + state * a->classes + a->class_of[c]) % TABLE_CELLS];
}

TABLE_INLINE const struct rule_set *automaton_set(const struct table *t, const struct automaton *a, __u32 state)
{
	return &t->set[t->set_of[(a->states + state) % TABLE_STATES] % TABLE_SETS];
}

/*
 * A cgroup path on its way through the automata, from the root, byte by byte: "/system.slice/x.service". Whose
 * container it is shows only behind the component that says so: the id of each component is read on the way and kept
 * when it does.
 */
struct cgroup_states {
	__u16 cgroup, unit, container;
	__u16 name, tail;           /* of the component so far */
	__u16 kept_name, kept_tail; /* of the container's component */
};

#define CONTAINER_FORM  0x07 /* of container_mark(): how the id is said, 0: no container */
#define CONTAINER_TAIL  0x08 /* by the component's tail */
#define CONTAINER_FRESH 0x10 /* the component that has just ended is the container's */

TABLE_INLINE __u16 container_mark(const struct table *t, __u32 state)
{
	return t->set_of[(t->container.states + state) % TABLE_STATES];
}

TABLE_INLINE void cgroup_begin(const struct table *t, struct cgroup_states *s)
{
	s->cgroup = t->cgroup.start;
	s->unit = t->unit.start;
	s->container = t->container.start;
	s->name = t->name.start;
	s->tail = t->tail.start;
	s->kept_name = t->name.start;
	s->kept_tail = t->tail.start;
}

TABLE_INLINE void cgroup_container(const struct table *t, struct cgroup_states *s, __u8 c)
{
	s->container = (__u16)automaton_next(t, &t->container, s->container, c);
	if (c == '/' && container_mark(t, s->container) & CONTAINER_FRESH) {
		s->kept_name = s->name;
		s->kept_tail = s->tail;
	}
	s->name = c == '/' ? t->name.start : (__u16)automaton_next(t, &t->name, s->name, c);
	s->tail = c == '/' || c == '-' || c == ':' ? t->tail.start : (__u16)automaton_next(t, &t->tail, s->tail, c);
}

TABLE_INLINE void cgroup_byte(const struct table *t, struct cgroup_states *s, __u8 c)
{
	s->cgroup = (__u16)automaton_next(t, &t->cgroup, s->cgroup, c);
	s->unit = (__u16)automaton_next(t, &t->unit, s->unit, c);
	if (t->container.count)
		cgroup_container(t, s, c);
}

/* The path is over: leaves the rules that it satisfies. */
TABLE_INLINE void cgroup_end(const struct table *t, struct cgroup_states *s, struct rule_set *set)
{
	__u32 mark, forms;

	rule_set_and(set, automaton_set(t, &t->cgroup, s->cgroup));
	rule_set_and(set, automaton_set(t, &t->unit, s->unit));
	if (!t->container.count)
		return;
	cgroup_container(t, s, '/');
	mark = container_mark(t, s->container);
	if (mark & CONTAINER_TAIL) {
		rule_set_and(set, automaton_set(t, &t->tail, s->kept_tail));
		return;
	}
	forms = t->set_of[(t->name.states + s->kept_name) % TABLE_STATES] + (mark & CONTAINER_FORM);
	rule_set_and(set, &t->set[t->set_of[forms % TABLE_STATES] % TABLE_SETS]);
}

TABLE_INLINE const struct address_facts *decide_address(const struct table *t, __u32 address)
{
	return &t->address[address < TABLE_ADDRESSES ? address : 0];
}

/* The interval an id lies in; user[0].from is 0. Ten halvings find any of 512. */
TABLE_INLINE const struct rule_set *decide_user(const struct table *t, __u32 uid)
{
	__u32 low = t->user[0].from % TABLE_INTERVALS, width = TABLE_INTERVALS; /* 0, unknown to the verifier */

	for (int i = 0; i < 10; i++) {
		__u32 middle = (low + width / 2) % TABLE_INTERVALS;

		if (width > 1 && middle < t->users && t->user[middle].from <= uid)
			low = middle;
		width = width - width / 2;
	}
	return &t->user[low % TABLE_INTERVALS].set;
}

/*
 * `atoms`: bit n is set when one of the process's groups (effective or supplementary) lies in a range of atom n. `cut`:
 * it has more groups than were looked at, so that the absence of a bit says nothing.
 */
TABLE_INLINE void decide_groups(const struct table *t, __u64 atoms, int cut, struct rule_set *set)
{
	if (!t->groups)
		return;
	for (__u32 i = 0; i < TABLE_RULES && i < t->rules; i++) {
		__u64 absent = t->group_need[i] & ~atoms, present = t->group_forbid[i] & atoms;
		__u64 doubt = cut ? absent | (t->group_forbid[i] & ~atoms) : 0;
		int fits = rule_set_has(&t->deny, i) ? !present && (cut || !absent) : !present && !absent && !doubt;

		if (!fits)
			set->word[i / 64] &= ~(1ULL << (i % 64));
	}
}

/*
 * At connect. `who`: the rules that the caller satisfies (user, groups, exe, cgroup). A datagram, or a port that is no
 * endpoint's, has no request: `later` is 0, and rules that need one do not count.
 */
TABLE_INLINE struct decision decide_connect(const struct table *t, const struct rule_set *who, __u32 address, int later)
{
	const struct address_facts *facts = decide_address(t, address);
	struct rule_set set = *who, asks = t->needs_request;
	struct decision d;

	rule_set_and(&set, &facts->set);
	if (facts->service && !facts->shared)
		rule_set_and(&set, &t->service[facts->service % TABLE_SERVICES]);
	else
		for (int i = 0; i < TABLE_WORDS; i++)
			asks.word[i] |= t->needs_service.word[i];
	if (!later)
		for (int i = 0; i < TABLE_WORDS; i++)
			set.word[i] &= ~asks.word[i];
	d = decide_first(t, &set);
	for (__u32 i = 0; i < TABLE_WORDS; i++) /* the stack takes no variable index */
		if (d.rule / 64 == i && (asks.word[i] >> (d.rule % 64)) & 1)
			d.verdict = DECISION_LATER;
	return d;
}

TABLE_INLINE const struct rule_set *decide_method(const struct table *t, __u64 method)
{
	for (__u32 i = 0; i < TABLE_METHODS && i < t->methods; i++)
		if (t->method[i] == method)
			return &t->method_set[i];
	return &t->method_other;
}

/* When the request is there. `who` and `address` as at connect. */
TABLE_INLINE struct decision decide_request(const struct table *t, const struct rule_set *who, __u32 address,
					    const struct asked *asked)
{
	struct rule_set set = *who;

	rule_set_and(&set, &decide_address(t, address)->set);
	if (!asked->known) {
		const struct address_facts *facts = decide_address(t, address);
		__u32 service = facts->shared ? 0 : facts->service;

		rule_set_and(&set, &t->unknown.request);
		rule_set_and(&set, &t->service[service % TABLE_SERVICES]);
		return decide_first(t, &set);
	}
	rule_set_and(&set, &t->version[asked->version % TABLE_VERSIONS]);
	rule_set_and(&set, &t->class[asked->class % TABLE_CLASSES]);
	rule_set_and(&set, &t->service[asked->service % TABLE_SERVICES]);
	rule_set_and(&set, decide_method(t, asked->method));
	rule_set_and(&set, asked->path_known ? automaton_set(t, &t->path, asked->path) : &t->unknown.path);
	return decide_first(t, &set);
}

/*
 * Which service a request at a shared address means (call/judge.c, choose() and by_shape()). What a path that is not
 * known would say is open: 0, unless a header says that it does not matter.
 */
static inline __u8 asked_service(const struct table *t, const struct address_facts *address, const struct head *head,
				 const struct path_marks *marks, int path_known)
{
	if (!address->shared || head->seen & (HEADER_AWS_TOKEN | HEADER_AWS_TTL))
		return address->service;
	if (!path_known)
		return 0;
	if (marks->flags & MARK_EC2)
		return address->service;
	if (marks->shape)
		return marks->shape;
	if (head->flags & HEAD_F_GOOGLE)
		return t->service_gcp;
	return head->flags & HEAD_F_METADATA_TRUE ? t->service_azure : address->service;
}

/* enum call_version, as in call/judge.c. */
static inline __u8 asked_version(const struct service_facts *s, const struct head *head, const struct path_marks *marks,
				 int token_request, int path_known)
{
	enum { NONE, V1, V2, UNKNOWN };
	int secure = 0;

	if (s->version_rule == TABLE_RULE_NONE)
		return NONE;
	if (s->version_rule == TABLE_RULE_TOKEN)
		secure = token_request || head->seen & s->token_header;
	else if (s->version_rule == TABLE_RULE_GOOGLE)
		secure = head->flags & HEAD_F_GOOGLE;
	else
		secure = path_known && head->seen & HEADER_AUTHORIZATION && marks->flags & MARK_SECURE;
	if (secure)
		return V2;
	if (!path_known && (head->method_kind == METHOD_PUT || s->version_rule == TABLE_RULE_ORACLE))
		return UNKNOWN;
	return V1;
}

/* The method's bytes. To be called when HEAD_F_LINE is set for the first time: later values take their place. */
static inline __u64 asked_method(const struct head *head)
{
	return head->method.length <= 8 ? head->number : 0;
}

/*
 * Fills what follows from head and path: version, class, service. `state` is that of table.judge after the path's last
 * byte; where the path is not known, what it would decide is not known either.
 */
TABLE_INLINE void asked_judge(const struct table *t, __u32 address, const struct head *head, __u32 state,
			      struct asked *asked)
{
	const struct address_facts *facts = decide_address(t, address);
	const struct path_marks *marks = &t->mark[t->mark_of[state % TABLE_JUDGING] % TABLE_MARKS];
	__u32 service = asked_service(t, facts, head, marks, asked->path_known) % TABLE_SERVICES;
	const struct service_facts *s = &t->service_facts[service];
	int token = s->has_token_path && head->method_kind == METHOD_PUT && asked->path_known &&
		    (marks->token_of >> service) & 1;

	asked->service = (__u8)service;
	asked->class = asked->path_known ? marks->class[service] : 0;
	asked->version = service ? asked_version(s, head, marks, token, asked->path_known) : 3;
}
