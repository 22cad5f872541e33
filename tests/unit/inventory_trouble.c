/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Databases that are damaged, somebody else's, locked, moved away, or on a disk that is full. The disk is a tmpfs in a
 * mount namespace of our own; without root, a user namespace gives one.
 */
#include "inventory_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "inventory/schema.h"

#define DISK ((off_t)2 << 20)

static char directory[] = "/tmp/imdsnitch-trouble-XXXXXX";
static struct inventory_settings settings = {DEFAULTS};
static struct inventory *inventory;

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[9000];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static int set_up(void **state)
{
	shell("rm -rf %s/*", directory);
	settings = (struct inventory_settings){DEFAULTS};
	snprintf(settings.path, sizeof(settings.path), "%s/inventory.db", directory);
	inventory = NULL;
	return 0;
}

static int tear_down(void **state)
{
	inventory_close(inventory, 0);
	inventory = NULL;
	return 0;
}

static void add(unsigned count, const char *executable)
{
	struct row row = row_at(FIRST_DAY);

	row.field[ROW_EXECUTABLE] = span_of(executable);
	for (unsigned i = 0; i < count; i++)
		inventory_event(inventory, &row);
}

static int64_t number(const char *sql)
{
	return ask_number(settings.path, sql);
}

static struct feed_state state_of(void)
{
	struct feed_state s = {0};

	inventory_report(inventory, &s);
	return s;
}

static void write_file(const char *text, size_t length)
{
	FILE *f = fopen(settings.path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, length, f), length);
	fclose(f);
}

static unsigned set_aside(char name[static 256])
{
	char pattern[256];
	glob_t found;
	unsigned count = 0;

	snprintf(pattern, sizeof(pattern), "%s/inventory.db.corrupt-????????T??????Z", directory);
	if (glob(pattern, 0, NULL, &found) == 0) {
		count = (unsigned)found.gl_pathc;
		snprintf(name, 256, "%s", found.gl_pathv[0]);
		globfree(&found);
	}
	return count;
}

static void expect_begun_anew(void)
{
	char name[256];

	inventory = open_inventory(&settings);
	assert_int_equal(set_aside(name), 1);
	add(3, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT count FROM callers"), 3);
	assert_string_equal(ask_text(settings.path, "SELECT value FROM meta WHERE key = 'set_aside'"), name);
	assert_non_null(strstr(state_of().failure, "damaged"));
}

/* A database with rows in many pages, closed. */
static void make_database(void)
{
	char name[64];

	inventory = open_inventory(&settings);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "/usr/lib/some/where/program-%u", i);
		add(1, name);
	}
	assert_int_equal(inventory_flush(inventory), 0);
	tear_down(NULL);
}

static void garbage(void **state)
{
	char name[256], text[32] = "";
	FILE *f;

	write_file("this is no database, it is somebody's letter", 44);
	expect_begun_anew();
	set_aside(name);
	f = fopen(name, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, 8, f));
	fclose(f);
	assert_string_equal(text, "this is");
}

static void truncated(void **state)
{
	make_database();
	assert_int_equal(truncate(settings.path, 30000), 0);
	expect_begun_anew();
}

static void torn_header(void **state)
{
	make_database();
	assert_int_equal(truncate(settings.path, 10), 0);
	expect_begun_anew();
}

static void empty(void **state)
{
	char name[256];

	write_file("", 0);
	inventory = open_inventory(&settings);
	assert_int_equal(set_aside(name), 0);
	assert_string_equal(state_of().failure, "");
	add(1, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
}

/* Damage in the middle of a page that is read at the start only by the check. */
static void damaged_page(void **state)
{
	make_database();
	shell("dd if=/dev/urandom of=%s bs=4096 seek=20 count=3 conv=notrunc status=none", settings.path);
	expect_begun_anew();
}

/* Found while writing: what was to be written is written into the new one. */
static void damaged_while_open(void **state)
{
	char name[256], program[64];

	make_database();
	inventory = open_inventory(&settings);
	shell("dd if=/dev/urandom of=%s bs=4096 seek=1 count=200 conv=notrunc status=none", settings.path);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(program, sizeof(program), "/usr/bin/%u", i);
		add(2, program);
	}
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(set_aside(name), 1);
	assert_int_equal(number("SELECT count(*) FROM callers"), 500);
	assert_int_equal(number("SELECT sum(count) FROM callers"), 1000);
	assert_int_equal(state_of().unwritten, 0);
	assert_int_equal(state_of().written, 1000);
}

/* No disk is filled with what was set aside. */
static void damaged_again_and_again(void **state)
{
	char name[256];

	for (unsigned i = 0; i < 7; i++) {
		tear_down(NULL);
		write_file("garbage", 7);
		inventory = open_inventory(&settings);
	}
	assert_int_equal(set_aside(name), 4);
}

static void expect_refused(const char *words)
{
	struct problem problem = {0};
	struct stat before, after;
	char name[256];

	assert_int_equal(stat(settings.path, &before), 0);
	assert_int_equal(inventory_open(&settings, &inventory, &problem), -EEXIST);
	if (!strstr(problem.text, words))
		fail_msg("%s", problem.text);
	assert_int_equal(stat(settings.path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(set_aside(name), 0);
}

static void foreign(void **state)
{
	run_sql(settings.path, "PRAGMA application_id = 77; CREATE TABLE callers(x)");
	expect_refused("another program");
	unlink(settings.path);
	run_sql(settings.path, "CREATE TABLE letters(x)");
	expect_refused("another program");
	unlink(settings.path);
	assert_int_equal(mkdir(settings.path, 0700), 0);
	expect_refused("no regular file");
	rmdir(settings.path);
	assert_int_equal(symlink("/etc/passwd", settings.path), 0);
	expect_refused("no regular file");
	unlink(settings.path);
}

static void no_folder(void **state)
{
	struct problem problem = {0};

	snprintf(settings.path, sizeof(settings.path), "%s/none/inventory.db", directory);
	assert_int_equal(inventory_open(&settings, &inventory, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "does not exist"));
}

static void later_version(void **state)
{
	make_database();
	run_sql(settings.path, "PRAGMA user_version = 99");
	expect_refused("later imdsnitch");
	assert_int_equal(number("SELECT count(*) FROM callers"), 2000);
}

static sqlite3 *open_raw(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(settings.path, &db), SQLITE_OK);
	return db;
}

/* Versions that never were, with the steps between them. */
static void older_version(void **state)
{
	static const char *const steps[] = {"ALTER TABLE t ADD COLUMN b DEFAULT 7",
					    "CREATE TABLE u AS SELECT * FROM t"};
	static const char *const wrong[] = {"ALTER TABLE t ADD COLUMN b DEFAULT 7", "CREATE TABLE t(x)"};
	const struct schema first = {.create = "CREATE TABLE t(a)", .version = 1},
			    third = {.create = "CREATE TABLE t(c)", .version = 3, .step = steps},
			    broken = {.create = "CREATE TABLE t(c)", .version = 3, .step = wrong};
	enum schema_state found;
	sqlite3 *db = open_raw();
	int version;

	assert_int_equal(schema_look(db, &first, &found, &version), SQLITE_OK);
	assert_int_equal(found, SCHEMA_EMPTY);
	assert_int_equal(schema_bring_up(db, &first), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO t VALUES(5)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(schema_look(db, &first, &found, &version), SQLITE_OK);
	assert_int_equal(found, SCHEMA_OURS);
	assert_int_equal(schema_look(db, &third, &found, &version), SQLITE_OK);
	assert_int_equal(found, SCHEMA_OLD);
	/* whole or not at all */
	assert_int_not_equal(schema_bring_up(db, &broken), SQLITE_OK);
	assert_int_equal(number("SELECT count(*) FROM pragma_table_info('t')"), 1);
	assert_int_equal(number("PRAGMA user_version"), 1);
	assert_int_equal(schema_bring_up(db, &third), SQLITE_OK);
	assert_int_equal(number("SELECT a * 10 + b FROM u"), 57);
	assert_int_equal(number("PRAGMA user_version"), 3);
	assert_int_equal(schema_look(db, &first, &found, &version), SQLITE_OK);
	assert_int_equal(found, SCHEMA_NEW);
	sqlite3_close(db);
}

static void locked(void **state)
{
	sqlite3 *other;

	inventory = open_inventory(&settings);
	add(5, "/bin/a");
	other = open_raw();
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(inventory_flush(inventory), -EBUSY);
	add(5, "/bin/a");
	assert_int_equal(inventory_flush(inventory), -EBUSY);
	assert_non_null(strstr(state_of().failure, "lock"));
	assert_int_equal(state_of().held, 10);
	sqlite3_close(other);
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT count FROM callers"), 10);
	assert_string_equal(state_of().failure, "");
	assert_int_equal(state_of().unwritten, 0);
	assert_int_equal(state_of().written, 10);
}

static off_t wal_size(void)
{
	char name[sizeof(settings.path) + 8];
	struct stat st;

	snprintf(name, sizeof(name), "%s-wal", settings.path);
	return stat(name, &st) == 0 ? st.st_size : 0;
}

/* Somebody reads for hours: calls are still written, until the log beside the database is as long as it may be. */
static void long_reader(void **state)
{
	static char name[1000];
	uint64_t sent = 0;
	off_t size = 0;
	sqlite3 *other;
	int r = 0;

	settings.max_size = 1U << 20;
	inventory = open_inventory(&settings);
	add(1, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
	other = open_raw();
	assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT * FROM callers", NULL, NULL, NULL), SQLITE_OK);
	memset(name, 'x', sizeof(name) - 1);
	for (unsigned i = 0; i < 300 && r == 0; i++) {
		add(1, name);
		add(1, "/bin/b");
		sent += 2;
		r = inventory_flush(inventory);
		size = wal_size();
	}
	assert_int_equal(r, -EBUSY);
	assert_in_range(size, 1U << 20, (1U << 20) + 400000);
	for (unsigned i = 0; i < 5; i++) {
		add(1, "/bin/b");
		sent++;
		assert_int_equal(inventory_flush(inventory), -EBUSY);
	}
	assert_int_equal(wal_size(), size);
	assert_non_null(strstr(state_of().failure, "somebody has read"));
	sqlite3_close(other);
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT sum(count) FROM callers"), sent + 1);
	assert_in_range(wal_size(), 0, 100000);
}

static void moved_away(void **state)
{
	inventory = open_inventory(&settings);
	add(1, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
	shell("mv %s %s.old", settings.path, settings.path);
	add(2, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT count FROM callers"), 2);
	shell("rm -f %s*", settings.path);
	add(4, "/bin/a");
	inventory_reopen(inventory);
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT count FROM callers"), 4);
}

/* More kinds of calls than memory has room for, while nothing can be written: those that fit are kept. */
static void bounded_memory(void **state)
{
	char name[64];
	struct feed_state s;
	sqlite3 *other;

	inventory = open_inventory(&settings);
	other = open_raw();
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "/bin/%u", i);
		add(1, name);
	}
	add(1000, "/bin/1");
	s = state_of();
	assert_in_range(s.held, 3000 + 1000, 8192 + 1000);
	assert_int_equal(s.held + s.unwritten, 21000);
	sqlite3_close(other);
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT sum(count) FROM callers"), s.held);
	assert_int_equal(number("SELECT count FROM callers WHERE executable = '/bin/1'"), 1001);
}

/* A file that takes all but `room` bytes of the disk. */
static void fill_disk(off_t room)
{
	char name[256];
	int fd;

	snprintf(name, sizeof(name), "%s/ballast", directory);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (posix_fallocate(fd, lseek(fd, 0, SEEK_END), 4096) == 0)
		assert_true(lseek(fd, 0, SEEK_END) <= DISK);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - room), 0);
	close(fd);
}

static void full_disk(void **state)
{
	char name[256], program[64];
	uint64_t sent = 0;
	int r = 0;

	assert_int_equal(mount("tmpfs", directory, "tmpfs", 0, "size=2M"), 0);
	inventory = open_inventory(&settings);
	add(1, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
	fill_disk(64 << 10);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(program, sizeof(program), "/usr/lib/programs/%u", i);
		add(1, program);
		add(1, "/bin/a");
		sent += 2;
		if (i % 100 == 99)
			r = inventory_flush(inventory);
	}
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(state_of().failure, "full"));
	assert_int_equal(state_of().unwritten, 0);
	assert_int_not_equal(state_of().held, 0);
	snprintf(name, sizeof(name), "%s/ballast", directory);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(inventory_flush(inventory), 0);
	assert_string_equal(state_of().failure, "");
	assert_int_equal(number("SELECT sum(count) FROM callers"), sent + 1);
	assert_string_equal(ask_text(settings.path, "PRAGMA integrity_check"), "ok");
	assert_int_equal(set_aside(name), 0);
	tear_down(NULL);
	assert_int_equal(umount(directory), 0);
}

/* The table is not what it was. */
static void tampered(void **state)
{
	inventory = open_inventory(&settings);
	add(1, "/bin/a");
	assert_int_equal(inventory_flush(inventory), 0);
	run_sql(settings.path, "ALTER TABLE callers RENAME COLUMN count TO number");
	add(1, "/bin/a");
	assert_int_not_equal(inventory_flush(inventory), 0);
	assert_int_not_equal(inventory_flush(inventory), 0);
	assert_string_not_equal(state_of().failure, "");
	run_sql(settings.path, "ALTER TABLE callers RENAME COLUMN number TO count");
	assert_int_equal(inventory_flush(inventory), 0);
	assert_int_equal(number("SELECT count FROM callers"), 2);
}

static void write_map(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static bool own_mounts(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", getuid());
	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return false;
		write_map("/proc/self/uid_map", map);
	}
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(garbage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(truncated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(torn_header, set_up, tear_down),
		cmocka_unit_test_setup_teardown(empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_page, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_while_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_again_and_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(later_version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(older_version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(locked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(long_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moved_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tampered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full_disk, set_up, tear_down),
	};
	int failed;

	assert_non_null(mkdtemp(directory));
	if (!own_mounts()) {
		fprintf(stderr, "neither root nor user namespaces: a full disk cannot be made\n");
		rmdir(directory);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	shell("rm -rf %s", directory);
	return failed;
}
