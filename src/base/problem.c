/* SPDX-License-Identifier: Apache-2.0 */
#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>

int problem_set(struct problem *p, int r, const char *format, ...)
{
	va_list arguments;

	if (!p)
		return r;
	va_start(arguments, format);
	vsnprintf(p->text, sizeof(p->text), format, arguments);
	va_end(arguments);
	return r;
}
