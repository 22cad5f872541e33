/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding secrets in text that is going to be shown: values of query parameters that carry credentials, user
 * information in a URL, and copies of the token values a request carried in its headers.
 */
#pragma once

#include "base/buffer.h"
#include "base/mask.h"
#include "caller/caller.h"

/* More places than that in one head: everything behind the last one is masked. */
#define REDACTIONS_MAX 64

struct redaction {
	size_t start, end;
};

struct redactions {
	unsigned count;
	struct redaction list[REDACTIONS_MAX]; /* in order, without overlap */
};

/* `secrets`: values, each ended by NUL; last_cut: the last one is only the beginning of the value. */
void redactions_find(struct redactions *m, struct span text, struct span secrets, bool last_cut);

/* Length of the masked text; where a position of the text is in it; and the masked text itself. */
size_t redactions_length(const struct redactions *m, size_t length);
size_t redactions_map(const struct redactions *m, size_t position);
void redactions_write(const struct redactions *m, struct span text, char *out);

/* Masks the values in the arguments of the caller and its ancestors. */
void redact_caller(struct caller *c, struct span secrets);
