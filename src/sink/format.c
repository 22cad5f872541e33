/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink.h"

const struct format *const formats[] = {&format_text, &format_json, &format_aws, &format_null, NULL};

const struct format *format_find(const char *name)
{
	for (const struct format *const *f = formats; *f; f++)
		if (strcmp((*f)->name, name) == 0)
			return *f;
	return NULL;
}
