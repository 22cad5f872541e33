/* SPDX-License-Identifier: Apache-2.0 */
/* record_decode() on any bytes: what it accepts must lie inside them. */
#include "fuzz.h"

#include "capture/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);
	struct record r;
	volatile char sum = 0;
	int n;

	CHECK(bytes);
	memcpy(bytes, data, size);
	n = record_decode(bytes, size, &r);
	if (n >= 0) {
		CHECK(n > 0 && (size_t)n <= size && (uint32_t)n == r.header->length);
		CHECK(r.tail.data + r.tail.length == (const char *)bytes + n);
		for (size_t i = 0; i < r.tail.length; i++)
			sum = (char)(sum + r.tail.data[i]);
		if (r.header->kind == RECORD_CONNECT && r.connect->exe)
			CHECK(r.connect->exe_names[r.connect->exe - 1] == '\0');
		if (r.header->kind == RECORD_VERDICT)
			CHECK(strlen(r.verdict->file) < sizeof(r.verdict->file));
	}
	free(bytes);
	return 0;
}
