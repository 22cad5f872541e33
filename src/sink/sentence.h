/* SPDX-License-Identifier: Apache-2.0 */
/* The event in one sentence for a person: the `message` of a structured event. Pieces are raw: the receiver escapes. */
#pragma once

#include "sink/sink.h"

typedef void (*sentence_part)(void *context, struct span piece);

void sentence_call(const struct call *c, sentence_part part, void *context);
void sentence_stats(const struct stats *s, sentence_part part, void *context);
