/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in text of others. Pure and linear in the length of the text; when in doubt more is masked, not less.
 *
 * What is taken for a secret: the value after a name that ends in token, password, secret, authorization … (any letter
 * case, '-' or '_'), as a header (`Name: value`), assignment or query (`name=value`), option (`--name value`,
 * `--name=value`), or quoted key (`"name": "value"`); the password of `curl -u user:password`; the password in a URL.
 * A name that goes on after the word is another name: X-aws-ec2-metadata-token-ttl-seconds and AWS_…_TOKEN_FILE stay.
 * Shell expansions ("$TOKEN", "$(cat file)") are not the secret and stay readable.
 */
#pragma once

#include "base/buffer.h"

#define MASK_TEXT      "**token redacted**"
#define MASK_LENGTH    (sizeof(MASK_TEXT) - 1)

/* mask_value(): a shorter value would hit ordinary text. */
#define MASK_VALUE_MIN 8

/*
 * Appends `args`, NUL-separated as /proc/PID/cmdline or a single line of text, with every secret replaced by MASK_TEXT.
 * The end may be cut anywhere: the part of a secret before it is masked too. Idempotent. Returns true when something
 * was replaced.
 */
bool mask_args(struct buffer *out, struct span args);

/*
 * Appends `text` with `value` replaced by MASK_TEXT wherever it occurs, also when only the first MASK_VALUE_MIN or more
 * bytes of it are at the end of the text. A value shorter than that replaces nothing. Returns true when something was.
 */
bool mask_value(struct buffer *out, struct span text, struct span value);
