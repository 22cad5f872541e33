/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/boot.h"

#include "base/host.h"

/* As Linux and systemd take it: words between blanks; a word in quotes is one, too. */
bool boot_line_says_off(struct span line)
{
	const char *word = line.data, *end = line.data + line.length;
	bool quoted = false;

	for (const char *c = line.data; c <= end; c++) {
		if (c < end && *c == '"')
			quoted = !quoted;
		if (c < end && (quoted || (*c != ' ' && *c != '\t' && *c != '\n')))
			continue;
		if (span_equal((struct span){word, (size_t)(c - word)}, SPAN_LITERAL(GUARD_OFF)))
			return true;
		word = c + 1;
	}
	return false;
}

bool boot_says_off(void)
{
	char line[4096];

	return host_read_line("/proc/cmdline", line, sizeof(line)) == 0 && boot_line_says_off(span_of(line));
}
