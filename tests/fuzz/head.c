/* SPDX-License-Identifier: Apache-2.0 */
/* The head scanner: no bad access on any bytes, and the same reading as http-parser of what that takes. */
#include "fuzz.h"

#include "head_reference.h"

static void scan_response(const uint8_t *data, size_t size)
{
	struct head h;

	head_init(&h, HEAD_RESPONSE);
	for (size_t i = 0; i < size; i++)
		if (head_step(&h, data[i]) != HEAD_MORE)
			break;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool accepted;
	const char *what;

	scan_response(data, size);
	if (size == 0)
		return 0;
	what = head_compare((const char *)data, size, &accepted);
	if (what) {
		fprintf(stderr, "fuzz: %s differs\n", what);
		abort();
	}
	return 0;
}
