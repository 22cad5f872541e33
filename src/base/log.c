/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 1024

/* A message may quote a path or an argument of somebody else: it must not move the reader's cursor. */
static void disarm(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

__attribute__((format(printf, 1, 0))) static void print(const char *format, va_list arguments, const char *reason)
{
	char line[LINE_SIZE];

	vsnprintf(line, sizeof(line), format, arguments);
	disarm(line);
	fprintf(stderr, "imdsnitch: %s%s%s\n", line, reason ? ": " : "", reason ? reason : "");
}

void log_line(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments, NULL);
	va_end(arguments);
}

int log_errno(int r, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments, strerror(abs(r)));
	va_end(arguments);
	return r;
}
