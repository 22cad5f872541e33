/* SPDX-License-Identifier: Apache-2.0 */
/* Talk for people, on stderr, one line each with the program's name. stdout is data only. */
#pragma once

/* Prints one line. Control characters in the result are escaped. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "TEXT: reason of -r" and returns r, which is 0 or -errno, so that a caller can `return log_errno(r, …)`. */
int log_errno(int r, const char *format, ...) __attribute__((format(printf, 2, 3)));
