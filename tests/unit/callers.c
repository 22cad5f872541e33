/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of an inventory, printed by the program itself (its path is the argument) and read back. */
#include "inventory_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guard/folded.h"
#include "inventory/schema.h"

static const char *program;
static char directory[] = "/tmp/imdsnitch-callers-XXXXXX";
static struct inventory_settings settings = {DEFAULTS};
static struct buffer out, err;

static void read_file(const char *name, struct buffer *into)
{
	char block[4096];
	size_t n;
	FILE *f = fopen(name, "re");

	buffer_reset(into);
	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buffer_append(into, block, n);
	fclose(f);
	buffer_byte(into, '\0');
	into->length--;
}

/* Runs it on a path; its exit status, and what it said in `out` and `err`. */
static int print(const char *path)
{
	char to[64], errors[64];
	int status;
	pid_t pid;

	snprintf(to, sizeof(to), "%s/out", directory);
	snprintf(errors, sizeof(errors), "%s/err", directory);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!freopen(to, "w", stdout) || !freopen(errors, "w", stderr))
			_exit(126);
		execl(program, program, "--callers", path, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	read_file(to, &out);
	read_file(errors, &err);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void refused(const char *path, const char *why)
{
	assert_int_equal(print(path), 1);
	assert_int_equal(out.length, 0);
	if (!strstr(err.data, why))
		fail_msg("\"%s\" is not in: %s", why, err.data);
}

struct result {
	unsigned rows;
	uint64_t count;
	struct folded last;
	char exe[256], unit[64], request[256];
};

static void copy(char *to, size_t size, struct span s)
{
	snprintf(to, size, "%.*s", s.data ? (int)s.length : 9, s.data ? s.data : "(unknown)");
}

static void take(void *context, const struct folded *row)
{
	struct result *r = context;

	r->rows++;
	r->count += row->count;
	r->last = *row;
	copy(r->exe, sizeof(r->exe), row->exe);
	copy(r->unit, sizeof(r->unit), row->unit);
	copy(r->request, sizeof(r->request), row->request);
}

/* What comes back of what was printed. */
static struct result read_back(void)
{
	struct result result = {0};
	struct folded_reader r = {.row = take, .context = &result, .before = UINT64_MAX};

	assert_int_equal(folded_feed(&r, buffer_view(&out)), 0);
	assert_int_equal(folded_end(&r), 0);
	assert_int_equal(r.unusable, 0);
	folded_done(&r);
	return result;
}

static bool is_there(const char *suffix)
{
	char name[SETTINGS_TEXT + 8];

	snprintf(name, sizeof(name), "%s%s", settings.path, suffix);
	return access(name, F_OK) == 0;
}

static int set_up(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	assert_int_equal(system(command), 0);
	snprintf(settings.path, sizeof(settings.path), "%s/a?b#c%%20.db", directory);
	return 0;
}

static struct inventory *begin(unsigned calls)
{
	struct inventory *i = open_inventory(&settings);
	struct row row = row_at(FIRST_DAY);

	for (unsigned n = 0; n < calls; n++) {
		row.time += SECOND;
		inventory_event(i, &row);
	}
	assert_int_equal(inventory_flush(i), 0);
	return i;
}

static void what_was_folded(void **state)
{
	struct result r;

	inventory_close(begin(3), 1000);
	assert_false(is_there("-wal"));
	assert_int_equal(print(settings.path), 0);
	assert_string_equal(err.data, "");
	assert_string_equal(out.data, "{\"executable\":\"/usr/bin/curl\",\"user_id\":\"33\",\"place_kind\":\"unit\","
				      "\"place\":\"web.service\",\"service\":\"ec2\",\"version\":\"v1\","
				      "\"class\":\"credentials\",\"verdict\":\"observed\",\"user_name\":\"www-data\","
				      "\"unit\":\"web.service\",\"request\":\"GET "
				      "/latest/meta-data/iam/security-credentials/web\",\"count\":3,"
				      "\"first_seen\":1794528001000,\"last_seen\":1794528003000}\n");
	r = read_back();
	assert_int_equal(r.rows, 1);
	assert_int_equal(r.last.uid, 33);
	assert_int_equal(r.last.first, FIRST_DAY + SECOND);
	assert_string_equal(r.unit, "web.service");
	/* nothing was made beside it */
	assert_false(is_there("-wal"));
	assert_false(is_there("-shm"));
}

/* While it is written to, and after the one that wrote was killed. */
static void beside_the_service(void **state)
{
	struct inventory *i = begin(3);
	struct row row = row_at(FIRST_DAY);
	char command[SETTINGS_TEXT * 3];

	assert_int_equal(print(settings.path), 0);
	assert_int_equal(read_back().count, 3);
	inventory_event(i, &row);
	assert_int_equal(inventory_flush(i), 0);
	assert_int_equal(print(settings.path), 0);
	assert_int_equal(read_back().count, 4);
	snprintf(command, sizeof(command), "cd %s && for f in *.db*; do cp \"$f\" killed\"${f#*.db}\"; done",
		 directory);
	assert_int_equal(system(command), 0);
	inventory_close(i, 1000);
	snprintf(command, sizeof(command), "%s/killed", directory);
	assert_int_equal(print(command), 0);
	assert_int_equal(read_back().count, 4);
	/* What is in the log alone is not passed over. */
	snprintf(command, sizeof(command), "%s/killed-shm", directory);
	assert_int_equal(unlink(command), 0);
	snprintf(command, sizeof(command), "%s/killed", directory);
	refused(command, "cannot be read");
}

/* What a caller chose comes back as it was, and moves no cursor on the way. */
static void evil_names(void **state)
{
	static const struct span exe = SPAN_LITERAL("/a\x1b[2J\n\\x1b\xff\xe2\x80\xae\"}{");
	struct inventory *i = open_inventory(&settings);
	struct row row = row_at(FIRST_DAY);
	struct result r;

	row.field[ROW_EXECUTABLE] = exe;
	row.field[ROW_UNIT] = SPAN_LITERAL("a\0b.service");
	inventory_event(i, &row);
	inventory_close(i, 1000);
	assert_int_equal(print(settings.path), 0);
	for (size_t k = 0; k + 1 < out.length; k++)
		assert_true((unsigned char)out.data[k] >= 0x20 && out.data[k] != 0x7f);
	r = read_back();
	assert_int_equal(r.rows, 1);
	assert_string_equal(r.exe, exe.data);
	assert_string_equal(r.unit, "(unknown)");
}

/* Nobody but the inventory should write there; who does, does not get far. */
static void written_by_others(void **state)
{
	inventory_close(begin(1), 1000);
	run_sql(settings.path,
		"UPDATE callers SET executable = char(47, 97, 27, 0, 98), user_id = x'ff00', count = -1");
	assert_int_equal(print(settings.path), 0);
	assert_non_null(strstr(out.data, "\"executable\":\"/a\\u001b\\u0000b\",\"user_id\":\"\\u00ff\\u0000\""));
	assert_non_null(strstr(out.data, "\"count\":0"));
	run_sql(settings.path, "UPDATE callers SET executable = printf('/%.*c', 100000, 'x')");
	refused(settings.path, "too big");
}

static void many(void **state)
{
	struct inventory *i = open_inventory(&settings);
	struct row row = row_at(FIRST_DAY);
	char name[32];

	for (unsigned n = 0; n < 5000; n++) {
		snprintf(name, sizeof(name), "/bin/%u", n);
		row.field[ROW_EXECUTABLE] = span_of(name);
		inventory_event(i, &row);
	}
	inventory_close(i, 1000);
	assert_int_equal(print(settings.path), 0);
	assert_int_equal(read_back().rows, 5000);
}

static void no_inventory(void **state)
{
	char other[64], text[128];
	FILE *f;

	snprintf(other, sizeof(other), "%s/none", directory);
	refused(other, "none cannot be read: unable to open database file");
	assert_int_not_equal(access(other, F_OK), 0);
	refused(directory, "cannot be read");
	refused("", "cannot be read");
	refused(":memory:", "cannot be read");
	f = fopen(other, "we");
	assert_non_null(f);
	fprintf(f, "%.2000d", 1);
	fclose(f);
	refused(other, "file is not a database");
	snprintf(other, sizeof(other), "%s/empty", directory);
	snprintf(text, sizeof(text), "touch %s", other);
	assert_int_equal(system(text), 0);
	refused(other, "is no inventory of imdsnitch");
	inventory_close(begin(1), 1000);
	run_sql(settings.path, "PRAGMA user_version = 7");
	refused(settings.path, "is of another imdsnitch (schema 7, this one reads 1)");
	run_sql(settings.path, "PRAGMA user_version = 1; PRAGMA application_id = 3");
	refused(settings.path, "is no inventory of imdsnitch");
}

static void damaged(void **state)
{
	char command[SETTINGS_TEXT * 2];
	struct inventory *i = open_inventory(&settings);
	struct row row = row_at(FIRST_DAY);
	char name[32];

	for (unsigned n = 0; n < 3000; n++) {
		snprintf(name, sizeof(name), "/bin/%u", n);
		row.field[ROW_EXECUTABLE] = span_of(name);
		inventory_event(i, &row);
	}
	inventory_close(i, 1000);
	snprintf(command, sizeof(command),
		 "dd if=/dev/urandom of='%s' bs=4096 seek=20 count=400 conv=notrunc status=none", settings.path);
	assert_int_equal(system(command), 0);
	assert_int_equal(print(settings.path), 1);
	assert_non_null(strstr(err.data, "malformed"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_folded, set_up),
		cmocka_unit_test_setup(beside_the_service, set_up),
		cmocka_unit_test_setup(evil_names, set_up),
		cmocka_unit_test_setup(written_by_others, set_up),
		cmocka_unit_test_setup(many, set_up),
		cmocka_unit_test_setup(no_inventory, set_up),
		cmocka_unit_test_setup(damaged, set_up),
	};
	char command[128];
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PROGRAM\n", argv[0]);
		return 2;
	}
	program = argv[1];
	assert_non_null(mkdtemp(directory));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buffer_done(&out);
	buffer_done(&err);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0 ? 1 : failed;
}
