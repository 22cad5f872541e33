/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "service/manager.h"

static void reads_properties(void **state)
{
	struct manager_state s;

	manager_parse("MainPID=93\nNRestarts=2\nExecStart={ path=/usr/local/sbin/imdsnitch ; "
		      "argv[]=/usr/local/sbin/imdsnitch "
		      "serve ; ignore_errors=no }\nLoadState=loaded\nActiveState=active\nSubState=running\n"
		      "FragmentPath=/etc/systemd/system/imdsnitch.service\nUnitFileState=enabled\n"
		      "StateChangeTimestamp=Sun 2026-11-22 09:07:07 UTC\nResult=success",
		      &s);
	assert_string_equal(s.load, "loaded");
	assert_string_equal(s.active, "active");
	assert_string_equal(s.sub, "running");
	assert_string_equal(s.since, "Sun 2026-11-22 09:07:07 UTC");
	assert_string_equal(s.enabled, "enabled");
	assert_string_equal(s.fragment, "/etc/systemd/system/imdsnitch.service");
	assert_string_equal(s.program, "/usr/local/sbin/imdsnitch");
	assert_string_equal(s.result, "success");
	assert_string_equal(s.pid, "93");
	assert_string_equal(s.restarts, "2");
}

static void knows_no_more_than_it_says(void **state)
{
	struct manager_state s;

	manager_parse("LoadState=not-found\nFragmentPath=\nExecStart=\nNot=a word\nActiveState", &s);
	assert_string_equal(s.load, "not-found");
	assert_string_equal(s.fragment, "");
	assert_string_equal(s.program, "");
	assert_string_equal(s.active, "");
	manager_parse("", &s);
	assert_string_equal(s.load, "");
}

static void is_bounded(void **state)
{
	struct manager_state s;
	char text[2048] = "ActiveState=";

	memset(text + strlen(text), 'a', 1000);
	strcat(text, "\nFragmentPath=/");
	memset(text + strlen(text), 'b', 900);
	manager_parse(text, &s);
	assert_int_equal(strlen(s.active), sizeof(s.active) - 1);
	assert_int_equal(strlen(s.fragment), sizeof(s.fragment) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_properties),
		cmocka_unit_test(knows_no_more_than_it_says),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
