/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/stat: within memory; a name of any bytes does not shift the fields behind it. */
#include "fuzz.h"

#include "base/buffer.h"
#include "caller/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct process_stat stat;
	struct buffer b = {0};

	process_parse_stat((struct span){(const char *)data, size}, &stat);
	buffer_string(&b, "4711 (");
	buffer_append(&b, data, size);
	buffer_string(&b, ") S 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 987654321 1 2 3");
	CHECK(process_parse_stat(buffer_view(&b), &stat) == 0);
	CHECK(stat.pid == 4711 && stat.start == 987654321);
	CHECK(memcmp(stat.name, data, size < COMM_SIZE - 1 ? size : COMM_SIZE - 1) == 0);
	CHECK(stat.name[COMM_SIZE - 1] == '\0');
	buffer_done(&b);
	return 0;
}
