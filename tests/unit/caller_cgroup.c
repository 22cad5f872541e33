/* SPDX-License-Identifier: Apache-2.0 */
/* Where a caller lives: the kernel's cgroup path against /proc's. */
#include "unit.h"

#include "caller/image.h"
#include "caller_fixture.h"

static void cgroup_of_v1(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.cgroup_path = 0;
	fake_proc_text(&x->proc, 12, "cgroup", "9:name=systemd:/docker/" ID "\n8:pids:/docker/" ID "\n0::/\n");
	c = build(x);
	expect_text(c->cgroup_path, "/docker/" ID);
	expect_text(c->container_id, ID);
	expect_text(c->container_runtime, "docker");
	caller_unref(c);
	fake_proc_unlink(&x->proc, 12, "cgroup");
	c = build(x);
	expect_text(c->cgroup_path, "/");
	caller_unref(c);
}

static void image_of_the_container(void **state)
{
	struct fixture *x = *state;
	char command[400];
	struct caller *c;

	snprintf(command, sizeof(command),
		 "mkdir -p %s/var/lib/docker/containers/" ID " && echo '{\"Config\":{\"Image\":\"nginx:1\"}}' "
		 ">%s/var/lib/docker/containers/" ID "/config.v2.json",
		 x->proc.root, x->proc.root);
	assert_int_equal(system(command), 0);
	x->record.cgroup_path = 0;
	fake_proc_text(&x->proc, 12, "cgroup", "9:name=systemd:/docker/" ID "\n0::/\n");
	c = build(x);
	assert_null(c->image);
	caller_unref(c);
	x->context.images = images_new(x->proc.root);
	c = build(x);
	expect_text(c->image, "nginx:1");
	caller_unref(c);
	fake_proc_text(&x->proc, 12, "cgroup", "9:name=systemd:/docker/1" ID "\n0::/\n");
	c = build(x);
	assert_null(c->image);
	caller_unref(c);
	images_free(x->context.images);
}

/* runc before 1.1 on a hybrid host: only the v1 hierarchies know the container. */
static void container_of_v1_beside_v2(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	SET_NAMES(x->record.cgroup_names, x->record.cgroup_path, "docker.service\0system.slice\0");
	fake_proc_text(&x->proc, 12, "cgroup", "8:pids:/docker/" ID "\n0::/system.slice/docker.service\n");
	c = build(x);
	expect_text(c->cgroup_path, "/system.slice/docker.service");
	expect_text(c->container_id, ID);
	expect_text(c->systemd_unit, "docker.service");
	caller_unref(c);
}

static void kernel_cgroup_wins(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	fake_proc_text(&x->proc, 12, "cgroup", "0::/system.slice/docker-" ID ".scope\n");
	c = build(x);
	expect_text(c->cgroup_path, "/system.slice/web.service");
	assert_null(c->container_id);
	caller_unref(c);
}

static void cut_cgroup(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	x->record.header.flags = RECORD_F_CGROUP_CUT;
	SET_NAMES(x->record.cgroup_names, x->record.cgroup_path, "a\0b\0");
	fake_proc_text(&x->proc, 12, "cgroup", "0::/docker/" ID "/b/a\n");
	c = build(x);
	expect_text(c->cgroup_path, "/docker/" ID "/b/a");
	expect_text(c->container_id, ID);
	caller_unref(c);
	fake_proc_text(&x->proc, 12, "cgroup", "0::/docker/" ID "/c/a\n");
	c = build(x);
	assert_null(c->cgroup_path);
	assert_null(c->container_id);
	caller_unref(c);
}

static void huge_cgroup_file(void **state)
{
	struct fixture *x = *state;
	char *big = malloc(1 << 20);
	struct caller *c;

	memset(big, 'a', 1 << 20);
	memcpy(big, "0::/", 4);
	big[100] = '\n';
	memcpy(big + 101, "5:pids:/", 8);
	x->record.cgroup_path = 0;
	x->record.cgroup = 0;
	fake_proc_file(&x->proc, 12, "cgroup", big, 1 << 20);
	c = build(x);
	assert_int_equal(strlen(c->cgroup_path), 97);
	caller_unref(c);
	free(big);
}

static void pod(void **state)
{
	struct fixture *x = *state;
	struct caller *c;

	SET_NAMES(x->record.cgroup_names, x->record.cgroup_path,
		  "cri-containerd-" ID ".scope\0"
		  "kubepods-burstable-pod6b3f1f0e_6b1a_4b0e_9d3e_0a1b2c3d4e5f.slice\0"
		  "kubepods-burstable.slice\0kubepods.slice\0");
	c = build(x);
	expect_text(c->container_id, ID);
	expect_text(c->container_runtime, "containerd");
	expect_text(c->pod_uid, BOOT);
	assert_null(c->systemd_unit);
	caller_unref(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cgroup_of_v1),
		TEST(image_of_the_container),
		TEST(container_of_v1_beside_v2),
		TEST(kernel_cgroup_wins),
		TEST(cut_cgroup),
		TEST(huge_cgroup_file),
		TEST(pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
