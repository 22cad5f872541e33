/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/users.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

/* A source that counts and answers "uN", "gN"; ids above 1000000 are unknown, 666 fails. */
static struct {
	uint64_t now, takes;
	unsigned asked;
	bool broken;
} fake;

static int answer(char kind, uint32_t id, char name[static USERS_NAME_SIZE])
{
	fake.asked++;
	fake.now += fake.takes;
	if (fake.broken)
		return -EIO;
	if (id > 1000000)
		return -ENOENT;
	snprintf(name, USERS_NAME_SIZE, "%c%u", kind, id);
	return 0;
}

static int fake_user(void *data, uint32_t id, char name[static USERS_NAME_SIZE])
{
	return answer('u', id, name);
}

static int fake_group(void *data, uint32_t id, char name[static USERS_NAME_SIZE])
{
	return answer('g', id, name);
}

static uint64_t fake_now(void *data)
{
	return fake.now;
}

static struct users *new_fake(void)
{
	const struct users_source source = {.user = fake_user, .group = fake_group, .now = fake_now};

	memset(&fake, 0, sizeof(fake));
	fake.now = SECOND;
	return users_new(&source);
}

static void asks_once(void **state)
{
	struct users *u = new_fake();

	for (int i = 0; i < 3; i++) {
		assert_string_equal(users_user_name(u, 7), "u7");
		assert_string_equal(users_group_name(u, 7), "g7");
	}
	assert_int_equal(fake.asked, 2);
	fake.now += 301 * SECOND;
	assert_string_equal(users_user_name(u, 7), "u7");
	assert_int_equal(fake.asked, 3);
	users_free(u);
}

static void remembers_absence(void **state)
{
	struct users *u = new_fake();

	assert_null(users_user_name(u, 2000000));
	assert_null(users_user_name(u, 2000000));
	assert_int_equal(fake.asked, 1);
	fake.now += 61 * SECOND;
	assert_null(users_user_name(u, 2000000));
	assert_int_equal(fake.asked, 2);
	users_free(u);
}

static void failure_keeps_the_name(void **state)
{
	struct users *u = new_fake();

	assert_string_equal(users_user_name(u, 7), "u7");
	fake.broken = true;
	fake.now += 301 * SECOND;
	assert_string_equal(users_user_name(u, 7), "u7");
	assert_null(users_user_name(u, 8));
	fake.broken = false;
	fake.now += 11 * SECOND;
	assert_string_equal(users_user_name(u, 8), "u8");
	users_free(u);
}

static void slow_source_is_left_alone(void **state)
{
	struct users *u = new_fake();

	fake.takes = SECOND / 5;
	assert_string_equal(users_user_name(u, 1), "u1");
	assert_null(users_user_name(u, 2));
	assert_string_equal(users_user_name(u, 1), "u1");
	assert_int_equal(fake.asked, 1);
	fake.now += 199 * SECOND;
	assert_null(users_user_name(u, 2));
	fake.now += 2 * SECOND;
	assert_string_equal(users_user_name(u, 2), "u2");
	fake.takes = 3600 * SECOND;
	fake.now += 600 * SECOND;
	users_user_name(u, 3);
	fake.takes = 0;
	fake.now += 601 * SECOND;
	assert_string_equal(users_user_name(u, 4), "u4");
	users_free(u);
}

/* Ids that are used all the time are never given up: 1000, 1032 and 1064 meet in the set of 8. */
static void stays_bounded_and_right(void **state)
{
	static const uint32_t busy[] = {8, 1000, 1032, 1064};
	struct users *u = new_fake();
	char expected[16];

	for (uint32_t id = 0; id < 10000; id++) {
		for (int i = id ? 1 : 0; i < 4; i++) {
			snprintf(expected, sizeof(expected), "u%u", busy[i]);
			assert_string_equal(users_user_name(u, busy[i]), expected);
		}
		snprintf(expected, sizeof(expected), "u%u", id);
		assert_string_equal(users_user_name(u, id), expected);
	}
	assert_int_equal(fake.asked, 10000);
	users_free(u);
}

static void write_file(const char *root, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_root(char *root)
{
	char path[256];

	assert_non_null(mkdtemp(root));
	for (const char *const *d =
		     (const char *const[]){"/etc", "/run", "/run/systemd", "/run/systemd/dynamic-uid", NULL};
	     *d; d++) {
		snprintf(path, sizeof(path), "%s%s", root, *d);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static void remove_root(const char *root)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	assert_int_equal(system(command), 0);
}

static void reads_files(void **state)
{
	char root[] = "/tmp/unit-users-XXXXXX", path[256];
	struct users_source source = users_files;
	struct users *u;

	make_root(root);
	write_file(root, "/etc/passwd",
		   "# 12\n\nroot:x:0:0:root:/root:/bin/sh\n+nis\n:x:5:5::\nbad:x:abc:0\nmore:x:12x:0\nshort:x:77\n"
		   "web:x:1000:33::/:\nlater:x:1000:33::/:\n");
	write_file(root, "/etc/group", "root:x:0:\nweb:x:33:a,b\nlast:x:4294967294:");
	snprintf(path, sizeof(path), "%s/run/systemd/dynamic-uid/direct:64613", root);
	assert_int_equal(symlink("dyn", path), 0);
	source.data = root;
	u = users_new(&source);
	assert_string_equal(users_user_name(u, 0), "root");
	assert_string_equal(users_user_name(u, 1000), "web");
	assert_string_equal(users_user_name(u, 64613), "dyn");
	assert_string_equal(users_group_name(u, 64613), "dyn");
	assert_string_equal(users_group_name(u, 33), "web");
	assert_string_equal(users_group_name(u, UINT32_MAX - 1), "last");
	assert_null(users_user_name(u, 5));
	assert_null(users_user_name(u, 12));
	assert_null(users_user_name(u, 77));
	assert_null(users_user_name(u, UINT32_MAX));
	users_free(u);
	remove_root(root);
}

static void missing_files_are_no_names(void **state)
{
	struct users_source source = users_files;
	char root[] = "/nonexistent";
	struct users *u;

	source.data = root;
	u = users_new(&source);
	assert_null(users_user_name(u, 0));
	users_free(u);
	assert_null(users_free(NULL));
}

static void built_in_source_knows_root(void **state)
{
	struct users *u = users_new(NULL);

	assert_string_equal(users_user_name(u, 0), "root");
	assert_string_equal(users_group_name(u, 0), "root");
	users_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_once),
		cmocka_unit_test(remembers_absence),
		cmocka_unit_test(failure_keeps_the_name),
		cmocka_unit_test(slow_source_is_left_alone),
		cmocka_unit_test(stays_bounded_and_right),
		cmocka_unit_test(reads_files),
		cmocka_unit_test(missing_files_are_no_names),
		cmocka_unit_test(built_in_source_knows_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
