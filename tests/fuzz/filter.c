/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of "NAME VALUE" as filters: accepted or refused with a text, and matching never fails. */
#include "fuzz.h"

#include "sample.h"
#include "sink/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *line;
	struct filter f = {0};
	struct sample s;

	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, ' ');
		const char *error = NULL;

		if (!value)
			continue;
		*value++ = '\0';
		if (filter_add(&f, line, value, &error) < 0)
			CHECK(error && error[0]);
	}
	sample_full(&s);
	filter_match(&f, &s.call);
	sample_bare(&s);
	filter_match(&f, &s.call);
	filter_done(&f);
	free(text);
	return 0;
}
