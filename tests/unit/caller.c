/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/users.h"
#include "caller_fixture.h"

#include <sys/wait.h>

static void complete_record(void **state)
{
	struct fixture *x = *state;
	struct caller *c = build(x);

	assert_int_equal(c->references, 1);
	assert_int_equal(c->process.pid, 12);
	assert_int_equal(c->process.start, 500 * TICK + 7);
	assert_int_equal(c->start_realtime, 500 * TICK + 7 + 1000000);
	expect_text(c->process.name, "curl");
	expect_text(c->process.executable, "/usr/bin/curl");
	expect_text(c->process.working_directory, "/work dir");
	expect_args(&c->process, x->args, false);
	assert_true(c->has_ids);
	assert_int_equal(c->uid, 1000);
	assert_int_equal(c->gid, 33);
	assert_false(c->has_loginuid);
	assert_int_equal(c->netns, 4026531840);
	expect_text(c->cgroup_path, "/system.slice/web.service");
	expect_text(c->systemd_unit, "web.service");
	assert_null(c->container_id);
	assert_null(c->container_runtime);
	assert_null(c->pod_uid);
	assert_null(c->user_name);
	expect_text(c->entity_id, "6b3f1f0e6b1a4b0e9d3e0a1b2c3d4e5f-12-5000000007");
	assert_int_equal(c->ancestor_count, 1);
	expect_text(c->ancestor[0].name, "bash");
	expect_text(c->ancestor[0].executable, "/bin/bash");
	expect_args(&c->ancestor[0], SPAN_LITERAL("bash\0"), false);
	assert_false(c->late);
	assert_ptr_equal(caller_ref(c), c);
	assert_null(caller_unref(c));
	assert_null(caller_unref(c));
}

/* What the kernel alone must suffice for. */
static void expect_kernel_only(struct caller *c)
{
	expect_text(c->process.executable, "/usr/bin/curl");
	expect_args(&c->process, SPAN_LITERAL("curl\0http://169.254.169.254/\0"), false);
	expect_text(c->cgroup_path, "/system.slice/web.service");
	expect_text(c->systemd_unit, "web.service");
	assert_null(c->process.working_directory);
	caller_unref(c);
}

static void process_is_gone(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.process.pid = 13;
	c = build(x);
	assert_int_equal(c->process.pid, 13);
	expect_kernel_only(c);
}

static void pid_is_used_again(void **state)
{
	struct fixture *x = *state;

	fake_proc_stat(&x->proc, 12, "curl", 501);
	fake_proc_text(&x->proc, 12, "loginuid", "1000");
	x->record.cgroup_path = 0;
	x->record.cgroup = 0;
	x->record.header.flags = RECORD_F_ARGS_CUT;
	struct caller *c = build(x);

	expect_text(c->process.executable, "/usr/bin/curl");
	expect_args(&c->process, x->args, true);
	assert_null(c->process.working_directory);
	assert_null(c->cgroup_path);
	assert_false(c->has_loginuid);
	caller_unref(c);
}

/* /proc counts in ticks of 10 ms: what tells two processes of one tick apart is where the stack begins. */
static void pid_is_used_again_at_once(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.stack = 0x12345678;
	x->record.header.time = 501 * TICK - 1;
	fake_proc_stack(&x->proc, 12, "curl", 500, 0x7ff123456780);
	c = caller_new(&x->context, &x->record, x->args);
	assert_string_equal(c->process.working_directory, "/work dir");
	caller_unref(c);
	fake_proc_stack(&x->proc, 12, "curl", 500, 0x7ff123456790);
	c = caller_new(&x->context, &x->record, x->args);
	assert_null(c->process.working_directory);
	assert_string_equal(c->process.executable, "/usr/bin/curl");
	caller_unref(c);
	/* In a later tick it is another program of the same process. */
	x->record.header.time = 501 * TICK;
	x->record.cgroup_path = 0;
	x->record.cgroup = 0;
	c = caller_new(&x->context, &x->record, x->args);
	assert_null(c->process.working_directory);
	assert_string_equal(c->systemd_unit, "web.service");
	caller_unref(c);
}

/*
 * The process ends and its pid is used again while it is read: a FIFO in place of its cgroup file holds the reader up
 * until stat is another's.
 */
static void pid_is_used_again_while_read(void **state)
{
	struct fixture *x = *state;
	char path[128];
	struct caller *c;
	pid_t child;

	fake_proc_unlink(&x->proc, 12, "cgroup");
	snprintf(path, sizeof(path), "%s/12/cgroup", x->proc.root);
	assert_int_equal(mkfifo(path, 0600), 0);
	fake_proc_text(&x->proc, 12, "loginuid", "1000");
	x->record.exe = x->record.cgroup_path = 0;
	x->record.cgroup = 0;
	x->args = SPAN_LITERAL("");
	child = fork();
	if (child == 0) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		fake_proc_stat(&x->proc, 12, "curl", 501);
		_exit(write(fd, "0::/other\n", 10) != 10);
	}
	c = build(x);
	waitpid(child, NULL, 0);
	expect_text(c->process.name, "curl");
	assert_null(c->process.executable);
	assert_null(c->process.working_directory);
	assert_null(c->process.args);
	assert_null(c->cgroup_path);
	assert_false(c->has_loginuid);
	caller_unref(c);
}

static void start_unknown(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.process.start = 0;
	c = build(x);
	assert_null(c->entity_id);
	assert_int_equal(c->start_realtime, 0);
	expect_kernel_only(c);
}

static void no_proc_for_replay(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->context.proc = -1;
	c = build(x);
	assert_null(c->ancestor[0].executable);
	assert_null(c->ancestor[0].args);
	expect_kernel_only(c);
}

static void files_vanish(void **state)
{
	static const struct {
		const char *name;
		bool cwd;
	} rows[] = {{"exe", false},    {"cwd", false},   {"stat", false},
		    {"cmdline", true}, {"cgroup", true}, {"loginuid", true}};
	struct fixture *x = *state;

	x->record.header.flags = RECORD_F_ARGS_CUT;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct caller *c;

		x->record.process.pid = 20 + i;
		fake_proc_process(&x->proc, 20 + i, "curl", 500, "/usr/bin/curl");
		fake_proc_unlink(&x->proc, 20 + i, rows[i].name);
		c = build(x);
		expect_text(c->process.executable, "/usr/bin/curl");
		expect_text(c->process.working_directory, rows[i].cwd ? "/work dir" : NULL);
		expect_text(c->cgroup_path, "/system.slice/web.service");
		expect_args(&c->process, x->args, true);
		caller_unref(c);
	}
}

static void another_program_since(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	fake_proc_link(&x->proc, 12, "exe", "/usr/sbin/nginx");
	fake_proc_file(&x->proc, 12, "cmdline", "nginx\0", 6);
	fake_proc_text(&x->proc, 12, "loginuid", "1001");
	c = build(x);
	assert_true(c->has_loginuid); /* an exec does not change it */
	assert_int_equal(c->loginuid, 1001);
	expect_kernel_only(c);
	x->record.header.flags = RECORD_F_ARGS_CUT;
	c = build(x);
	expect_args(&c->process, x->args, true);
	caller_unref(c);
}

static void kernel_without_executable(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.exe = 0;
	c = build(x);
	expect_text(c->process.executable, "/usr/bin/curl");
	expect_text(c->process.working_directory, "/work dir");
	caller_unref(c);
	fake_proc_stat(&x->proc, 12, "nginx", 500);
	c = build(x);
	assert_null(c->process.executable);
	assert_null(c->process.working_directory);
	caller_unref(c);
}

static void cut_executable(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.header.flags = RECORD_F_EXE_CUT;
	fake_proc_link(&x->proc, 12, "exe", "/very/long/usr/bin/curl");
	c = build(x);
	expect_text(c->process.executable, "/very/long/usr/bin/curl");
	caller_unref(c);
	fake_proc_link(&x->proc, 12, "exe", "/very/long/usr/bin/wget");
	c = build(x);
	assert_null(c->process.executable);
	assert_null(c->process.working_directory);
	caller_unref(c);
}

static void deleted_executable(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	fake_proc_link(&x->proc, 12, "exe", "/usr/bin/curl (deleted)");
	c = build(x);
	expect_text(c->process.executable, "/usr/bin/curl");
	expect_text(c->process.working_directory, "/work dir");
	caller_unref(c);
	/* A file of that name, and no kernel word: nothing is taken off. */
	x->record.exe = 0;
	c = build(x);
	expect_text(c->process.executable, "/usr/bin/curl (deleted)");
	caller_unref(c);
	SET_NAMES(x->record.exe_names, x->record.exe, "curl (deleted)\0bin\0usr\0");
	c = build(x);
	expect_text(c->process.executable, "/usr/bin/curl (deleted)");
	expect_text(c->process.working_directory, "/work dir");
	caller_unref(c);
}

static void cut_arguments(void **state)
{
	struct fixture *x = *state;
	char *big = malloc(2 << 20);
	struct caller *c;

	x->record.header.flags = RECORD_F_ARGS_CUT;
	x->args = SPAN_LITERAL("curl\0http://169.2\0");
	fake_proc_file(&x->proc, 12, "cmdline", "curl\0http://169.254.169.254/\0-v\0", 32);
	c = build(x);
	expect_args(&c->process, SPAN_LITERAL("curl\0http://169.254.169.254/\0-v\0"), false);
	caller_unref(c);
	/* The process wrote other arguments over its own. */
	fake_proc_file(&x->proc, 12, "cmdline", "sshd: user@pts/0\0", 17);
	c = build(x);
	expect_args(&c->process, x->args, true);
	caller_unref(c);
	fake_proc_file(&x->proc, 12, "cmdline", "", 0);
	c = build(x);
	expect_args(&c->process, x->args, true);
	caller_unref(c);
	memset(big, 'x', 2 << 20);
	memcpy(big, "curl\0http://169.2", 17);
	fake_proc_file(&x->proc, 12, "cmdline", big, 2 << 20);
	c = build(x);
	assert_int_equal(c->process.args_length, 16384 + 1);
	assert_true(c->process.args_truncated);
	caller_unref(c);
	free(big);
}

static void kernel_without_arguments(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->args = SPAN_LITERAL("");
	fake_proc_file(&x->proc, 12, "cmdline", "curl\0a\0b\x1b[2J", 12);
	c = build(x);
	expect_args(&c->process, SPAN_LITERAL("curl\0a\0b\x1b[2J\0"), false);
	caller_unref(c);
	fake_proc_file(&x->proc, 12, "cmdline", "", 0);
	c = build(x);
	expect_args(&c->process, SPAN_LITERAL(""), false);
	caller_unref(c);
}

static void secrets_in_arguments(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->args = SPAN_LITERAL("curl\0-H\0X-aws-ec2-metadata-token: AQAEabcdefgh\0http://x/AQAEabcdefgh\0");
	fake_proc_file(&x->proc, 11, "cmdline", "sh\0AQAEabcdefgh\0--password=abc\0", 31);
	c = build(x);
	expect_args(&c->process, SPAN_LITERAL("curl\0-H\0X-aws-ec2-metadata-token: " MASK "\0http://x/AQAEabcdefgh\0"),
		    false);
	expect_args(&c->ancestor[0], SPAN_LITERAL("sh\0AQAEabcdefgh\0--password=" MASK "\0"), false);
	caller_mask(c, SPAN_LITERAL("AQAEabcdefgh"));
	expect_args(&c->process, SPAN_LITERAL("curl\0-H\0X-aws-ec2-metadata-token: " MASK "\0http://x/" MASK "\0"),
		    false);
	expect_args(&c->ancestor[0], SPAN_LITERAL("sh\0" MASK "\0--password=" MASK "\0"), false);
	caller_mask(c, SPAN_LITERAL("curl"));
	assert_memory_equal(c->process.args, "curl", 5);
	caller_unref(c);
}

static void secret_cut_in_the_kernel(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->context.proc = -1;
	x->record.header.flags = RECORD_F_ARGS_CUT;
	x->args = SPAN_LITERAL("curl\0-H\0X-aws-ec2-metadata-token: AQ");
	c = build(x);
	expect_args(&c->process, SPAN_LITERAL("curl\0-H\0X-aws-ec2-metadata-token: " MASK "\0"), true);
	caller_unref(c);
	x->args = SPAN_LITERAL("./fetch\0AQAEabcdefgh");
	c = build(x);
	caller_mask(c, SPAN_LITERAL("AQAEabcdefghijklmnop"));
	expect_args(&c->process, SPAN_LITERAL("./fetch\0" MASK "\0"), true);
	caller_unref(c);
}

static void odd_names(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	memcpy(x->record.process.comm, "a)\n(b R 1 1 1 1 ", COMM_SIZE);
	fake_proc_stat(&x->proc, 12, "a)\n(b R 1 1 1 1", 500);
	SET_NAMES(x->record.exe_names, x->record.exe, "\x1b[31m\n\0tmp\0");
	fake_proc_link(&x->proc, 12, "exe", "/tmp/\x1b[31m\n");
	c = build(x);
	expect_text(c->process.name, "a)\n(b R 1 1 1 1");
	expect_text(c->process.executable, "/tmp/\x1b[31m\n");
	expect_text(c->process.working_directory, "/work dir");
	caller_unref(c);
	/* Names of no length, and none that ends: the decoder would not let it pass. */
	SET_NAMES(x->record.exe_names, x->record.exe, "\0\0\0");
	c = build(x);
	expect_text(c->process.executable, "/tmp/\x1b[31m\n");
	caller_unref(c);
	SET_NAMES(x->record.exe_names, x->record.exe, "b\0a");
	x->context.proc = -1;
	c = build(x);
	expect_text(c->process.executable, "/a/b");
	caller_unref(c);
}

static void kernel_loginuid(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.loginuid = 1002;
	fake_proc_text(&x->proc, 12, "loginuid", "1001");
	c = build(x);
	assert_true(c->has_loginuid);
	assert_int_equal(c->loginuid, 1002);
	caller_unref(c);
	x->record.loginuid = UINT32_MAX;
	fake_proc_text(&x->proc, 12, "loginuid", "rubbish");
	c = build(x);
	assert_false(c->has_loginuid);
	caller_unref(c);
}

static int name_user(void *data, uint32_t id, char name[static USERS_NAME_SIZE])
{
	snprintf(name, USERS_NAME_SIZE, "u%u", id);
	return 0;
}

static void names_and_flags(void **state)
{
	const struct users_source source = {.user = name_user, .group = name_user};
	struct fixture *x = *state;
	struct caller *c;

	x->context.users = users_new(&source);
	x->context.boot_id = NULL;
	x->record.header.flags = RECORD_F_LATE;
	c = build(x);
	expect_text(c->user_name, "u1000");
	expect_text(c->group_name, "u33");
	assert_null(c->entity_id);
	assert_true(c->late);
	caller_unref(c);
	x->context.users = users_free(x->context.users);
}

static void sixteen_ancestors(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.ancestors = 60000; /* the decoder would not let it pass */
	for (unsigned i = 0; i < ANCESTORS_MAX; i++)
		x->record.ancestor[i] = x->record.ancestor[0];
	c = build(x);
	assert_int_equal(c->ancestor_count, ANCESTORS_MAX);
	expect_text(c->ancestor[ANCESTORS_MAX - 1].executable, "/bin/bash");
	caller_unref(c);
	x->record.ancestors = 0;
	c = build(x);
	assert_int_equal(c->ancestor_count, 0);
	caller_unref(c);
}

static void many_callers_hold_less(void **state)
{
	enum { MANY = 200 };
	struct fixture *x = *state;
	struct caller *many[MANY];
	char *big = malloc(20000);

	x->args = SPAN_LITERAL("");
	memset(big, 'x', 20000);
	fake_proc_file(&x->proc, 12, "cmdline", big, 20000);
	for (int i = 0; i < MANY; i++)
		many[i] = build(x);
	assert_int_equal(many[0]->process.args_length, 16385);
	assert_int_equal(many[MANY - 1]->process.args_length, ARGS_SIZE + 1);
	assert_true(many[MANY - 1]->process.args_truncated);
	for (int i = 0; i < MANY; i++)
		caller_unref(many[i]);
	many[0] = build(x);
	assert_int_equal(many[0]->process.args_length, 16385);
	caller_unref(many[0]);
	free(big);
}

static void unknown(void **state)
{
	struct caller *c = caller_unknown();

	assert_int_equal(c->references, 1);
	assert_int_equal(c->process.pid, 0);
	assert_false(c->has_ids);
	c->process.executable = strdup("/x");
	c->ancestor_count = ANCESTORS_MAX;
	c->ancestor[ANCESTORS_MAX - 1].args = strdup("x");
	c->ancestor[ANCESTORS_MAX - 1].args_length = 2;
	caller_mask(c, SPAN_LITERAL("abcdefgh"));
	assert_null(caller_unref(c));
	assert_null(caller_unref(NULL));
	assert_null(caller_ref(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(complete_record),
		TEST(process_is_gone),
		TEST(pid_is_used_again),
		TEST(pid_is_used_again_at_once),
		TEST(pid_is_used_again_while_read),
		TEST(start_unknown),
		TEST(no_proc_for_replay),
		TEST(files_vanish),
		TEST(another_program_since),
		TEST(kernel_without_executable),
		TEST(cut_executable),
		TEST(deleted_executable),
		TEST(cut_arguments),
		TEST(kernel_without_arguments),
		TEST(secrets_in_arguments),
		TEST(secret_cut_in_the_kernel),
		TEST(odd_names),
		TEST(kernel_loginuid),
		TEST(names_and_flags),
		TEST(sixteen_ancestors),
		TEST(many_callers_hold_less),
		cmocka_unit_test(unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
