/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a container's id to the name of its image, as the container's runtime wrote it into its own files. They are
 * root's, but what they hold came from whoever started the container: bounded, and believed only as far as it looks
 * like a name. A bounded cache in front; what was not found is looked for again after a while.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define IMAGE_NAME_MAX 512

struct images;

/* `root` is put in front of every path; NULL: none. NULL when memory is out. */
struct images *images_new(const char *root);
struct images *images_free(struct images *i); /* always returns NULL; NULL is fine */

/*
 * "docker.io/library/nginx:1.25", or whatever stands there; NULL: not known. `runtime` as in struct container; NULL:
 * any. Valid until the next call with the same `i`. Looks into files when the id is new.
 */
const char *images_name(struct images *i, const char *runtime, const char *id);
