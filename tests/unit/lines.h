/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered lines into an output, and stdout for a while somewhere else. */
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "sink/output.h"

static inline void put_line(struct output *o, unsigned number, size_t length)
{
	size_t start = o->lines.length;

	buffer_printf(&o->lines, "%08u ", number);
	while (o->lines.length - start < length - 1)
		buffer_byte(&o->lines, 'x');
	buffer_byte(&o->lines, '\n');
}

static inline void restore_stdout(int saved)
{
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

/* Reads until there is nothing more and returns how much it was. */
static inline size_t drain(int fd, struct buffer *into)
{
	char block[4096];
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((n = read(fd, block, sizeof(block))) > 0)
		buffer_append(into, block, (size_t)n);
	return into->length;
}
