/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the metrics' server sends: one answer, however the bytes are cut. */
#include "fuzz.h"

#include "metrics/scrape.h"

static unsigned read_in_pieces(const uint8_t *data, size_t size, size_t piece, size_t *ret_used)
{
	struct scrape s;
	unsigned status = 0;
	size_t at = 0;

	scrape_init(&s);
	while (at < size && status == 0) {
		size_t n = size - at < piece ? size - at : piece;

		status = scrape_read(&s, (struct span){(const char *)data + at, n});
		at += n;
	}
	*ret_used = at;
	return status;
}

static void check_answer(const uint8_t *data, size_t size, unsigned status)
{
	struct buffer b = {0};
	struct scrape s;
	const char *end;

	scrape_init(&s);
	CHECK(scrape_read(&s, (struct span){(const char *)data, size}) == status);
	scrape_answer(&s, status, SPAN_LITERAL("a 1\n"), &b);
	end = memmem(b.data, b.length, "\r\n\r\n", 4);
	CHECK(end && b.length > 12 && memcmp(b.data, "HTTP/1.1 ", 9) == 0);
	CHECK((end + 4 == b.data + b.length) == (s.head.method_kind == METHOD_HEAD));
	CHECK((status == 200) == (memmem(b.data, b.length, " 200 OK", 7) != NULL));
	buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t used, all;
	unsigned status = read_in_pieces(data, size, 1, &used);

	CHECK(status == 0 || status == 200 || status == 400 || status == 404 || status == 405 || status == 431 ||
	      status == 505);
	CHECK(used <= SCRAPE_HEAD_MAX);
	CHECK(status != 0 || size < SCRAPE_HEAD_MAX);
	CHECK(read_in_pieces(data, size, size ? size : 1, &all) == status);
	CHECK(read_in_pieces(data, size, 7, &all) == status);
	if (status != 0)
		check_answer(data, size, status);
	return 0;
}
