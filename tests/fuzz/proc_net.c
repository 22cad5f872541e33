/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/PID/net/tcp and tcp6: within memory; what is accepted has fields of their size. */
#include "fuzz.h"

#include "caller/sockets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};

	while (text.length) {
		const char *end = memchr(text.data, '\n', text.length);
		size_t length = end ? (size_t)(end - text.data) : text.length;
		struct open_socket s;

		if (sockets_parse_line((struct span){text.data, length}, &s))
			CHECK(s.state <= 0xff && s.pid == 0 && s.netns == 0);
		text = (struct span){text.data + length + (end != NULL), text.length - length - (end != NULL)};
	}
	return 0;
}
