/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/caller.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/mask.h"
#include "caller/ancestry.h"
#include "caller/cgroup.h"
#include "caller/image.h"
#include "caller/process.h"
#include "caller/users.h"

#include <errno.h>
#include <time.h>

#define ARGS_MAX       16384
#define CGROUP_MAX     16384     /* 14 hierarchies; a path may have PATH_MAX bytes */
#define HELD_MAX       (1 << 20) /* bytes of arguments in all callers, beyond which these bounds hold: */
#define ARGS_SHORT     ARGS_SIZE
#define ANCESTOR_SHORT 256

static const struct span deleted = SPAN_LITERAL(" (deleted)");

/* Bytes of arguments in living callers. Callers are made and released by one thread. */
static size_t held;

/* Where /proc's word may be taken. */
struct completion {
	const struct caller_context *context;
	const struct connect_record *record;
	struct span args;      /* the kernel's */
	char *executable_end;  /* the kernel's last components when it could not take all of them; else NULL */
	char *cgroup_end;      /* the same for the cgroup */
	struct buffer cmdline; /* /proc's arguments, when they are needed and believed */
	bool cmdline_truncated;
	char *executable, *working_directory;
	struct buffer cgroup; /* text of /proc/PID/cgroup */
	bool has_loginuid;
	uint32_t loginuid;
};

static void completion_done(struct completion *k)
{
	free(k->executable_end);
	free(k->cgroup_end);
	free(k->executable);
	free(k->working_directory);
	buffer_done(&k->cmdline);
	buffer_done(&k->cgroup);
}

/* "curl\0bin\0usr\0" becomes "/usr/bin/curl". NULL for no component, or when memory is out. */
static char *join_path(const char *names, size_t length)
{
	char *path = length ? malloc(length + 2) : NULL, *out = path;

	if (!path)
		return NULL;
	while (length > 0) {
		size_t end = length;

		if (names[length - 1] == '\0')
			end--;
		length = end;
		while (length > 0 && names[length - 1] != '\0')
			length--;
		if (end == length)
			continue;
		*out++ = '/';
		memcpy(out, names + length, end - length);
		out += end - length;
	}
	*out = '\0';
	if (out == path) {
		free(path);
		return NULL;
	}
	return path;
}

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

static void copy_process(struct process *p, const struct wire_process *from)
{
	p->pid = from->pid;
	p->start = from->start;
	memcpy(p->name, from->comm, COMM_SIZE);
	p->name[COMM_SIZE - 1] = '\0';
}

/* What the kernel alone says. */
static void take_record(struct caller *c, struct completion *k)
{
	const struct connect_record *r = k->record;
	char *exe = join_path(r->exe_names, at_most(r->exe, EXE_SIZE));
	char *cgroup = join_path(r->cgroup_names, at_most(r->cgroup_path, CGROUP_SIZE));

	copy_process(&c->process, &r->process);
	c->has_ids = true;
	c->uid = r->uid;
	c->gid = r->gid;
	c->has_loginuid = r->loginuid != UINT32_MAX;
	c->loginuid = c->has_loginuid ? r->loginuid : 0;
	c->netns = r->netns;
	c->late = r->header.flags & RECORD_F_LATE;
	c->ancestor_count = (unsigned)at_most(r->ancestors, ANCESTORS_MAX);
	for (unsigned i = 0; i < c->ancestor_count; i++)
		copy_process(&c->ancestor[i], &r->ancestor[i]);
	*(r->header.flags & RECORD_F_EXE_CUT ? &k->executable_end : &c->process.executable) = exe;
	if (!cgroup && r->cgroup_path == 0 && r->cgroup != 0)
		cgroup = strdup("/");
	*(r->header.flags & RECORD_F_CGROUP_CUT ? &k->cgroup_end : &c->cgroup_path) = cgroup;
}

static bool path_ends(const char *path, const char *end)
{
	size_t length = strlen(path), want = strlen(end);

	return length >= want && strcmp(path + length - want, end) == 0;
}

static bool same_or_end(const char *path, const char *full, const char *end)
{
	return full ? strcmp(path, full) == 0 : path_ends(path, end);
}

/*
 * Is the process still running what the kernel saw? Takes a " (deleted)" from /proc's path when the rest is the
 * kernel's path: the file was replaced (an update), or run from memory.
 */
static bool same_program(const struct caller *c, struct completion *k, const struct process_view *v)
{
	const char *full = c->process.executable, *end = k->executable_end;
	size_t length;

	if (!full && !end)
		return strncmp(v->name, c->process.name, COMM_SIZE) == 0;
	if (!k->executable)
		return false;
	if (same_or_end(k->executable, full, end))
		return true;
	length = strlen(k->executable);
	if (!path_ends(k->executable, deleted.data))
		return false;
	k->executable[length - deleted.length] = '\0';
	return same_or_end(k->executable, full, end);
}

static bool args_complete(const struct completion *k)
{
	return k->args.length > 0 && !(k->record->header.flags & RECORD_F_ARGS_CUT);
}

static size_t args_max(void)
{
	return held > HELD_MAX ? ARGS_SHORT : ARGS_MAX;
}

static void read_loginuid(struct completion *k, const struct process_view *v)
{
	_cleanup_(buffer_done) struct buffer text = {0};
	bool truncated;
	char *end;
	unsigned long id;

	if (process_view_read(v, "loginuid", 16, &text, &truncated) < 0 || text.length == 0)
		return;
	buffer_byte(&text, '\0');
	if (text.failed)
		return;
	id = strtoul(text.data, &end, 10);
	k->has_loginuid = end != text.data && !truncated && id < UINT32_MAX;
	k->loginuid = (uint32_t)id;
}

/* The v1 hierarchies matter where v2 has no container to tell: not managed, or the runtime does not use it. */
static bool wants_cgroup(const struct caller *c)
{
	struct container container;

	if (!c->cgroup_path)
		return true;
	container_parse(span_of(c->cgroup_path), &container);
	return container.id[0] == '\0';
}

static int read_view(const struct caller *c, struct completion *k)
{
	_cleanup_(process_view_done) struct process_view v = PROCESS_VIEW_INIT;
	bool truncated, other;
	int r = process_view_open(k->context->proc, c->process.pid, c->process.start, &v);

	if (r < 0)
		return r;
	other = v.stack && k->record->stack && v.stack != k->record->stack;
	/* It called in the tick it started in: another process may have its pid and its start since, as /proc has it.
	 */
	if (other && process_start_ticks(k->record->header.time) == v.start)
		return -ESTALE;
	process_view_link(&v, "exe", &k->executable);
	if (!other && same_program(c, k, &v)) {
		process_view_link(&v, "cwd", &k->working_directory);
		if (!args_complete(k) &&
		    process_view_read(&v, "cmdline", args_max(), &k->cmdline, &k->cmdline_truncated) < 0)
			buffer_reset(&k->cmdline);
	} else {
		free(TAKE_PTR(k->executable));
	}
	if (wants_cgroup(c) && process_view_read(&v, "cgroup", CGROUP_MAX, &k->cgroup, &truncated) < 0)
		buffer_reset(&k->cgroup);
	if (!c->has_loginuid)
		read_loginuid(k, &v);
	return process_view_check(&v);
}

/* /proc's arguments, if they go on where the kernel's were cut. The kernel may have ended the cut one with a NUL. */
static bool believe_cmdline(const struct completion *k)
{
	struct span kernel = k->args;

	while (kernel.length > 0 && kernel.data[kernel.length - 1] == '\0')
		kernel.length--;
	return !k->cmdline.failed && k->cmdline.length > 0 && span_starts(buffer_view(&k->cmdline), kernel);
}

static void take_args(struct caller *c, const struct completion *k)
{
	if (!args_complete(k) && believe_cmdline(k))
		process_set_args(&c->process, buffer_view(&k->cmdline), k->cmdline_truncated);
	else
		process_set_args(&c->process, k->args, k->record->header.flags & RECORD_F_ARGS_CUT);
}

static char *copy_span(struct span s)
{
	return s.data ? strndup(s.data, s.length) : NULL;
}

static char *copy_text(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/* The v2 path is the kernel's, or /proc's when the kernel could not take all of it. */
static void take_cgroup(struct caller *c, struct completion *k)
{
	struct cgroup_lines lines;
	struct container container;

	cgroup_parse(buffer_view(&k->cgroup), &lines);
	if (!c->cgroup_path) {
		c->cgroup_path = copy_span(lines.unified);
		if (c->cgroup_path && k->cgroup_end && !path_ends(c->cgroup_path, k->cgroup_end))
			free(TAKE_PTR(c->cgroup_path));
	}
	if (lines.legacy.data && (!c->cgroup_path || strcmp(c->cgroup_path, "/") == 0)) {
		free(c->cgroup_path);
		c->cgroup_path = copy_span(lines.legacy);
	}
	container_parse(span_of(c->cgroup_path ? c->cgroup_path : ""), &container);
	if (!container.id[0] && lines.container.id[0]) {
		if (container.unit[0])
			memcpy(lines.container.unit, container.unit, sizeof(container.unit));
		container = lines.container;
	}
	c->container_id = copy_text(container.id);
	c->container_runtime = copy_text(container.runtime);
	c->pod_uid = copy_text(container.pod_uid);
	c->systemd_unit = copy_text(container.unit);
}

static void take_names(struct caller *c, struct users *users)
{
	if (!users)
		return;
	c->user_name = copy_text(users_user_name(users, c->uid));
	c->group_name = copy_text(users_group_name(users, c->gid));
}

static void take_image(struct caller *c, struct images *images)
{
	if (images && c->container_id)
		c->image = copy_text(images_name(images, c->container_runtime, c->container_id));
}

static void take_identity(struct caller *c, const struct caller_context *context)
{
	char text[96];
	size_t n = 0;

	if (c->process.start == 0)
		return;
	c->start_realtime = c->process.start + (uint64_t)context->realtime_offset;
	if (!context->boot_id || !context->boot_id[0] || c->process.pid == 0)
		return;
	for (const char *b = context->boot_id; *b && n < 48; b++)
		if (*b != '-')
			text[n++] = *b;
	snprintf(text + n, sizeof(text) - n, "-%u-%llu", c->process.pid, (unsigned long long)c->process.start);
	c->entity_id = strdup(text);
}

static uint64_t monotonic_now(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void complete_ancestors(struct caller *c, const struct caller_context *context)
{
	size_t limit = held > HELD_MAX ? ANCESTOR_SHORT : ANCESTRY_ARGS_MAX;
	uint64_t now = monotonic_now();

	for (unsigned i = 0; i < c->ancestor_count; i++)
		ancestry_complete(context->ancestry, context->proc, now, limit, &c->ancestor[i]);
}

static void complete(struct caller *c, struct completion *k)
{
	if (k->context->proc < 0)
		return;
	if (read_view(c, k) < 0) {
		/* Gone, or another process by now: not a word of it is believed. */
		free(TAKE_PTR(k->executable));
		free(TAKE_PTR(k->working_directory));
		buffer_reset(&k->cmdline);
		buffer_reset(&k->cgroup);
		k->has_loginuid = false;
	}
	if (!c->process.executable)
		c->process.executable = TAKE_PTR(k->executable);
	c->process.working_directory = TAKE_PTR(k->working_directory);
	if (k->has_loginuid) {
		c->has_loginuid = true;
		c->loginuid = k->loginuid;
	}
	complete_ancestors(c, k->context);
}

static void count_held(struct caller *c)
{
	size_t bytes = c->process.args_length;

	for (unsigned i = 0; i < c->ancestor_count; i++)
		bytes += c->ancestor[i].args_length;
	held += bytes - c->held;
	c->held = bytes;
}

static struct caller *allocate(size_t ancestors)
{
	struct caller *c = calloc(1, offsetof(struct caller, ancestor) + ancestors * sizeof(struct process));

	if (c)
		c->references = 1;
	return c;
}

struct caller *caller_new(const struct caller_context *context, const struct connect_record *record, struct span args)
{
	_cleanup_(completion_done) struct completion k = {.context = context, .record = record, .args = args};
	struct caller *c = allocate(at_most(record->ancestors, ANCESTORS_MAX));

	if (!c)
		return NULL;
	take_record(c, &k);
	complete(c, &k);
	take_args(c, &k);
	take_cgroup(c, &k);
	take_image(c, context->images);
	take_names(c, context->users);
	take_identity(c, context);
	count_held(c);
	return c;
}

struct caller *caller_unknown(void)
{
	return allocate(ANCESTORS_MAX);
}

struct caller *caller_ref(struct caller *c)
{
	if (c)
		c->references++;
	return c;
}

struct caller *caller_unref(struct caller *c)
{
	if (!c || --c->references > 0)
		return NULL;
	held -= c->held;
	process_done(&c->process);
	for (unsigned i = 0; i < c->ancestor_count; i++)
		process_done(&c->ancestor[i]);
	free(c->user_name);
	free(c->group_name);
	free(c->cgroup_path);
	free(c->container_id);
	free(c->container_runtime);
	free(c->image);
	free(c->pod_uid);
	free(c->systemd_unit);
	free(c->entity_id);
	free(c);
	return NULL;
}

static void mask_process(struct process *p, struct span value)
{
	_cleanup_(buffer_done) struct buffer masked = {0};

	/* Without the last NUL: the start of a value that was cut is found at the end only. */
	if (!p->args || p->args_length == 0 || !mask_value(&masked, (struct span){p->args, p->args_length - 1}, value))
		return;
	buffer_byte(&masked, '\0');
	free(p->args);
	p->args = masked.failed ? NULL : realloc(masked.data, masked.length);
	p->args_length = p->args ? masked.length : 0;
	p->args_truncated |= !p->args;
	if (p->args)
		masked = (struct buffer){0};
}

void caller_mask(struct caller *c, struct span value)
{
	mask_process(&c->process, value);
	for (unsigned i = 0; i < c->ancestor_count; i++)
		mask_process(&c->ancestor[i], value);
	if (c->held)
		count_held(c);
}
