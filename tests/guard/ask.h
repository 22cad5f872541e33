/* SPDX-License-Identifier: Apache-2.0 */
/* Between ask.c and ask_caller.c: the exit status of the caller. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	ASK_ALLOW = 10,
	ASK_EPERM,  /* from connect */
	ASK_EACCES, /* from send */
	ASK_BROKEN, /* neither: the test itself does not work */
};
