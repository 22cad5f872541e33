/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The head scanner: request and response heads (RFC 9112 sections 2 to 5), one byte at a time. It keeps no text and no
 * pointer, needs no library, and does bounded work per byte, so the same file is compiled into the kernel program and
 * into user space. It counts: a head may be of any size.
 *
 * A header is known by its whole name at the start of a header line, in any letter case. Text in a value, in a folded
 * line (obs-fold) or before white space and a colon is never a name. As lenient as the servers one meets: empty lines
 * before the request line, LF alone as line end, several spaces, spaces and control characters inside the target, any
 * token as method, HTTP/0.9 simple requests.
 */
#pragma once

#include "bpf/head_names.h"

/* Headers whose value is a secret. */
#define HEAD_TOKENS (HEADER_AWS_TOKEN | HEADER_ALIBABA_TOKEN | HEADER_HUAWEI_TOKEN | HEADER_AKAMAI_TOKEN)
#define HEAD_SECRETS                                                                                                   \
	(HEAD_TOKENS | HEADER_AUTHORIZATION | HEADER_PROXY_AUTHORIZATION | HEADER_COOKIE | HEADER_SECURITY_TOKEN)
#define HEAD_TTLS       (HEADER_AWS_TTL | HEADER_ALIBABA_TTL | HEADER_HUAWEI_TTL | HEADER_AKAMAI_TTL)
#define HEAD_NUMBERS    (HEAD_TTLS | HEADER_CONTENT_LENGTH)
#define HEAD_LISTS      (HEADER_TRANSFER_ENCODING | HEADER_METADATA | HEADER_METADATA_FLAVOR | HEADER_GOOGLE_REQUEST)

/* No registered method is longer than 17; a longer "method" is other data. */
#define HEAD_METHOD_MAX 32

enum head_kind { HEAD_REQUEST, HEAD_RESPONSE };
enum head_result { HEAD_ERROR = -1, HEAD_MORE = 0, HEAD_DONE = 1 };
enum head_method { METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_POST, METHOD_CONNECT, METHOD_PRI };

/* struct head.flags */
#define HEAD_F_LINE          0x01  /* the start line is complete */
#define HEAD_F_LENGTH        0x02  /* content_length is valid */
#define HEAD_F_BAD_LENGTH    0x04  /* Content-Length is no number, overflows, or differs from another one */
#define HEAD_F_CHUNKED       0x08  /* chunked is the final transfer coding */
#define HEAD_F_METADATA_TRUE 0x10  /* Metadata: true */
#define HEAD_F_GOOGLE        0x20  /* Metadata-Flavor: Google, or X-Google-Metadata-Request: True */
#define HEAD_F_TTL           0x40  /* ttl is valid */
#define HEAD_F_SPACES        0x80  /* white space inside the target: not valid, but servers take it */
#define HEAD_F_HIDING        0x100 /* the byte just read belongs to a secret value */

enum head_value { VALUE_USER_AGENT, VALUE_HOST, VALUE_TOKEN, VALUE_AUTHORIZATION, HEAD_VALUES, VALUE_NONE };

/* Relative to the first byte of the start line; saturating. offset 0: absent (except for the method). */
struct head_span {
	__u32 offset, length;
};

struct head {
	__u64 length;         /* bytes from the start line's first to the last one read */
	__u64 leading;        /* bytes of empty lines before the start line */
	__u64 content_length; /* HEAD_F_LENGTH */
	__u64 number;         /* scratch: digits of the value being read; before that, the method's bytes */
	__u32 seen;           /* HEADER_*: headers present */
	__u32 current;        /* HEADER_*: whose value is being read, or 0 */
	__u32 secret;         /* as current, also when white space before the colon makes it another header */
	__u32 matching;       /* scratch: names or words that still match */
	__u32 flags;          /* HEAD_F_* */
	__u32 ttl;            /* s; HEAD_F_TTL */
	struct head_span method, target;
	struct head_span value[HEAD_VALUES]; /* the first of each */
	__u16 status;                        /* responses */
	__u8 state, kind;
	__u8 method_kind;  /* enum head_method */
	__u8 major, minor; /* HTTP version; 0.9 for a simple request */
	__u8 position;     /* scratch: in a name or word, saturating */
	__u8 part;         /* scratch: enum head_part of a number or list element */
	__u8 open;         /* scratch: enum head_value being measured */
};

/* In which part of a number or of a list element the value is. */
enum head_part { PART_BEFORE, PART_IN, PART_AFTER, PART_BAD };

enum head_state {
	HEAD_S_START,       /* before the start line */
	HEAD_S_METHOD,      /* in the method */
	HEAD_S_TARGET,      /* in the target */
	HEAD_S_VERSION,     /* in "HTTP/d.d" */
	HEAD_S_VERSION_END, /* after it */
	HEAD_S_STATUS,      /* in the status code */
	HEAD_S_REASON,      /* in the reason phrase */
	HEAD_S_START_LF,    /* CR of the start line seen */
	HEAD_S_LINE,        /* at the start of a header line */
	HEAD_S_NAME,
	HEAD_S_JUNK, /* in a header line that is none */
	HEAD_S_VALUE,
	HEAD_S_END_LF, /* CR of the empty line seen */
	HEAD_S_DONE,
	HEAD_S_ERROR,
};

static inline void head_init(struct head *h, enum head_kind kind)
{
	*h = (struct head){.kind = (__u8)kind, .open = VALUE_NONE};
}

static inline __u32 head_saturate(__u64 n)
{
	return n > 0xffffffffULL ? 0xffffffffU : (__u32)n;
}

static inline int head_is_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

static inline __u32 head_symbol(__u8 c)
{
	__u8 folded = c | 0x20;

	if (folded >= 'a' && folded <= 'z')
		return c & 0x1f;
	return c == '-' ? 27 : c == '2' ? 28 : 0;
}

/* tchar, RFC 9110 section 5.6.2. */
static inline int head_is_token(__u8 c)
{
	__u8 folded = c | 0x20;

	if ((folded >= 'a' && folded <= 'z') || (c >= '0' && c <= '9'))
		return 1;
	return c == '!' || (c >= '#' && c <= '\'') || c == '*' || c == '+' || c == '-' || c == '.' || c == '^' ||
	       c == '_' || c == '`' || c == '|' || c == '~';
}

static inline void head_match(struct head *h, __u32 symbol)
{
	if (h->position >= HEAD_NAME_MAX) {
		h->matching = 0;
		return;
	}
	h->matching &= head_letters[h->position][symbol];
	h->position++;
}

/* The one name or word that matches entirely, or 0. */
static inline __u32 head_matched(const struct head *h)
{
	return h->position <= HEAD_NAME_MAX ? h->matching & head_ends[h->position] : 0;
}

#define HEAD_4(a, b, c, d) ((__u64)(a) << 24 | (__u64)(b) << 16 | (__u64)(c) << 8 | (__u64)(d))

static inline __u8 head_method_kind(__u64 bytes)
{
	switch (bytes) {
	case HEAD_4(0, 'G', 'E', 'T'):
		return METHOD_GET;
	case HEAD_4(0, 'P', 'U', 'T'):
		return METHOD_PUT;
	case HEAD_4(0, 'P', 'R', 'I'):
		return METHOD_PRI;
	case HEAD_4('H', 'E', 'A', 'D'):
		return METHOD_HEAD;
	case HEAD_4('P', 'O', 'S', 'T'):
		return METHOD_POST;
	case HEAD_4(0, 'C', 'O', 'N') << 32 | HEAD_4('N', 'E', 'C', 'T'):
		return METHOD_CONNECT;
	default:
		return METHOD_OTHER;
	}
}

static inline __u8 head_step_start(struct head *h, __u8 c)
{
	if (c == '\r' || c == '\n')
		return HEAD_S_START;
	if (h->kind == HEAD_RESPONSE) {
		h->position = 1;
		return c == 'H' ? HEAD_S_VERSION : HEAD_S_ERROR;
	}
	h->number = c;
	h->method.length = 1;
	return head_is_token(c) ? HEAD_S_METHOD : HEAD_S_ERROR;
}

static inline __u8 head_step_method(struct head *h, __u8 c)
{
	if (head_is_blank(c)) {
		h->method_kind = h->method.length <= 8 ? head_method_kind(h->number) : METHOD_OTHER;
		return HEAD_S_TARGET;
	}
	h->number = h->number << 8 | c;
	h->method.length++;
	return head_is_token(c) && h->method.length <= HEAD_METHOD_MAX ? HEAD_S_METHOD : HEAD_S_ERROR;
}

/* The end of a request line without version: HTTP/0.9 knows "GET" SP target only (RFC 1945 section 5.1). */
static inline __u8 head_step_simple(struct head *h, __u8 c)
{
	if (h->method_kind != METHOD_GET || h->target.length == 0 || h->flags & HEAD_F_SPACES)
		return HEAD_S_ERROR;
	h->major = 0;
	h->minor = 9;
	if (c == '\r')
		return HEAD_S_START_LF;
	h->flags |= HEAD_F_LINE;
	return HEAD_S_DONE;
}

static inline __u8 head_step_target(struct head *h, __u8 c)
{
	if (head_is_blank(c)) {
		h->position = 0;
		return h->target.length ? HEAD_S_VERSION : HEAD_S_TARGET;
	}
	if (c == '\r' || c == '\n')
		return head_step_simple(h, c);
	if (h->target.length == 0)
		h->target.offset = head_saturate(h->length);
	h->target.length = head_saturate(h->length) - h->target.offset + 1;
	return HEAD_S_TARGET;
}

/* Is `c` right at this position of "HTTP/d.d"? */
static inline int head_version_fits(struct head *h, __u8 c)
{
	switch (h->position) {
	case 0:
		return c == 'H';
	case 1:
	case 2:
		return c == 'T';
	case 3:
		return c == 'P';
	case 4:
		return c == '/';
	case 6:
		return c == '.';
	case 5:
		h->major = c - '0';
		break;
	default:
		h->minor = c - '0';
		break;
	}
	return c >= '0' && c <= '9';
}

/* What looked like the version belongs to the target. */
static inline __u8 head_step_spaced(struct head *h, __u8 c)
{
	h->flags |= HEAD_F_SPACES;
	h->target.length = head_saturate(h->length) - h->target.offset;
	return head_step_target(h, c);
}

static inline __u8 head_step_version(struct head *h, __u8 c)
{
	if (head_version_fits(h, c)) {
		h->position++;
		return h->position == 8 ? HEAD_S_VERSION_END : HEAD_S_VERSION;
	}
	if (h->kind == HEAD_RESPONSE)
		return HEAD_S_ERROR;
	if (h->position == 0 && (head_is_blank(c) || c == '\r' || c == '\n'))
		return head_is_blank(c) ? HEAD_S_VERSION : head_step_simple(h, c);
	return head_step_spaced(h, c);
}

/* RFC 9113 section 3.4: "PRI * HTTP/2.0" opens a connection of another protocol. */
static inline __u8 head_step_version_end(struct head *h, __u8 c)
{
	if (h->method_kind == METHOD_PRI && h->major == 2)
		return HEAD_S_ERROR;
	if (h->kind == HEAD_RESPONSE) {
		h->position = 0;
		return head_is_blank(c) ? HEAD_S_STATUS : HEAD_S_ERROR;
	}
	if (c == '\r')
		return HEAD_S_START_LF;
	if (c == '\n') {
		h->flags |= HEAD_F_LINE;
		return HEAD_S_LINE;
	}
	if (head_is_blank(c))
		return HEAD_S_VERSION_END;
	return head_step_spaced(h, c);
}

static inline __u8 head_step_status(struct head *h, __u8 c)
{
	if (c >= '0' && c <= '9' && h->position < 3) {
		h->status = (__u16)(h->status * 10 + (c - '0'));
		h->position++;
		return HEAD_S_STATUS;
	}
	if (h->position == 0 && head_is_blank(c))
		return HEAD_S_STATUS;
	if (h->position != 3 || h->status < 100)
		return HEAD_S_ERROR;
	if (head_is_blank(c))
		return HEAD_S_REASON;
	if (c == '\r')
		return HEAD_S_START_LF;
	if (c != '\n')
		return HEAD_S_ERROR;
	h->flags |= HEAD_F_LINE;
	return HEAD_S_LINE;
}

static inline __u8 head_step_reason(struct head *h, __u8 c)
{
	if (c == '\r')
		return HEAD_S_START_LF;
	if (c != '\n')
		return HEAD_S_REASON;
	h->flags |= HEAD_F_LINE;
	return HEAD_S_LINE;
}

static inline __u8 head_step_start_lf(struct head *h, __u8 c)
{
	if (c != '\n')
		return HEAD_S_ERROR;
	h->flags |= HEAD_F_LINE;
	return h->kind == HEAD_REQUEST && h->major == 0 && h->minor == 9 ? HEAD_S_DONE : HEAD_S_LINE;
}

/* Content-Length: RFC 9112 section 6.3; a list of the same number is that number. */
static inline void head_commit_number(struct head *h)
{
	int valid = h->part == PART_IN || h->part == PART_AFTER;

	if (h->current & HEADER_CONTENT_LENGTH) {
		if (!valid || (h->flags & HEAD_F_LENGTH && h->content_length != h->number)) {
			h->flags |= HEAD_F_BAD_LENGTH;
		} else {
			h->flags |= HEAD_F_LENGTH;
			h->content_length = h->number;
		}
	} else if (valid && !(h->flags & HEAD_F_TTL) && h->number <= 0xffffffffULL) {
		h->flags |= HEAD_F_TTL;
		h->ttl = (__u32)h->number;
	}
	h->number = 0;
	h->part = PART_BEFORE;
}

static inline void head_commit_word(struct head *h)
{
	__u32 word = h->part == PART_BAD ? 0 : head_matched(h);

	if (h->part != PART_BEFORE && h->current & HEADER_TRANSFER_ENCODING) {
		h->flags &= ~(__u32)HEAD_F_CHUNKED;
		h->flags |= word & WORD_CHUNKED ? HEAD_F_CHUNKED : 0;
	}
	if (h->current & HEADER_METADATA && word & WORD_TRUE)
		h->flags |= HEAD_F_METADATA_TRUE;
	if ((h->current & HEADER_METADATA_FLAVOR && word & WORD_GOOGLE) ||
	    (h->current & HEADER_GOOGLE_REQUEST && word & WORD_TRUE))
		h->flags |= HEAD_F_GOOGLE;
	h->part = PART_BEFORE;
	h->position = 0;
	h->matching = HEAD_WORDS;
}

/* The value that was being read is over: its line ended and the next one does not continue it. */
static inline void head_value_end(struct head *h)
{
	if (h->current & HEAD_NUMBERS)
		head_commit_number(h);
	else if (h->current & HEAD_LISTS)
		head_commit_word(h);
	h->current = 0;
	h->secret = 0;
	h->open = VALUE_NONE;
}

static inline __u8 head_value_of(__u32 header)
{
	if (header & HEADER_USER_AGENT)
		return VALUE_USER_AGENT;
	if (header & HEADER_HOST)
		return VALUE_HOST;
	if (header & HEAD_TOKENS)
		return VALUE_TOKEN;
	return header & HEADER_AUTHORIZATION ? VALUE_AUTHORIZATION : VALUE_NONE;
}

/* The colon right behind a name. */
static inline void head_value_begin(struct head *h)
{
	__u8 open;

	h->current = head_matched(h);
	h->secret = h->current & HEAD_SECRETS;
	h->seen |= h->current;
	h->number = 0;
	h->part = PART_BEFORE;
	h->position = 0;
	h->matching = HEAD_WORDS;
	open = head_value_of(h->current);
	if (open >= HEAD_VALUES || h->value[open].offset)
		return;
	h->open = open;
	h->value[open].offset = head_saturate(h->length + 1);
}

static inline __u8 head_step_name(struct head *h, __u8 c)
{
	__u32 symbol = head_symbol(c);

	if (symbol || (c != ':' && head_is_token(c))) {
		head_match(h, symbol);
		return HEAD_S_NAME;
	}
	if (c == ':') {
		head_value_begin(h);
		return HEAD_S_VALUE;
	}
	if (c == '\n')
		return HEAD_S_LINE;
	h->secret = head_matched(h) & HEAD_SECRETS;
	return HEAD_S_JUNK;
}

static inline __u8 head_step_junk(__u8 c)
{
	if (c == '\n')
		return HEAD_S_LINE;
	return c == ':' ? HEAD_S_VALUE : HEAD_S_JUNK;
}

static inline __u8 head_step_line(struct head *h, __u8 c)
{
	h->flags &= ~(__u32)HEAD_F_HIDING;
	if (head_is_blank(c)) {
		return HEAD_S_VALUE;
	}
	head_value_end(h);
	if (c == '\n')
		return HEAD_S_DONE;
	if (c == '\r')
		return HEAD_S_END_LF;
	h->position = 0;
	h->matching = HEAD_HEADERS;
	return head_step_name(h, c);
}

static inline void head_number_byte(struct head *h, __u8 c)
{
	__u64 digit = (__u64)(c - '0');

	if (c == ',' && h->current & HEADER_CONTENT_LENGTH) {
		head_commit_number(h);
		return;
	}
	if (c < '0' || c > '9' || h->part == PART_AFTER || h->part == PART_BAD ||
	    h->number > (0xffffffffffffffffULL - digit) / 10) {
		h->part = PART_BAD;
		return;
	}
	h->number = h->number * 10 + digit;
	h->part = PART_IN;
}

static inline void head_list_byte(struct head *h, __u8 c)
{
	if (c == ',') {
		head_commit_word(h);
		return;
	}
	if (h->part == PART_AFTER)
		h->part = PART_BAD;
	if (h->part == PART_BEFORE)
		h->part = PART_IN;
	head_match(h, head_symbol(c));
}

static inline __u8 head_step_value(struct head *h, __u8 c)
{
	struct head_span *span;

	if (c == '\n')
		return HEAD_S_LINE;
	if (head_is_blank(c) || c == '\r') {
		if (h->part == PART_IN)
			h->part = PART_AFTER;
		return HEAD_S_VALUE;
	}
	if (h->secret)
		h->flags |= HEAD_F_HIDING;
	if (h->open < HEAD_VALUES) {
		span = &h->value[h->open];
		if (span->length == 0)
			span->offset = head_saturate(h->length);
		span->length = head_saturate(h->length) - span->offset + 1;
	}
	if (h->current & HEAD_NUMBERS)
		head_number_byte(h, c);
	else if (h->current & HEAD_LISTS)
		head_list_byte(h, c);
	return HEAD_S_VALUE;
}

static inline __u8 head_step_state(struct head *h, __u8 c)
{
	switch (h->state) {
	case HEAD_S_START:
		return head_step_start(h, c);
	case HEAD_S_METHOD:
		return head_step_method(h, c);
	case HEAD_S_TARGET:
		return head_step_target(h, c);
	case HEAD_S_VERSION:
		return head_step_version(h, c);
	case HEAD_S_VERSION_END:
		return head_step_version_end(h, c);
	case HEAD_S_STATUS:
		return head_step_status(h, c);
	case HEAD_S_REASON:
		return head_step_reason(h, c);
	case HEAD_S_START_LF:
		return head_step_start_lf(h, c);
	case HEAD_S_LINE:
		return head_step_line(h, c);
	case HEAD_S_NAME:
		return head_step_name(h, c);
	case HEAD_S_JUNK:
		return head_step_junk(c);
	case HEAD_S_VALUE:
		return head_step_value(h, c);
	case HEAD_S_END_LF:
		return c == '\n' ? HEAD_S_DONE : head_step_junk(c);
	default:
		return HEAD_S_ERROR;
	}
}

/*
 * Reads one byte: HEAD_MORE; HEAD_DONE with the head's last byte; HEAD_ERROR when this is no HTTP/1 head (and from then
 * on). After HEAD_F_LINE is set only HEAD_MORE and HEAD_DONE can follow.
 */
static inline enum head_result head_step(struct head *h, __u8 c)
{
	__u8 state = head_step_state(h, c);

	if (state == HEAD_S_START)
		h->leading++;
	else
		h->length++;
	h->state = state;
	if (state == HEAD_S_DONE)
		return HEAD_DONE;
	return state == HEAD_S_ERROR ? HEAD_ERROR : HEAD_MORE;
}

/* The HTTP/2 connection preface was met (RFC 9113 section 3.4). */
static inline int head_is_http2(const struct head *h)
{
	return h->state == HEAD_S_ERROR && h->method_kind == METHOD_PRI && h->major == 2;
}
