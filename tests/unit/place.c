/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "service/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/imdsnitch-place-XXXXXX";

static int set_up(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	return rmdir(folder);
}

static char *in_folder(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", folder, name);
	return p;
}

static void make(const char *name)
{
	FILE *f = fopen(in_folder(name), "w");

	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(in_folder(name), 0755), 0);
}

/* The system's own shell stands for a program that was installed by a package. */
static void stays_in_a_place_of_the_system(void **state)
{
	struct problem problem = {0};
	struct place place;
	char shell[PATH_MAX];

	assert_non_null(realpath("/bin/sh", shell));
	assert_int_equal(place_find(shell, "/nonexistent", &place, &problem), 0);
	assert_false(place.copied);
	assert_string_equal(place.programs[0].source, shell);
	assert_string_equal(place.programs[0].target, shell);
	assert_string_equal(place.programs[1].source, "");
	assert_string_equal(place.programs[1].target, "");
}

static void is_copied_from_elsewhere(void **state)
{
	struct problem problem = {0};
	struct place place;

	make("imdsnitch");
	assert_int_equal(place_find(in_folder("imdsnitch"), "/nonexistent", &place, &problem), 0);
	assert_true(place.copied);
	assert_string_equal(place.programs[0].name, "imdsnitch");
	assert_string_equal(place.programs[0].source, in_folder("imdsnitch"));
	assert_string_equal(place.programs[0].target, "/usr/local/sbin/imdsnitch");
	assert_string_equal(place.programs[1].target, "");
	unlink(in_folder("imdsnitch"));
}

/* Beside it, in ../libexec/imdsnitch, in the folder of the build: in this order. */
static void others_are_found(void **state)
{
	struct problem problem = {0};
	struct place place;

	assert_int_equal(mkdir(in_folder("sbin"), 0755), 0);
	assert_int_equal(mkdir(in_folder("libexec"), 0755), 0);
	assert_int_equal(mkdir(in_folder("libexec/imdsnitch"), 0755), 0);
	assert_int_equal(mkdir(in_folder("built"), 0755), 0);
	make("sbin/imdsnitch");
	make("sbin/imdsnitch-log");
	make("libexec/imdsnitch/imdsnitch-log");
	make("libexec/imdsnitch/imdsnitch-journal");
	make("built/imdsnitch-journal");
	make("built/imdsnitch-syslog");
	assert_int_equal(place_find(in_folder("sbin/imdsnitch"), in_folder("built"), &place, &problem), 0);
	assert_string_equal(place.programs[1].source, in_folder("sbin/imdsnitch-log"));
	assert_string_equal(place.programs[1].target, "/usr/local/libexec/imdsnitch/imdsnitch-log");
	assert_string_equal(place.programs[2].source, in_folder("libexec/imdsnitch/imdsnitch-journal"));
	assert_string_equal(place.programs[3].source, in_folder("built/imdsnitch-syslog"));
	assert_string_equal(place.programs[4].source, "");
	unlink(in_folder("sbin/imdsnitch"));
	unlink(in_folder("sbin/imdsnitch-log"));
	unlink(in_folder("libexec/imdsnitch/imdsnitch-log"));
	unlink(in_folder("libexec/imdsnitch/imdsnitch-journal"));
	unlink(in_folder("built/imdsnitch-journal"));
	unlink(in_folder("built/imdsnitch-syslog"));
	rmdir(in_folder("built"));
	rmdir(in_folder("libexec/imdsnitch"));
	rmdir(in_folder("libexec"));
	rmdir(in_folder("sbin"));
}

static void a_deleted_program_is_refused(void **state)
{
	struct problem problem = {0};
	struct place place;

	assert_int_equal(place_find("/usr/bin/imdsnitch (deleted)", "/nonexistent", &place, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "replaced or deleted"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_in_a_place_of_the_system),
		cmocka_unit_test(is_copied_from_elsewhere),
		cmocka_unit_test(others_are_found),
		cmocka_unit_test(a_deleted_program_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
