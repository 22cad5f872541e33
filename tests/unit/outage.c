/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/outage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

static char said[4096];
static int out[2];

/* What stderr got since the last call. */
static const char *hear(void)
{
	ssize_t n;

	fflush(stderr);
	if (write(STDERR_FILENO, ".", 1) != 1)
		return NULL;
	n = read(out[0], said, sizeof(said) - 1);
	said[n > 0 ? n - 1 : 0] = '\0';
	return said;
}

static void said_once_and_summed(void **state)
{
	struct outage o = {0};
	int real = dup(STDERR_FILENO);

	assert_int_equal(pipe(out), 0);
	dup2(out[1], STDERR_FILENO);
	outage_begin(&o, "there", "too slow", 5);
	assert_non_null(strstr(hear(), "there does not take events: too slow"));
	outage_begin(&o, "there", "refused", 6);
	assert_string_equal(hear(), "");
	assert_string_equal(o.why, "refused");
	outage_end(&o, "there", 8);
	assert_non_null(strstr(hear(), "; 3 were lost"));
	assert_string_equal(o.why, "");
	/* Within a minute: a thousand of them, and not a word. */
	for (uint64_t i = 0; i < 1000; i++) {
		outage_begin(&o, "there", "too slow", 8 + i);
		outage_end(&o, "there", 9 + i);
	}
	assert_string_equal(hear(), "");
	o.quiet_until = 0;
	outage_begin(&o, "there", "too slow", 1008);
	assert_non_null(strstr(hear(), "does not take"));
	outage_end(&o, "there", 1010);
	assert_non_null(strstr(hear(), "; 1002 were lost"));
	outage_end(&o, "there", 1010);
	assert_string_equal(hear(), "");
	dup2(real, STDERR_FILENO);
	close(real);
	close(out[0]);
	close(out[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(said_once_and_summed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
