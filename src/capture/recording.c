/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

/* The longest record: a connect with all its arguments, or a stream with a full chunk. */
#define RECORD_MAX 8192
#define PADDED(n)  (((n) + 7) & ~(size_t)7)

struct recording {
	FILE *file;
	char path[256];
	int failed; /* -errno: it ends where the disk was full */
};

static int recording_new(const char *path, int fd, const char *mode, struct recording **ret_recording)
{
	struct recording *r = calloc(1, sizeof(*r));

	if (r)
		r->file = fdopen(fd, mode);
	if (!r || !r->file) {
		free(r);
		close(fd);
		return -ENOMEM;
	}
	snprintf(r->path, sizeof(r->path), "%s", path);
	*ret_recording = r;
	return 0;
}

int recording_create(const char *path, const struct recording_header *header, struct recording **ret_recording,
		     struct problem *problem)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return problem_set(problem, -errno, "the recording %s cannot be created: %s", path, strerror(errno));
	r = recording_new(path, fd, "we", ret_recording);
	if (r < 0)
		return problem_set(problem, r, "out of memory");
	if (fwrite(header, sizeof(*header), 1, (*ret_recording)->file) != 1 || fflush((*ret_recording)->file) != 0)
		return problem_set(problem, -errno, "the recording %s cannot be written: %s", path, strerror(errno));
	return 0;
}

static int fail(struct recording *r)
{
	r->failed = -errno;
	return log_errno(r->failed, "the recording %s is incomplete, it cannot be written", r->path);
}

int recording_write(struct recording *r, const void *bytes, size_t length)
{
	static const char zeros[8];

	if (r->failed)
		return r->failed;
	if (fwrite(bytes, length, 1, r->file) != 1)
		return fail(r);
	if (PADDED(length) > length && fwrite(zeros, PADDED(length) - length, 1, r->file) != 1)
		return fail(r);
	return 0;
}

int recording_flush(struct recording *r)
{
	if (!r || r->failed)
		return r ? r->failed : 0;
	return fflush(r->file) != 0 ? fail(r) : 0;
}

int recording_close(struct recording *r)
{
	int failed;

	if (!r)
		return 0;
	if (fclose(r->file) != 0 && !r->failed)
		fail(r);
	failed = r->failed;
	free(r);
	return failed;
}

static bool header_is_valid(const struct recording_header *h)
{
	return memcmp(h->magic, RECORDING_MAGIC, sizeof(h->magic)) == 0 &&
	       memchr(h->boot_id, '\0', sizeof(h->boot_id)) && memchr(h->host_id, '\0', sizeof(h->host_id)) &&
	       memchr(h->host_name, '\0', sizeof(h->host_name)) && memchr(h->provider, '\0', sizeof(h->provider));
}

int recording_open(const char *path, struct recording **ret_recording, struct recording_header *ret_header,
		   struct problem *problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return problem_set(problem, -errno, "%s cannot be opened: %s", path, strerror(errno));
	r = recording_new(path, fd, "re", ret_recording);
	if (r < 0)
		return problem_set(problem, r, "out of memory");
	if (fread(ret_header, sizeof(*ret_header), 1, (*ret_recording)->file) == 1 && header_is_valid(ret_header))
		return 0;
	recording_close(TAKE_PTR(*ret_recording));
	return problem_set(problem, -EBADMSG, "%s is no recording; make one with: imdsnitch watch --record FILE", path);
}

static int damaged(const struct recording *r, long offset, const char *what, struct problem *problem)
{
	return problem_set(problem, -EBADMSG, "%s is damaged at byte %ld: %s", r->path, offset, what);
}

/* Reads one record into `record`. 1, 0 at the end of the file, or -EBADMSG. */
static int read_one(struct recording *r, void *record, size_t *ret_length, struct problem *problem)
{
	struct record_header header;
	long offset = ftell(r->file);
	size_t got = fread(&header, 1, sizeof(header), r->file);
	size_t rest;

	if (got == 0 && feof(r->file))
		return 0;
	if (got != sizeof(header))
		return damaged(r, offset, "the file ends inside a record", problem);
	if (header.length < sizeof(header) || header.length > RECORD_MAX)
		return damaged(r, offset, "no valid record", problem);
	memcpy(record, &header, sizeof(header));
	rest = PADDED(header.length) - sizeof(header);
	if (fread((char *)record + sizeof(header), 1, rest, r->file) != rest)
		return damaged(r, offset, "the file ends inside a record", problem);
	*ret_length = header.length;
	return 1;
}

int recording_read(struct recording *r, record_handler handler, void *context, struct problem *problem)
{
	_Alignas(8) char record[RECORD_MAX];
	size_t length = 0;
	int n;

	while ((n = read_one(r, record, &length, problem)) > 0) {
		int e = handler(context, record, length);

		if (e == -EINVAL)
			return damaged(r, ftell(r->file) - (long)PADDED(length), "no valid record", problem);
		if (e < 0)
			return e;
	}
	return n;
}
