/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/cgroup.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct row {
	const char *text, *unified, *legacy, *id;
} rows[] = {
	{"", NULL, NULL, NULL},
	{"0::/\n", "/", NULL, NULL},
	{"0::/system.slice/ssh.service\n", "/system.slice/ssh.service", NULL, NULL},
	/* Hybrid: systemd's own hierarchy first, whatever the order of the lines. */
	{"9:memory:/m\n8:pids:/p\n1:name=systemd:/s\n0::/\n", "/", "/s", NULL},
	{"9:memory:/m\n8:pids:/p\n1:name=systemd:/\n0::/\n", "/", "/p", NULL},
	{"4:memory:/process_api/98\n9:name=systemd:/\n8:pids:/\n0::/\n", "/", "/process_api/98", NULL},
	{"4:cpu,cpuacct:/c\n9:net_cls:/n\n", NULL, "/c", NULL},
	{"4:hugetlb:/h\n9:net_cls:/n\n", NULL, "/h", NULL},
	/* A container is better than a rank. */
	{"1:name=systemd:/system.slice/docker.service\n4:memory:/docker/" ID "\n0::/system.slice/docker.service\n",
	 "/system.slice/docker.service", "/docker/" ID, ID},
	{"4:memory:/docker/" ID "\n1:name=systemd:/system.slice/docker.service\n", NULL, "/docker/" ID, ID},
	{"1:name=systemd:/lxc/a:b\n", NULL, "/lxc/a:b", "a:b"},
	/* Rubbish. */
	{"\n\n0\n0:\n0::\n0::x\n::/a\n", "/a", NULL, NULL},
	{"0::/a\n5:pids:/cut", "/a", NULL, NULL},
	{"0::/cut", NULL, NULL, NULL},
};

static void check(struct span got, const char *expected)
{
	assert_int_equal(got.data == NULL, expected == NULL);
	if (expected)
		assert_true(span_equal(got, span_of(expected)));
}

static void known_files(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cgroup_lines lines;

		cgroup_parse(span_of(rows[i].text), &lines);
		check(lines.unified, rows[i].unified);
		check(lines.legacy, rows[i].legacy);
		assert_string_equal(lines.container.id, rows[i].id ? rows[i].id : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
