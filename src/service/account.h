/* SPDX-License-Identifier: Apache-2.0 */
/* The user and the group of the service. */
#pragma once

#include <stdbool.h>

#include "base/problem.h"

/* Makes user and group if they are not there. 1: made; 0: they were there; -errno with *problem set. */
int account_make(struct problem *problem);

/* Whether /etc/passwd has the user as account_make() makes it; another user of this name is somebody else's. */
bool account_is_ours(void);

/* 0 or -errno with *problem set. */
int account_remove(struct problem *problem);
