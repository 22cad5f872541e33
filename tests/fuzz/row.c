/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink program is fed with: within memory, and every field within the bytes read. */
#include "fuzz.h"

#include "sink/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *begin = (const char *)data, *end = begin + size;
	struct row row;

	if (row_read((struct span){begin, size}, &row) < 0)
		return 0;
	for (unsigned i = 0; i < ROW_FIELDS; i++) {
		struct span s = row.field[i];

		CHECK(!s.data || (s.data >= begin && s.length <= size && s.data + s.length <= end));
		CHECK(s.data || s.length == 0);
	}
	return 0;
}
