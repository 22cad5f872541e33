/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One component of a cgroup path, "docker-ID.scope", by itself: what it may be (caller/container.c), and which
 * selectors it satisfies if it is. Automata over its bytes, made before those of the whole path.
 */
#pragma once

#include "guard/automaton.h"
#include "guard/pattern.h"
#include "guard/selector.h"

enum fact {
	FACT_ID,       /* 64 hex digits */
	FACT_DASH,     /* docker-ID, docker-ID.scope … */
	FACT_PAYLOAD,  /* libpod-payload-ID */
	FACT_COLON,    /* kubepods.slice:docker:ID */
	FACT_MACHINE,  /* machine-NAME.scope */
	FACT_NSPAWN,   /* systemd-nspawn@NAME.service */
	FACT_QEMU,     /* either of them with a NAME that is a virtual machine's */
	FACT_LXC,      /* lxc.payload.NAME */
	FACT_MONITOR,  /* lxc.monitor… */
	FACT_ECS,      /* 32 hex digits, '-', hex digits */
	FACT_SLICE,    /* ends in .slice */
	FACT_SERVICE,  /* ends in .service, as it stands */
	FACT_UP,       /* .. */
	FACT_USER,     /* user */
	FACT_IS_ECS,   /* ecs */
	FACT_IN_SLICE, /* machine.slice: what is below may be a machine's */
	FACT_IN_LXC,   /* lxc, lxc.payload: what is below is a container */
	FACT_IN_ANY,   /* buildkit, garden: what is below is one, too */
	FACT_IN_POD,   /* libpod_parent: an ID below is none */
	/* Without a leading '_': */
	FACT_UNIT_SERVICE,
	FACT_UNIT_OTHER,
	FACT_UNIT_USER, /* user@… */
	FACT_UNIT_MANAGER,
	FACTS
};

#define FACT_BIT(fact) (1U << (fact))
#define FACT_PARENTS   (FACT_BIT(FACT_IN_SLICE) | FACT_BIT(FACT_IN_LXC) | FACT_BIT(FACT_IN_ANY) | FACT_BIT(FACT_IN_POD))

/* In which form of a component a value was recognised. */
enum form {
	FORM_NONE,
	FORM_WHOLE,
	FORM_LXC,
	FORM_MACHINE,
	FORM_NSPAWN,
	FORM_TAIL, /* behind a runtime's name */
	FORM_UNIT, /* units only */
	FORM_UNIT_RAW,
	FORMS
};
_Static_assert((int)FORM_TAIL == TABLE_FORMS, "forms that are told by a component's name are the table's");

struct components;

struct components *components_new(void);                  /* NULL when memory is out */
struct components *components_free(struct components *c); /* NULL is fine; always NULL */

/* A value of a unit selector. */
void components_add(struct components *c, const char *unit, uint32_t value);
/* When all are there. 0 or -errno, as automaton_build(). */
int components_build(struct components *c);

/* States of a component on its way. `below`: of one below a service. */
uint32_t components_start(const struct components *c, bool below);
uint32_t components_next(const struct components *c, bool below, uint32_t state, uint8_t byte);
/*
 * A component's meaning depends on where it is. Writes for each state of a component a state that stands for it when
 * what counts of the meaning is mark(data, state); ret_stand_in is malloc()ed. 0 or -errno.
 */
int components_reduce(const struct components *c, bool below, int (*mark)(void *data, uint32_t state), void *data,
		      uint32_t **ret_stand_in);
/* Facts of a component that ends here. */
uint32_t components_facts(const struct components *c, bool below, uint32_t state);
/* Appends the values (uint32_t) that it satisfies in this form. */
void components_values(const struct components *c, bool below, uint32_t state, enum form form, struct buffer *out);
unsigned components_classes(const struct components *c, uint8_t class_of[static 256], unsigned classes);

/* A value of a container selector, but for "*": patterns over a component, whose ids are forms_id(value, form) … */
void components_add_name(struct nodes *n, const char *id, uint32_t value);
/* … and over what is behind its last '-' or ':', whose ids are values. */
void components_add_tail(struct nodes *n, const char *id, uint32_t value);

static inline uint32_t forms_id(uint32_t value, enum form form)
{
	return value * FORMS + form;
}
