/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking: within memory; what a header hides does not come back, wherever it is put; nothing but MASK_TEXT is added.
 */
#include "fuzz.h"

#include "base/mask.h"

static const char secret[] = "\x01SECRET\x02VALUE\x03";

/* Every byte of the result that is not of a replacement is the input's, in its order. */
static void check_subsequence(struct span in, struct span out)
{
	static const struct span mask = SPAN_LITERAL(MASK_TEXT);
	size_t at = 0;

	while (out.length) {
		const char *hit;

		if (span_starts(out, mask)) {
			out = (struct span){out.data + mask.length, out.length - mask.length};
			continue;
		}
		hit = at < in.length ? memchr(in.data + at, out.data[0], in.length - at) : NULL;
		CHECK(hit || out.data[0] == '"' || out.data[0] == '\'');
		if (hit)
			at = (size_t)(hit - in.data) + 1;
		out = (struct span){out.data + 1, out.length - 1};
	}
}

static void check_hidden(const uint8_t *data, size_t size)
{
	struct buffer in = {0}, out = {0};

	/* As an argument of its own the header is masked whatever stands around it. */
	buffer_append(&in, data, size);
	buffer_append(&in, "\0x\0X-aws-ec2-metadata-token: ", 29);
	buffer_append(&in, secret, sizeof(secret));
	buffer_append(&in, data, size);
	mask_args(&out, buffer_view(&in));
	CHECK(out.failed || !memmem(out.data, out.length, secret, sizeof(secret) - 1));
	buffer_done(&in);
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = {(const char *)data, size};
	struct buffer out = {0}, exact = {0};
	size_t n = size < 16 ? size : 16;

	if (memmem(data, size, secret, sizeof(secret) - 1))
		return -1;
	mask_args(&out, in);
	check_subsequence(in, buffer_view(&out));
	check_hidden(data, size);
	mask_value(&exact, in, (struct span){in.data, n});
	CHECK(n < MASK_VALUE_MIN || span_starts(buffer_view(&exact), SPAN_LITERAL(MASK_TEXT)));
	buffer_done(&out);
	buffer_done(&exact);
	return 0;
}
