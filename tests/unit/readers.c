/* SPDX-License-Identifier: Apache-2.0 */
/* The places of the guard's readers, in a bpffs of our own. Needs root: exits with 77 otherwise. */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "capture/readers.h"

#define FOLDER "/tmp/imdsnitch/readers"

static struct problem problem;

static int ring(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 65536, NULL);

	assert_true(map >= 0);
	return map;
}

static struct readers *join(void)
{
	_cleanup_close_ int map = ring();
	struct readers *r = NULL;

	return readers_join(FOLDER, map, &r, &problem) == 0 ? r : NULL;
}

static struct reader_owner *owners(void)
{
	_cleanup_close_ int readers = -1, map = -1;
	void *all;

	assert_int_equal(readers_maps(FOLDER, &readers, &map, &problem), 0);
	all = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	assert_true(all != MAP_FAILED);
	return all;
}

static void a_place_is_taken_and_given_back(void **state)
{
	struct reader_owner *o = owners();
	struct readers *a = join(), *b = join();
	_cleanup_close_ int readers = -1, map = -1;
	uint32_t slot = 1, id = 0;

	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(o[0].pid, getpid());
	assert_int_equal(o[1].pid, getpid());
	assert_true(o[1].start > 0);
	assert_int_equal(readers_maps(FOLDER, &readers, &map, &problem), 0);
	assert_int_equal(bpf_map_lookup_elem(readers, &slot, &id), 0);
	assert_true(id > 0);
	assert_null(readers_leave(a));
	assert_int_equal(o[0].pid, 0);
	assert_int_equal(o[0].start, 0);
	a = join();
	assert_int_equal(o[0].pid, getpid());
	readers_leave(a);
	readers_leave(b);
}

static void losses_are_counted_from_the_beginning(void **state)
{
	struct reader_owner *o = owners();
	struct readers *a;

	o[0].lost = 7;
	a = join();
	assert_int_equal(readers_lost(a), 0);
	o[0].lost += 3;
	assert_int_equal(readers_lost(a), 3);
	assert_int_equal(readers_lost(NULL), 0);
	readers_leave(a);
}

static void join_and_die(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(join() ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void the_places_of_the_dead_are_free(void **state)
{
	struct reader_owner *o = owners();
	struct readers *held[READERS_MAX];

	for (unsigned i = 0; i < READERS_MAX; i++)
		join_and_die();
	assert_int_not_equal(o[0].pid, 0);
	for (unsigned i = 0; i < READERS_MAX; i++) {
		held[i] = join();
		assert_non_null(held[i]);
	}
	assert_null(join());
	assert_non_null(strstr(problem.text, "8 tracers"));
	for (unsigned i = 0; i < READERS_MAX; i++)
		readers_leave(held[i]);
}

static void the_living_elsewhere_keep_their_places(void **state)
{
	struct reader_owner *o = owners();
	struct readers *held;

	for (unsigned i = 0; i < READERS_MAX; i++)
		o[i] = (struct reader_owner){.pid = 0x7ffffff0, .pidns = 1, .start = 1};
	assert_null(join());
	o[3].start = 0;
	held = join();
	assert_int_equal(o[3].pid, getpid());
	readers_leave(held);
	memset(o, 0, READERS_MAX * sizeof(*o));
}

static void a_pid_used_again_is_no_owner(void **state)
{
	struct reader_owner *o = owners();
	struct readers *held = join(), *second;

	for (unsigned i = 1; i < READERS_MAX; i++)
		o[i] = o[0];
	o[5].start--;
	assert_non_null(held);
	second = join();
	assert_true(o[5].start == o[0].start);
	readers_leave(second);
	readers_leave(held);
	memset(o, 0, READERS_MAX * sizeof(*o));
}

static void without_bpffs_nothing_is_left(void **state)
{
	int a, b;

	assert_int_equal(readers_maps("/tmp/imdsnitch-no-bpffs/x", &a, &b, &problem), -ENODEV);
	assert_non_null(strstr(problem.text, "mount -t bpf"));
}

/* A bpffs only this process sees. */
static int mount_bpffs(void **state)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0 || mkdir("/tmp/imdsnitch", 0700) < 0 ||
	    mount("bpf", "/tmp/imdsnitch", "bpf", 0, NULL) < 0)
		exit(77);
	setrlimit(RLIMIT_MEMLOCK, &all);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_taken_and_given_back),
		cmocka_unit_test(losses_are_counted_from_the_beginning),
		cmocka_unit_test(the_places_of_the_dead_are_free),
		cmocka_unit_test(the_living_elsewhere_keep_their_places),
		cmocka_unit_test(a_pid_used_again_is_no_owner),
		cmocka_unit_test(without_bpffs_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, mount_bpffs, NULL);
}
