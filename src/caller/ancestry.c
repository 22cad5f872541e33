/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/ancestry.h"

#include "base/cleanup.h"
#include "caller/process.h"

#include <errno.h>

#define SETS       (ANCESTRY_ENTRIES / WAYS)
#define WAYS       4
#define KEEP       UINT64_C(1000000000) /* ns */
#define PATH_LIMIT 1024

struct entry {
	struct process process; /* pid 0: free */
	uint64_t read;          /* when */
	uint64_t touched;
};

struct ancestry {
	uint64_t clock; /* counts look-ups: which entry is the oldest */
	struct entry entries[SETS][WAYS];
};

struct ancestry *ancestry_new(void)
{
	return calloc(1, sizeof(struct ancestry));
}

struct ancestry *ancestry_free(struct ancestry *a)
{
	if (!a)
		return NULL;
	for (int set = 0; set < SETS; set++)
		for (int way = 0; way < WAYS; way++)
			process_done(&a->entries[set][way].process);
	free(a);
	return NULL;
}

static bool same_process(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start == b->start && strncmp(a->name, b->name, COMM_SIZE) == 0;
}

/* The entry of `p`, or the one to give up for it. */
static struct entry *find(struct ancestry *a, const struct process *p)
{
	struct entry *set = a->entries[p->pid % SETS], *oldest = set;

	for (int way = 0; way < WAYS; way++) {
		if (set[way].process.pid == p->pid)
			return &set[way];
		if (set[way].touched < oldest->touched)
			oldest = &set[way];
	}
	return oldest;
}

static int read_process(int proc, const struct process *wanted, struct process *ret_process)
{
	_cleanup_(process_view_done) struct process_view v = PROCESS_VIEW_INIT;
	_cleanup_(process_done) struct process p = {.pid = wanted->pid, .start = wanted->start};
	_cleanup_(buffer_done) struct buffer args = {0};
	bool truncated = false;
	int r = process_view_open(proc, p.pid, p.start, &v);

	if (r < 0)
		return r;
	if (strncmp(v.name, wanted->name, COMM_SIZE) != 0)
		return -ESTALE;
	memcpy(p.name, wanted->name, sizeof(p.name));
	process_view_link(&v, "exe", &p.executable);
	if (process_view_read(&v, "cmdline", ANCESTRY_ARGS_MAX, &args, &truncated) == 0)
		process_set_args(&p, buffer_view(&args), truncated);
	r = process_view_check(&v);
	if (r < 0)
		return r;
	*ret_process = p;
	p = (struct process){0};
	return 0;
}

/* Copies what was read. The end of masked arguments may be cut anywhere. */
static void copy(struct process *p, const struct process *from, size_t limit)
{
	size_t length = from->args_length < limit ? from->args_length : limit;

	if (from->executable && strlen(from->executable) <= limit)
		p->executable = strdup(from->executable);
	if (!from->args || length == 0)
		return;
	p->args = malloc(length);
	if (!p->args)
		return;
	memcpy(p->args, from->args, length);
	p->args[length - 1] = '\0';
	p->args_length = length;
	p->args_truncated = from->args_truncated || length < from->args_length;
}

void ancestry_complete(struct ancestry *a, int proc, uint64_t now, size_t limit, struct process *p)
{
	_cleanup_(process_done) struct process fresh = {0};
	struct entry *e = a ? find(a, p) : NULL;

	if (e && same_process(&e->process, p) && now - e->read < KEEP) {
		e->touched = ++a->clock;
		copy(p, &e->process, limit);
		return;
	}
	if (read_process(proc, p, &fresh) < 0)
		return;
	copy(p, &fresh, limit);
	if (!e)
		return;
	process_done(&e->process);
	*e = (struct entry){.process = fresh, .read = now, .touched = ++a->clock};
	fresh = (struct process){0};
}
