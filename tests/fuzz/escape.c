/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever goes in, what comes out is valid UTF-8 without a control character, and fits where it was cut to. */
#include "fuzz.h"

#include "base/escape.h"

static void check_clean(struct span s)
{
	uint32_t c;

	while (s.length > 0) {
		size_t n = utf8_decode(s, &c);

		CHECK(n > 0 && c >= 0x20 && c != 0x7f && !(c >= 0x80 && c <= 0x9f));
		CHECK(!(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069));
		s.data += n;
		s.length -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = {(const char *)data, size};
	struct buffer text = {0}, cut = {0};

	escape_json(&text, in);
	check_clean(buffer_view(&text));
	buffer_reset(&text);
	escape_text(&text, in, ESCAPE_LOOSE);
	check_clean(buffer_view(&text));
	buffer_reset(&text);
	escape_text(&text, in, ESCAPE_EXACT);
	check_clean(buffer_view(&text));
	for (size_t columns = 0; columns < 20; columns += 3) {
		size_t filled;

		buffer_reset(&cut);
		filled = text_fit(&cut, buffer_view(&text), columns, size % 20);
		check_clean(buffer_view(&cut));
		CHECK(filled <= columns && filled == text_width(buffer_view(&cut)));
	}
	buffer_done(&text);
	buffer_done(&cut);
	return 0;
}
