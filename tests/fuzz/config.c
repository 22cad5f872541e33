/* SPDX-License-Identifier: Apache-2.0 */
/* Any file as configuration: it is taken, or every mistake has a text that names the file. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

static unsigned mistakes;

static void note(void *context, const char *text)
{
	CHECK(strncmp(text, "/proc/self/fd/", 14) == 0 && strlen(text) > 20);
	mistakes++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("config", MFD_CLOEXEC), r;
	struct config *c;
	char path[32];

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	mistakes = 0;
	r = config_read(path, false, note, NULL, &c);
	CHECK((r < 0) == (mistakes > 0));
	CHECK(r < 0 || (config_service(c) && c->count >= 3));
	config_free(c);
	close(fd);
	return 0;
}
