/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "caller/container.h"

#include <stdio.h>

#define ID   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2  "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID  "6b3f1f0e-6b1a-4b0e-9d3e-0a1b2c3d4e5f"
#define UID_ "6b3f1f0e_6b1a_4b0e_9d3e_0a1b2c3d4e5f"
#define HASH "d41d8cd98f00b204e9800998ecf8427e"
#define TASK "2f1b7c1f0e5a4d3c9b8a7f6e5d4c3b2a"
#define USER "/user.slice/user-1000.slice/user@1000.service/"

/* path, then what is expected: runtime, id, pod uid, unit; NULL: none. */
static const struct row {
	const char *path, *runtime, *id, *pod, *unit;
} rows[] = {
	/* No container. */
	{"/", NULL, NULL, NULL, NULL},
	{"", NULL, NULL, NULL, NULL},
	{"/init.scope", NULL, NULL, NULL, "init.scope"},
	{"/system.slice/ssh.service", NULL, NULL, NULL, "ssh.service"},
	{"/system.slice/system-getty.slice/getty@tty1.service", NULL, NULL, NULL, "getty@tty1.service"},
	{"/system.slice/dbus.socket", NULL, NULL, NULL, "dbus.socket"},
	{"/system.slice/_cpu.service", NULL, NULL, NULL, "cpu.service"},
	{"/user.slice/user-1000.slice/session-3.scope", NULL, NULL, NULL, "session-3.scope"},
	{USER "app.slice/firefox.service", NULL, NULL, NULL, "user@1000.service"},
	{USER "init.scope", NULL, NULL, NULL, "user@1000.service"},
	{"/system.slice", NULL, NULL, NULL, NULL},
	{"/process_api/980012a58cf2730704f3cdefac1076ae", NULL, NULL, NULL, NULL},
	{"/system.slice/containerd.service", NULL, NULL, NULL, "containerd.service"},
	/* Docker. */
	{"/docker/" ID, "docker", ID, NULL, NULL},
	{"/system.slice/docker-" ID ".scope", "docker", ID, NULL, NULL},
	{"/system.slice/docker-" ID ".scope/init", "docker", ID, NULL, NULL},
	{"/system.slice/docker.service/docker/" ID, "docker", ID, NULL, "docker.service"},
	{"/system.slice:docker:" ID, "docker", ID, NULL, NULL},
	{"/actions_job/" ID, "docker", ID, NULL, NULL},
	{"/my-parent/" ID, NULL, ID, NULL, NULL},
	{"/docker/buildkit/o1rqh1pu6tu5mzrqcwqe4s0zy", "buildkit", "o1rqh1pu6tu5mzrqcwqe4s0zy", NULL, NULL},
	/* Kubernetes, containerd. */
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	 "containerd", ID, UID, NULL},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope", "containerd", ID, UID, NULL},
	{"/kubepods/besteffort/pod" UID "/" ID, "containerd", ID, UID, NULL},
	{"/kubepods/pod" UID "/" ID, "containerd", ID, UID, NULL},
	{"/kubepods/burstable/pod" HASH "/" ID, "containerd", ID, HASH, NULL},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH ".slice/cri-containerd-" ID ".scope",
	 "containerd", ID, HASH, NULL},
	{"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" UID_
	 ".slice/cri-containerd-" ID ".scope",
	 "containerd", ID, UID, NULL},
	{"/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID, "containerd", ID, UID, NULL},
	{"/system.slice/containerd.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID, "containerd", ID,
	 UID, "containerd.service"},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/docker-" ID ".scope",
	 "docker", ID, UID, NULL},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice", NULL, NULL, UID, NULL},
	{"/kubepods.slice/kubepods-podnot_a_uid.slice/cri-containerd-" ID ".scope", "containerd", ID, NULL, NULL},
	{"/default/" ID, "containerd", ID, NULL, NULL},
	{"/system.slice/nerdctl-" ID ".scope", "containerd", ID, NULL, NULL},
	/* CRI-O: the monitor is not in the container. */
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/crio-" ID ".scope", "cri-o", ID,
	 UID, NULL},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/crio-" ID ".scope/container",
	 "cri-o", ID, UID, NULL},
	{"/kubepods/besteffort/pod" UID "/crio-" ID, "cri-o", ID, UID, NULL},
	{"/kubepods/besteffort/pod" UID "/crio-conmon-" ID, NULL, NULL, UID, NULL},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-conmon-" ID ".scope", NULL, NULL, UID,
	 "crio-conmon-" ID ".scope"},
	/* podman. */
	{"/machine.slice/libpod-" ID ".scope", "podman", ID, NULL, NULL},
	{"/machine.slice/libpod-" ID ".scope/container", "podman", ID, NULL, NULL},
	{"/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope/container", "podman", ID, NULL, NULL},
	{"/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL, NULL, "libpod-conmon-" ID ".scope"},
	{"/libpod_parent/libpod-" ID "/ctr", "podman", ID, NULL, NULL},
	{"/libpod_parent/" ID2 "/libpod-" ID, "podman", ID, NULL, NULL},
	{"/libpod_parent/conmon", NULL, NULL, NULL, NULL},
	{"/system.slice/web.service/libpod-payload-" ID, "podman", ID, NULL, "web.service"},
	{"/system.slice/web.service/runtime", NULL, NULL, NULL, "web.service"},
	/* LXC, LXD. */
	{"/lxc/web", "lxc", "web", NULL, NULL},
	{"/lxc/101/ns/system.slice/nginx.service", "lxc", "101", NULL, NULL},
	{"/lxc.payload.web/system.slice/nginx.service", "lxc", "web", NULL, NULL},
	{"/lxc.payload/web", "lxc", "web", NULL, NULL},
	{"/lxc.monitor.web", NULL, NULL, NULL, NULL},
	{"/lxc.monitor/web", NULL, NULL, NULL, NULL},
	/* systemd-nspawn. */
	{"/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "systemd-nspawn", "web", NULL,
	 "systemd-nspawn@web.service"},
	{"/machine.slice/systemd-nspawn@my\\x2dweb.service/payload", "systemd-nspawn", "my-web", NULL,
	 "systemd-nspawn@my\\x2dweb.service"},
	{"/machine.slice/systemd-nspawn@web.service/supervisor", NULL, NULL, NULL, "systemd-nspawn@web.service"},
	{"/machine.slice/machine-my\\x2dbox.scope/payload", "systemd-nspawn", "my-box", NULL, NULL},
	{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt", NULL, NULL, NULL, "machine-qemu\\x2d1\\x2dvm.scope"},
	{"/machine.slice/machine-a\\x00b\\x1b\\x2.scope", "systemd-nspawn", "a\\x00b\\x1b\\x2", NULL, NULL},
	/* ECS. */
	{"/ecs/" TASK "/" ID, "docker", ID, NULL, NULL},
	{"/ecs/mycluster/" TASK "/" ID, "docker", ID, NULL, NULL},
	{"/ecs/" TASK "/" TASK "-2421424721", "containerd", TASK "-2421424721", NULL, NULL},
	{"/ecstasks.slice/ecstasks-" TASK ".slice/docker-" ID ".scope", "docker", ID, NULL, NULL},
	{"/garden/5a1b2c3d-0000-4000-8000-000000000000", "garden", "5a1b2c3d-0000-4000-8000-000000000000", NULL, NULL},
	/* Containers in containers: the outer one gave its name, the inner one is the inside's claim. */
	{"/docker/" ID "/kubelet/kubepods/besteffort/pod" UID "/" ID2, "docker", ID, NULL, NULL},
	{"/system.slice/docker-" ID ".scope/kubelet.slice/kubelet-kubepods.slice/cri-containerd-" ID2 ".scope",
	 "docker", ID, NULL, NULL},
	{"/docker/" ID "/docker/" ID2, "docker", ID, NULL, NULL},
	/* Names a user gave. */
	{USER "docker-" ID ".scope", NULL, NULL, NULL, "user@1000.service"},
	{USER "user.slice/libpod-" ID ".scope/container", NULL, NULL, NULL, "user@1000.service"},
	{USER "libpod-payload-" ID, NULL, NULL, NULL, "user@1000.service"},
	{USER "kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope", NULL, NULL, NULL,
	 "user@1000.service"},
	{USER "containerd.service/" ID, NULL, NULL, NULL, "user@1000.service"},
	{USER "system.slice/sshd.service", NULL, NULL, NULL, "user@1000.service"},
	{"/user.slice/user-1000.slice/session-3.scope/docker/" ID, NULL, NULL, NULL, "session-3.scope"},
	{"/user.slice/user-1000.slice/session-3.scope/libpod-payload-" ID, NULL, NULL, NULL, "session-3.scope"},
	{"/system.slice/app.service/docker-" ID ".scope", NULL, NULL, NULL, "app.service"},
	{"/system.slice/app.service/x/libpod-payload-" ID, NULL, NULL, NULL, "app.service"},
	{"/system.slice/app.service/kubepods/pod" UID "/" ID, NULL, NULL, NULL, "app.service"},
	{"/system.slice/app.service/kubepods-pod" UID_ ".slice", NULL, NULL, NULL, "app.service"},
	{"/other/app.service", NULL, NULL, NULL, NULL},
	{"/user/1000/docker/" ID, NULL, NULL, NULL, NULL},
	{"/../../docker/" ID, NULL, NULL, NULL, NULL},
	/* Near misses. */
	{"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", NULL, NULL, NULL, NULL},
	{"/docker/" ID "0", NULL, NULL, NULL, NULL},
	{"/system.slice/docker-0123.scope", NULL, NULL, NULL, "docker-0123.scope"},
	{"/system.slice/evil-" ID ".scope", NULL, NULL, NULL, "evil-" ID ".scope"},
	{"/.service", NULL, NULL, NULL, NULL},
	{"//docker//" ID, "docker", ID, NULL, NULL},
};

static void known_paths(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct container c;

		container_parse(span_of(r->path), &c);
		print_message("%s\n", r->path);
		assert_string_equal(c.runtime ? c.runtime : "", r->runtime ? r->runtime : "");
		assert_string_equal(c.id, r->id ? r->id : "");
		assert_string_equal(c.pod_uid, r->pod ? r->pod : "");
		assert_string_equal(c.unit, r->unit ? r->unit : "");
	}
}

static void longest_name(void **state)
{
	char path[600] = "/lxc/";
	struct container c;

	memset(path + 5, 'a', 255);
	container_parse(span_of(path), &c);
	assert_int_equal(strlen(c.id), 255);
	path[260] = 'a';
	container_parse(span_of(path), &c);
	assert_string_equal(c.id, "");
}

static void nul_in_a_name(void **state)
{
	struct container c;

	container_parse(SPAN_LITERAL("/lxc/a\0b"), &c);
	assert_string_equal(c.id, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_paths),
		cmocka_unit_test(longest_name),
		cmocka_unit_test(nul_in_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
