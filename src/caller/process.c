/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/process.h"

#include "base/cleanup.h"
#include "base/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

/* 52 numbers of at most 20 digits and a name of at most 64 bytes; field 22 is in the first half. */
#define STAT_SIZE   1280

#define START_FIELD 22
#define STACK_FIELD 28

static bool skip_fields(struct span *s, int n)
{
	while (n-- > 0) {
		const char *blank = s->length ? memchr(s->data, ' ', s->length) : NULL;

		if (!blank)
			return false;
		s->length -= (size_t)(blank + 1 - s->data);
		s->data = blank + 1;
	}
	return true;
}

int process_parse_stat(struct span text, struct process_stat *ret_stat)
{
	const char *open = text.length ? memchr(text.data, '(', text.length) : NULL;
	const char *close = open ? memrchr(text.data, ')', text.length) : NULL;
	struct process_stat stat = {0};
	struct span name, head = text, rest;
	uint64_t pid, stack;

	if (!close || close < open || !span_take_decimal(&head, &pid) || pid > UINT32_MAX || head.data + 1 != open)
		return -EINVAL;
	name = (struct span){open + 1, (size_t)(close - open - 1)};
	memcpy(stat.name, name.data, name.length < COMM_SIZE ? name.length : COMM_SIZE - 1);
	rest = (struct span){close, (size_t)(text.data + text.length - close)};
	/* `rest` is at the end of field 2. A number cut by the end of the text has no blank behind it. */
	if (!skip_fields(&rest, START_FIELD - 2) || !span_take_decimal(&rest, &stat.start) || rest.length == 0)
		return -EINVAL;
	if (skip_fields(&rest, STACK_FIELD - START_FIELD) && span_take_decimal(&rest, &stack) && rest.length > 0)
		stat.stack = (uint32_t)(stack >> 4);
	stat.pid = (uint32_t)pid;
	*ret_stat = stat;
	return 0;
}

uint64_t process_start_ticks(uint64_t start)
{
	long hz = sysconf(_SC_CLK_TCK);

	return start / (UINT64_C(1000000000) / (uint64_t)(hz > 0 ? hz : 100));
}

static int read_stat(const struct process_view *v, struct process_stat *ret_stat)
{
	char text[STAT_SIZE];
	ssize_t n = pread(v->stat, text, sizeof(text), 0);
	struct process_stat stat;
	int r;

	if (n < 0)
		return -errno;
	r = process_parse_stat((struct span){text, (size_t)n}, &stat);
	if (r < 0)
		return r;
	if (stat.pid != v->pid || stat.start != v->start)
		return -ESTALE;
	*ret_stat = stat;
	return 0;
}

int process_view_open(int proc, uint32_t pid, uint64_t start, struct process_view *ret_view)
{
	_cleanup_(process_view_done) struct process_view v = PROCESS_VIEW_INIT;
	struct process_stat stat = {0};
	char name[16];
	int r;

	if (proc < 0 || pid == 0 || start == 0)
		return -ESRCH;
	snprintf(name, sizeof(name), "%u", pid);
	v.pid = pid;
	v.start = process_start_ticks(start);
	v.directory = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v.directory < 0)
		return -errno;
	v.stat = openat(v.directory, "stat", O_RDONLY | O_CLOEXEC);
	if (v.stat < 0)
		return -errno;
	r = read_stat(&v, &stat);
	if (r < 0)
		return r;
	memcpy(v.name, stat.name, sizeof(v.name));
	v.stack = stat.stack;
	*ret_view = v;
	v.directory = v.stat = -1;
	return 0;
}

int process_view_check(const struct process_view *v)
{
	struct process_stat stat = {0};
	int r = read_stat(v, &stat);

	if (r < 0)
		return r;
	return stat.stack == v->stack ? 0 : -ESTALE;
}

void process_view_done(struct process_view *v)
{
	cleanup_close(&v->stat);
	cleanup_close(&v->directory);
	v->stat = v->directory = -1;
}

int process_view_link(const struct process_view *v, const char *name, char **ret_target)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(v->directory, name, target, sizeof(target));
	char *copy;

	if (n < 0)
		return -errno;
	if (n == sizeof(target))
		return -ENAMETOOLONG;
	if (n == 0)
		return -ENOENT;
	copy = strndup(target, (size_t)n);
	if (!copy)
		return -ENOMEM;
	*ret_target = copy;
	return 0;
}

int process_view_read(const struct process_view *v, const char *name, size_t limit, struct buffer *out,
		      bool *ret_truncated)
{
	_cleanup_close_ int fd = openat(v->directory, name, O_RDONLY | O_CLOEXEC);
	size_t start = out->length;

	if (fd < 0)
		return -errno;
	while (out->length - start <= limit) {
		size_t want = limit + 1 - (out->length - start), step = want < 2048 ? want : 2048;
		ssize_t n = buffer_reserve(out, step) ? read(fd, out->data + out->length, step) : -1;

		if (n < 0)
			return out->failed ? -ENOMEM : -errno;
		if (n == 0)
			break;
		out->length += (size_t)n;
	}
	*ret_truncated = out->length - start > limit;
	if (*ret_truncated)
		out->length = start + limit;
	return 0;
}

void process_done(struct process *p)
{
	free(p->executable);
	free(p->args);
	free(p->working_directory);
	p->executable = p->args = p->working_directory = NULL;
	p->args_length = 0;
}

int process_set_args(struct process *p, struct span args, bool truncated)
{
	_cleanup_(buffer_done) struct buffer masked = {0};
	char *copy;

	free(p->args);
	p->args = NULL;
	p->args_length = 0;
	p->args_truncated = false;
	if (args.length == 0)
		return 0;
	mask_args(&masked, args);
	if (masked.length == 0 || masked.data[masked.length - 1] != '\0')
		buffer_byte(&masked, '\0');
	copy = masked.failed ? NULL : malloc(masked.length);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, masked.data, masked.length);
	p->args = copy;
	p->args_length = masked.length;
	p->args_truncated = truncated;
	return 0;
}
