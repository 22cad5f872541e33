/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/container.h"

#define ID_LENGTH 64 /* hex digits of an OCI runtime's container id */

/* Names in front of an id: "docker-ID.scope", "docker-ID", "kubepods.slice:docker:ID". */
static const struct {
	const char *name, *runtime;
} prefixes[] = {
	{"docker", "docker"}, {"cri-containerd", "containerd"}, {"nerdctl", "containerd"}, {"crio", "cri-o"},
	{"libpod", "podman"}, {"libpod-payload", "podman"},
};

/* Directories above a bare id. The last three are containerd's namespaces; kubepods: dockershim looked the same. */
static const struct {
	const char *parent, *runtime;
} parents[] = {
	{"docker", "docker"},      {"actions_job", "docker"}, {"buildkit", "buildkit"}, {"garden", "garden"},
	{"nerdctl", "containerd"}, {"default", "containerd"}, {"k8s.io", "containerd"}, {"moby", "containerd"},
};

/* Services below which root's container managers put their containers when the cgroup driver is cgroupfs. */
static const char *const managers[] = {
	"containerd.service",  "docker.service",     "snap.docker.dockerd.service",
	"crio.service",        "k3s.service",        "k3s-agent.service",
	"rke2-server.service", "rke2-agent.service", "kubelet.service",
	"buildkit.service",    "garden.service",     "ecs.service",
};

/* Kinds of unit that own a cgroup; slices are walked through. */
static const char *const unit_suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};

struct walk {
	struct container *out;
	struct span rest;            /* not walked yet; starts with the component after `component` */
	struct span component;       /* the current one */
	struct span parent;          /* the one before, empty at the root */
	bool slices;                 /* nothing but slices so far: the next unit is the unit */
	bool kubernetes, ecs, below; /* below: inside a service that manages no containers */
};

static bool ends(struct span s, struct span suffix)
{
	return s.length >= suffix.length && memcmp(s.data + s.length - suffix.length, suffix.data, suffix.length) == 0;
}

static bool is(struct span s, const char *text)
{
	return span_equal(s, span_of(text));
}

static struct span skip(struct span s, size_t n)
{
	return (struct span){s.data + n, s.length - n};
}

static struct span drop(struct span s, const char *suffix)
{
	return ends(s, span_of(suffix)) ? (struct span){s.data, s.length - strlen(suffix)} : s;
}

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.length; i++)
		if (!(s.data[i] >= '0' && s.data[i] <= '9') && !(s.data[i] >= 'a' && s.data[i] <= 'f'))
			return false;
	return s.length > 0;
}

static bool is_id(struct span s)
{
	return s.length == ID_LENGTH && is_hex(s);
}

static void copy(char out[static CONTAINER_NAME_SIZE], struct span s)
{
	memcpy(out, s.data, s.length);
	out[s.length] = '\0';
}

static bool next(struct walk *w)
{
	size_t length = 0;

	w->parent = w->component;
	while (w->rest.length && w->rest.data[0] == '/')
		w->rest = skip(w->rest, 1);
	while (length < w->rest.length && w->rest.data[length] != '/')
		length++;
	w->component = (struct span){w->rest.data, length};
	w->rest = skip(w->rest, length);
	return length > 0 && length < CONTAINER_NAME_SIZE && !memchr(w->component.data, '\0', length);
}

static bool found(struct walk *w, struct span id, const char *runtime)
{
	copy(w->out->id, id);
	w->out->runtime = runtime;
	return true;
}

/* "PREFIX<separator>ID"; true when it is a container's. */
static bool match_prefixed(struct walk *w, struct span s, char separator)
{
	struct span prefix = {s.data, s.length - ID_LENGTH - 1};

	if (s.length < ID_LENGTH + 2 || s.data[prefix.length] != separator || !is_id(skip(s, prefix.length + 1)))
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (is(prefix, prefixes[i].name))
			return found(w, skip(s, prefix.length + 1), prefixes[i].runtime);
	return false;
}

/* An id as a directory of its own: /docker/ID, /kubepods/burstable/podUID/ID, /any/ID. */
static bool match_bare(struct walk *w)
{
	struct span s = w->component;

	if (is(w->parent, "libpod_parent")) /* a podman pod; the container comes below */
		return false;
	if (is(w->parent, "buildkit") || is(w->parent, "garden"))
		return found(w, s, is(w->parent, "garden") ? "garden" : "buildkit");
	if (!is_id(s))
		return false;
	if (w->kubernetes || w->ecs)
		return found(w, s, w->kubernetes ? "containerd" : "docker");
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		if (is(w->parent, parents[i].parent))
			return found(w, s, parents[i].runtime);
	return found(w, s, NULL);
}

/* ECS on Fargate: /ecs/TASK/TASK-NUMBER, with 32 hex digits and a decimal number. */
static bool match_ecs(struct walk *w)
{
	struct span s = w->component;

	if (!w->ecs || s.length < 34 || s.data[32] != '-' || !is_hex((struct span){s.data, 32}) || !is_hex(skip(s, 33)))
		return false;
	return found(w, s, "containerd");
}

/* LXC and LXD (src/lxc/cgroups/cgfsng.c): lxc.payload.NAME, lxc.payload/NAME; before 4.0 lxc/NAME. */
static bool match_lxc(struct walk *w)
{
	static const struct span payload = SPAN_LITERAL("lxc.payload.");

	if (span_starts(w->component, payload) && w->component.length > payload.length)
		return found(w, skip(w->component, payload.length), "lxc");
	if (is(w->parent, "lxc") || is(w->parent, "lxc.payload"))
		return found(w, w->component, "lxc");
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* systemd.unit(5), "String escaping": "\x2d" is "-". What is no printable escape stays as it is. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		int high = s[0] == '\\' && s[1] == 'x' ? hex_digit(s[2]) : -1;
		int low = high >= 0 ? hex_digit(s[3]) : -1;
		int c = low >= 0 ? high * 16 + low : -1;

		if (c > 0x20 && c < 0x7f && c != '/') {
			*out++ = (char)c;
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* machine-NAME.scope in machine.slice, systemd-nspawn@NAME.service. machined's other clients are virtual machines. */
static bool match_nspawn(struct walk *w)
{
	static const struct span scope = SPAN_LITERAL("machine-"), service = SPAN_LITERAL("systemd-nspawn@");
	struct span name;

	if (span_starts(w->component, scope) && ends(w->component, SPAN_LITERAL(".scope")) &&
	    is(w->parent, "machine.slice"))
		name = drop(skip(w->component, scope.length), ".scope");
	else if (span_starts(w->component, service) && ends(w->component, SPAN_LITERAL(".service")))
		name = drop(skip(w->component, service.length), ".service");
	else
		return false;
	if (name.length == 0 || span_starts(name, SPAN_LITERAL("qemu\\x2d")) ||
	    span_starts(w->rest, SPAN_LITERAL("/supervisor")))
		return false;
	found(w, name, "systemd-nspawn");
	unescape(w->out->id);
	return true;
}

/* "kubepods-burstable-podUID.slice:cri-containerd:ID": a systemd name given to the cgroupfs driver. */
static struct span after_colon(struct span s)
{
	const char *colon = memchr(s.data, ':', s.length);

	return colon ? skip(s, (size_t)(colon - s.data) + 1) : (struct span){s.data, 0};
}

static bool match_container(struct walk *w)
{
	if (w->below)
		return span_starts(w->component, SPAN_LITERAL("libpod-payload-")) &&
		       match_prefixed(w, w->component, '-');
	return match_prefixed(w, drop(w->component, ".scope"), '-') ||
	       match_prefixed(w, after_colon(w->component), ':') || match_nspawn(w) || match_lxc(w) || match_ecs(w) ||
	       match_bare(w);
}

/* A UID as the API has it (8-4-4-4-12), with '_' for '-' in slices; or a static pod's hash. */
static void copy_pod_uid(struct walk *w, struct span s)
{
	char uid[sizeof(w->out->pod_uid)];

	if (s.length != 36 && s.length != 32)
		return;
	for (size_t i = 0; i < s.length; i++) {
		bool dash = s.length == 36 && (i == 8 || i == 13 || i == 18 || i == 23);

		if (dash ? s.data[i] != '-' && s.data[i] != '_' : hex_digit(s.data[i]) < 0)
			return;
		uid[i] = dash ? '-' : s.data[i];
	}
	memcpy(w->out->pod_uid, uid, s.length);
	w->out->pod_uid[s.length] = '\0';
}

/* kubepods-besteffort-podUID.slice, or podUID below kubepods (pkg/kubelet/cm/pod_container_manager_linux.go). */
static void note_pod(struct walk *w)
{
	const char *colon = memchr(w->component.data, ':', w->component.length);
	struct span s = {w->component.data, colon ? (size_t)(colon - w->component.data) : w->component.length};
	const char *kubepods = memmem(s.data, s.length, "kubepods", 8), *pod;

	if (!w->kubernetes && !kubepods)
		return;
	w->kubernetes = true;
	s = drop(s, ".slice");
	if (span_starts(s, SPAN_LITERAL("pod"))) {
		copy_pod_uid(w, skip(s, 3));
		return;
	}
	pod = memmem(s.data, s.length, "-pod", 4);
	if (kubepods && pod)
		copy_pod_uid(w, skip(s, (size_t)(pod + 4 - s.data)));
}

/* systemd puts '_' in front of names that would collide with cgroup files (cg_escape in basic/cgroup-util.c). */
static struct span unit_name(struct span s)
{
	if (s.length && s.data[0] == '_')
		s = skip(s, 1);
	for (size_t i = 0; i < sizeof(unit_suffixes) / sizeof(unit_suffixes[0]); i++)
		if (ends(s, span_of(unit_suffixes[i])) && s.length > strlen(unit_suffixes[i]))
			return s;
	return (struct span){0};
}

static bool is_manager(struct span unit)
{
	for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
		if (is(unit, managers[i]))
			return true;
	return false;
}

/* Takes note of a component that is no container. False: what comes below is not to be believed. */
static bool descend(struct walk *w)
{
	struct span unit = unit_name(w->component);

	/* "..": /proc/PID/cgroup as seen from a cgroup namespace; what is above is not known. */
	if (w->below || is(w->component, ".."))
		return false;
	if (unit.length) {
		if (w->slices)
			copy(w->out->unit, unit);
		w->slices = false;
		w->below = !is_manager(unit);
		/* User and machine managers delegate: not even podman's payload is believed below them. */
		return !span_starts(unit, SPAN_LITERAL("user@")) && ends(unit, SPAN_LITERAL(".service"));
	}
	/* pam_cgfs on v1 delegates /user/NAME; LXC's monitor processes name the container they are outside of. */
	if (w->parent.length == 0 && is(w->component, "user"))
		return false;
	if (span_starts(w->component, SPAN_LITERAL("lxc.monitor")))
		return false;
	w->ecs |= w->parent.length == 0 && is(w->component, "ecs");
	w->slices &= ends(w->component, SPAN_LITERAL(".slice"));
	return true;
}

void container_parse(struct span path, struct container *ret_container)
{
	struct walk w = {.out = ret_container, .rest = path, .component = {"", 0}, .slices = true};

	*ret_container = (struct container){0};
	while (next(&w)) {
		if (!w.below)
			note_pod(&w);
		if (match_container(&w)) {
			/* A service that holds the container stays its unit; a scope is the container. */
			if (w.slices && ends(w.component, SPAN_LITERAL(".service")))
				copy(ret_container->unit, w.component);
			return;
		}
		if (!descend(&w))
			return;
	}
}
