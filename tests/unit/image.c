/* SPDX-License-Identifier: Apache-2.0 */
/* Files of runtimes below a root of our own; what they look like: docker 24, containerd 1.7, CRI-O 1.28, podman 4.9. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caller/image.h"

#define ID         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2        "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

#define DOCKER     "var/lib/docker/containers/" ID "/config.v2.json"
#define CONTAINERD "run/containerd/io.containerd.runtime.v2.task/"
#define STORAGE    "var/lib/containers/storage/overlay-containers/"

static char root[32];
static struct images *images;

static int set_up(void **state)
{
	strcpy(root, "/tmp/unit-image-XXXXXX");
	assert_non_null(mkdtemp(root));
	images = images_new(root);
	assert_non_null(images);
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	images = images_free(images);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void put(const char *path, const void *data, size_t length)
{
	char command[512], name[512];
	FILE *f;

	snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s/%s')\"", root, path);
	assert_int_equal(system(command), 0);
	snprintf(name, sizeof(name), "%s/%s", root, path);
	f = fopen(name, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, length, f), length);
	fclose(f);
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void expect(const char *runtime, const char *id, const char *name)
{
	const char *found = images_name(images, runtime, id);

	if (!name)
		assert_null(found);
	else if (!found)
		fail_msg("%s %s has no name, not %s", runtime ? runtime : "any", id, name);
	else
		assert_string_equal(found, name);
}

static void docker(void **state)
{
	put_text(DOCKER, "{\"State\":{\"Running\":true},\"ID\":\"" ID "\",\"Config\":{\"Hostname\":\"h\",\"Image\":"
			 "\"nginx:1.25\",\"Cmd\":[\"nginx\"]},\"Image\":\"sha256:1234\"}");
	expect("docker", ID, "nginx:1.25");
	expect("docker", ID2, NULL);
}

static void docker_from_snap(void **state)
{
	put_text("var/snap/docker/common/var-lib-docker/containers/" ID "/config.v2.json",
		 "{\"Config\":{\"Image\":\"web\"}}");
	expect("docker", ID, "web");
}

static void containerd(void **state)
{
	put_text(CONTAINERD "moby/" ID2 "/config.json", "{\"annotations\":{}}");
	put_text(CONTAINERD "k8s.io/" ID "/config.json",
		 "{\"ociVersion\":\"1.1.0\",\"annotations\":{\"io.kubernetes.cri.container-name\":\"app\","
		 "\"io.kubernetes.cri.image-name\":\"registry.k8s.io/app:v2\"}}");
	expect("containerd", ID, "registry.k8s.io/app:v2");
	expect("containerd", ID2, NULL);
}

static void k3s(void **state)
{
	put_text("run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri.image-name\":\"app:1\"}}");
	expect("containerd", ID, "app:1");
}

static void crio(void **state)
{
	put_text(STORAGE ID "/userdata/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri-o.ImageName\":\"quay.io/app:3\",\"io.kubernetes.cri-o.Image\":"
		 "\"0123\"}}");
	put_text("run/containers/storage/overlay-containers/" ID2 "/userdata/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri-o.Image\":\"quay.io/b@sha256:9\"}}");
	expect("cri-o", ID, "quay.io/app:3");
	expect("cri-o", ID2, "quay.io/b@sha256:9");
}

static void podman(void **state)
{
	put_text(STORAGE ID "/userdata/config.json", "{\"annotations\":{\"io.container.manager\":\"libpod\"}}");
	put_text(STORAGE "containers.json",
		 "[{\"id\":\"" ID2 "\",\"metadata\":\"{\\\"image-name\\\":\\\"other\\\"}\"},"
		 "{\"id\":\"" ID "\",\"names\":[\"web\"],\"image\":\"abcd\",\"metadata\":"
		 "\"{\\\"image-name\\\":\\\"docker.io/library/httpd:2\\\",\\\"name\\\":\\\"web\\\"}\"}]");
	expect("podman", ID, "docker.io/library/httpd:2");
	expect("podman", ID2, "other");
}

/* podman run --rm */
static void podman_volatile(void **state)
{
	put_text(STORAGE "volatile-containers.json",
		 "[{\"id\":\"" ID "\",\"metadata\":\"{\\\"image-name\\\":\\\"once\\\"}\"}]");
	expect("podman", ID, "once");
}

/* The cgroup path does not tell every runtime. */
static void any_runtime(void **state)
{
	put_text(STORAGE ID "/userdata/config.json", "{\"annotations\":{\"io.kubernetes.cri-o.ImageName\":\"app\"}}");
	expect("docker", ID, NULL);
	tear_down(NULL);
	set_up(NULL);
	put_text(STORAGE ID "/userdata/config.json", "{\"annotations\":{\"io.kubernetes.cri-o.ImageName\":\"app\"}}");
	expect(NULL, ID, "app");
	expect("lxc", "0123456789ab", NULL);
}

/* A name that leads to another folder, however it would be built. */
static void no_way_out(void **state)
{
	static const char *const ids[] = {"../../../../etc/containers",
					  "0123456789ab/../0123456789ab",
					  "",
					  ".",
					  "..",
					  "0123456789ab.",
					  "0123456789AB",
					  "web",
					  "0123456789ab\n"};

	put_text("var/lib/docker/config.v2.json", "{\"Config\":{\"Image\":\"outside\"}}");
	put_text("var/lib/docker/containers/config.v2.json", "{\"Config\":{\"Image\":\"outside\"}}");
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		expect("docker", ids[i], NULL);
	assert_null(images_name(images, "docker", NULL));
	assert_null(images_name(NULL, "docker", ID));
}

static void expect_docker(const void *data, size_t length, const char *name)
{
	put(DOCKER, data, length);
	images_free(images);
	images = images_new(root);
	expect("docker", ID, name);
}

static void hostile_files(void **state)
{
	static const char *const files[] = {
		"",
		"{",
		"null",
		"[]",
		"\"text\"",
		"{\"Config\":null}",
		"{\"Config\":[]}",
		"{\"Config\":{\"Image\":7}}",
		"{\"Config\":{\"Image\":\"\"}}",
		"{\"Config\":{\"Image\":\"with space\"}}",
		"{\"Config\":{\"Image\":\"escape\\u001b[2J\"}}",
		"{\"Config\":{\"Image\":\"line\\nbreak\"}}",
		"{\"Config\":{\"Image\":\"\\u202emoc\"}}",
		"{\"Config\":{\"Image\":{\"Image\":\"x\"}}}",
	};
	static char text[2 << 20];
	int n;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		expect_docker(files[i], strlen(files[i]), NULL);
	/* as long as a name may be, and one byte longer */
	memset(text, 'a', sizeof(text));
	n = snprintf(text, sizeof(text), "{\"Config\":{\"Image\":\"%0512d\"}}", 0);
	put(DOCKER, text, (size_t)n);
	images_free(images);
	images = images_new(root);
	assert_int_equal(strlen(images_name(images, "docker", ID)), 512);
	n = snprintf(text, sizeof(text), "{\"Config\":{\"Image\":\"%0513d\"}}", 0);
	expect_docker(text, (size_t)n, NULL);
	/* too large, and nested too deep */
	n = snprintf(text, sizeof(text), "{\"Config\":{\"Image\":\"web\"}}");
	memset(text + n, ' ', sizeof(text) - (size_t)n);
	expect_docker(text, 1 << 20, "web");
	expect_docker(text, (1 << 20) + 1, NULL);
	memset(text, '[', sizeof(text));
	expect_docker(text, 1 << 20, NULL);
}

static void no_plain_file(void **state)
{
	char command[400], name[256];

	put_text("secret", "{\"Config\":{\"Image\":\"secret\"}}");
	snprintf(command, sizeof(command),
		 "mkdir -p %s/var/lib/docker/containers/" ID " && cd %s && ln -s %s/secret " DOCKER, root, root, root);
	assert_int_equal(system(command), 0);
	expect("docker", ID, NULL);
	snprintf(name, sizeof(name), "%s/var/lib/docker/containers/" ID2, root);
	assert_int_equal(mkdir(name, 0700), 0);
	snprintf(name, sizeof(name), "%s/var/lib/docker/containers/" ID2 "/config.v2.json", root);
	assert_int_equal(mkfifo(name, 0600), 0);
	expect("docker", ID2, NULL);
}

/* Found once, a name is kept; the file is not read again, even if it says something else. */
static void remembered(void **state)
{
	put_text(DOCKER, "{\"Config\":{\"Image\":\"first\"}}");
	expect("docker", ID, "first");
	put_text(DOCKER, "{\"Config\":{\"Image\":\"second\"}}");
	expect("docker", ID, "first");
	expect("docker", ID2, NULL);
	put_text("var/lib/docker/containers/" ID2 "/config.v2.json", "{\"Config\":{\"Image\":\"late\"}}");
	expect("docker", ID2, NULL);
}

/* More containers than are remembered: the one asked for longest ago is forgotten. */
static void bounded(void **state)
{
	char id[32];

	put_text(DOCKER, "{\"Config\":{\"Image\":\"first\"}}");
	expect("docker", ID, "first");
	put_text(DOCKER, "{\"Config\":{\"Image\":\"second\"}}");
	for (unsigned i = 0; i < 255; i++) {
		snprintf(id, sizeof(id), "%016x", i);
		expect("docker", id, NULL);
	}
	expect("docker", ID, "first");
	for (unsigned i = 0; i < 256; i++) {
		snprintf(id, sizeof(id), "%016x", 1000 + i);
		expect("docker", id, NULL);
	}
	expect("docker", ID, "second");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(docker),        TEST(docker_from_snap), TEST(containerd),  TEST(k3s),        TEST(crio),
		TEST(podman),        TEST(podman_volatile),  TEST(any_runtime), TEST(no_way_out), TEST(hostile_files),
		TEST(no_plain_file), TEST(remembered),       TEST(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
