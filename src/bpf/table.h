/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A rule file as the kernel needs it: one flat struct without pointers, written by guard/compile.c, read by the guard's
 * kernel programs and by user space through the same decide.h.
 *
 * A rule is a conjunction of selectors, a selector looks at one dimension (user, executable, path …). So every value a
 * dimension can have is given the set of rules it satisfies in that dimension (negations, lists and several selectors
 * are folded in while compiling; a rule that does not look at the dimension is in every set). The rules a call matches
 * are the intersection over all dimensions; the first of them decides. A verdict costs the same for 1 rule and for 256.
 *
 * Dimensions that are text are read by automata: a byte leads from state to state, the last state has the set.
 *
 * Not known (a path longer than what is kept, bytes that are no HTTP): an allow needs proof, a deny needs only doubt.
 * unknown.X is the set for a dimension that could not be read: deny rules that look at it, and all that do not.
 */
#pragma once

#include <linux/types.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

/* Changes with every change of a struct below: programs and tables of different versions never meet. */
#define TABLE_ABI       1

#define TABLE_RULES     256
#define TABLE_WORDS     (TABLE_RULES / 64)
#define TABLE_NONE      0xffffU /* no rule: the default, which is to allow */

#define TABLE_CELLS     (1U << 20) /* of all automata together: 2 MiB */
#define TABLE_STATES    (1U << 14) /* of exe, cgroup and path together */
#define TABLE_SETS      (1U << 11) /* different sets of those states */
#define TABLE_JUDGING   (1U << 13) /* states of the automaton `judge` */
#define TABLE_MARKS     512        /* different marks of those */
#define TABLE_INTERVALS 512        /* of user or group ids, each */
#define TABLE_GROUPS    64         /* different group selectors */
#define TABLE_METHODS   32
#define TABLE_SERVICES  32  /* 0: unknown; else 1 + the row in call/service.c */
#define TABLE_ADDRESSES 257 /* 0: unknown; else 1 + the row in the list of endpoints */
#define TABLE_FORMS     5   /* ways in which a component says a container's name; 0: it is none */
#define TABLE_VERSIONS  4   /* enum call_version */
#define TABLE_CLASSES   8   /* enum call_class */
#define TABLE_FILE      128

/* Bit n is rule n in the order of the file. */
struct rule_set {
	__u64 word[TABLE_WORDS];
};

/*
 * next = cell[cells + state * classes + class_of[byte]]; the set of a state is set[set_of[states + state]]
 * (mark[mark_of[state]] for `judge`). States are numbered from 0, `start` is where reading begins. In `path` and
 * `judge` the bytes are those of a normalised path (walk.h); in `exe`, `cgroup`, `unit` and `container` those of an
 * absolute path,
 * "/system.slice/x.service", read from the root, "/" alone being the root.
 */
struct automaton {
	__u32 cells;
	__u32 states;
	__u16 classes;
	__u16 start;
	__u32 count; /* of states */
	__u8 class_of[256];
};

/* What a path says about the request before any rule (call/judge.c says the same with other means). */
struct path_marks {
	__u32 token_of;             /* bit n: a token path of service n */
	__u8 shape;                 /* the service whose paths begin like this, or 0: call/judge.c, shapes[] */
	__u8 flags;                 /* MARK_* */
	__u16 reserved;             /* 0 */
	__u8 class[TABLE_SERVICES]; /* enum call_class, by service; [0]: CLASS_NONE */
};

#define MARK_EC2    0x01 /* a path of EC2's own form */
#define MARK_SECURE 0x02 /* below opc/v2 */

/* enum version_rule and token header of a service, as in call/service_rules.h. */
struct service_facts {
	__u32 token_header; /* HEADER_* */
	__u8 version_rule;  /* enum table_version_rule */
	__u8 has_token_path;
	__u16 reserved; /* 0 */
};

enum table_version_rule { TABLE_RULE_NONE, TABLE_RULE_TOKEN, TABLE_RULE_GOOGLE, TABLE_RULE_ORACLE };

/* Ids from `from` up to the next interval's; the first one begins at 0. */
struct id_interval {
	__u32 from;
	__u32 reserved; /* 0 */
	struct rule_set set;
};

/* A process has many groups: each selector is an atom that one of them satisfies or none does. */
struct group_range {
	__u32 from, to; /* inclusive */
	__u32 atom;     /* < TABLE_GROUPS */
};

enum table_mode { TABLE_AUDIT = 1, TABLE_ENFORCE = 2 };

struct address_facts {
	struct rule_set set; /* rules whose address selectors this endpoint satisfies */
	__u8 service;        /* its service; 0: to be judged by the request's shape or not known */
	__u8 shared;         /* 1: the request's shape may choose another service (call/judge.c, choose()) */
	__u8 reserved[6];    /* 0 */
};

struct table {
	__u32 abi;    /* TABLE_ABI */
	__u32 mode;   /* enum table_mode */
	__u32 rules;  /* how many */
	__u32 users;  /* intervals in user[] */
	__u32 groups; /* ranges in group[]; 0: no rule looks at groups */
	__u16 methods;
	__u16 legacy; /* 1: cgroup v1 is in use beside v2: a process in the v2 root may be in a container all the same
		       */

	struct rule_set all;           /* every rule there is */
	struct rule_set deny;          /* those that deny; the others allow */
	struct rule_set needs_request; /* look at version, class, method or path */
	struct rule_set needs_service; /* look at the service */
	struct {
		struct rule_set exe, cgroup, path, request;
	} unknown;

	struct id_interval user[TABLE_INTERVALS];
	struct group_range group[TABLE_INTERVALS];
	__u64 group_need[TABLE_RULES];   /* atoms that must be satisfied */
	__u64 group_forbid[TABLE_RULES]; /* and that must not */

	__u64 method[TABLE_METHODS]; /* the method's bytes, big end first, up to 8: 'G' << 16 | 'E' << 8 | 'T' */
	struct rule_set method_set[TABLE_METHODS];
	struct rule_set method_other;

	/* [VERSION_UNKNOWN], [CLASS_NONE] and [0] are the sets of what is not known. */
	struct rule_set version[TABLE_VERSIONS];
	struct rule_set class[TABLE_CLASSES];
	struct rule_set service[TABLE_SERVICES];
	struct address_facts address[TABLE_ADDRESSES];
	struct service_facts service_facts[TABLE_SERVICES];
	__u8 service_gcp, service_azure; /* for a shape that is a header's */
	__u8 reserved[6];

	struct automaton exe, cgroup, unit, path;
	/* Absent (count 0) where no rule asks for containers. */
	struct automaton container; /* set_of[] of its states: container_mark() */
	struct automaton name; /* of one component; set_of[] of its states: where TABLE_FORMS numbers of sets begin */
	struct automaton tail; /* of a component behind its last '-' or ':', where runtimes have the id */
	struct automaton judge;
	struct rule_set set[TABLE_SETS];
	__u16 set_of[TABLE_STATES];
	struct path_marks mark[TABLE_MARKS];
	__u16 mark_of[TABLE_JUDGING];
	__u16 cell[TABLE_CELLS];

	__u32 line[TABLE_RULES]; /* of the file, from 1 */
	char file[TABLE_FILE];   /* ended by a NUL; cut at the front when it is longer */
};

#pragma GCC diagnostic pop
