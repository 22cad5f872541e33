/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is replaced as a whole: who reads it finds one version or the next, never a part. What fails is said
 * once, and once more when it works again.
 */
#pragma once

#include <sys/types.h>

#include "base/span.h"

#define TEXTFILE_MODE 0644

struct textfile {
	char *path, *temporary; /* in the same directory, so that it can be renamed */
	int failure;            /* errno of the last attempt; 0: it worked */
};

/* Also removes what an instance that was killed has left beside the file. 0 or -ENOMEM. */
int textfile_init(struct textfile *t, const char *path);
void textfile_done(struct textfile *t);

/* 0 or -errno; the file is then the one before, and nothing is left beside it. */
int textfile_write(struct textfile *t, struct span content);
