/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways a stand-in service can be difficult. Written as text, "delay=200,chunked,ttl=1": on the command line for
 * all answers or for token answers, and in a request's own query ("/latest/meta-data/?delay=200&chunked").
 */
#pragma once

#include "base/span.h"

struct behaviour {
	unsigned status;  /* answer with this status instead; 0: as the path says */
	unsigned delay;   /* ms before the answer */
	unsigned size;    /* bytes of filler as the body instead of the path's own; 0: off */
	unsigned cut;     /* send this many bytes of the answer, then close; 0: off */
	unsigned drip;    /* send the answer in pieces of this many bytes, one segment each; 0: off */
	unsigned ttl;     /* IP TTL or hop limit of the answer; 0: the system's */
	unsigned interim; /* 1xx answers before the real one */
	bool silent;      /* never answer */
	bool close;       /* close after the answer */
	bool reset;       /* end the connection with RST instead of an answer */
	bool chunked;     /* answer in the chunked coding */
	bool undelimited; /* answer in HTTP/1.0 without a length, ended by close */
	bool garbage;     /* answer with bytes that are no HTTP */
};

/* Reads "key=value,key" (or with '&') on top of what `b` holds. 0, or -EINVAL at a key that is not known. */
int behaviour_read(struct behaviour *b, struct span text);
