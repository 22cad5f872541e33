/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "base/cleanup.h"

#define SECOND         UINT64_C(1000000000)
#define ENTRIES        256
#define ID_MIN         12
#define ID_MAX         80
#define FILE_SIZE_MAX  (1 << 20)
#define NAMESPACES_MAX 32 /* of containerd */
#define ABSENT_TIME    (10 * SECOND)

struct entry {
	char id[ID_MAX + 1]; /* "": free */
	uint64_t touched;
	uint64_t retry_at; /* CLOCK_MONOTONIC, ns; without a name only */
	char *name;
};

struct images {
	char *root;
	uint64_t clock;
	struct entry entries[ENTRIES];
};

struct images *images_new(const char *root)
{
	struct images *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->root = strdup(root ? root : "");
	return i->root ? i : images_free(i);
}

struct images *images_free(struct images *i)
{
	if (!i)
		return NULL;
	for (unsigned n = 0; n < ENTRIES; n++)
		free(i->entries[n].name);
	free(i->root);
	free(i);
	return NULL;
}

static void cleanup_json(json_t **value)
{
	json_decref(*value);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

/* A regular file that is not too large, into `text` of FILE_SIZE_MAX bytes; its length, or -1. */
static ssize_t read_file(const char *path, char *text)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t length = 0, n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX)
		return -1;
	do {
		n = read(fd, text + length, (size_t)(st.st_size - length));
		length += n > 0 ? n : 0;
	} while (n > 0 && length < st.st_size);
	return n < 0 ? -1 : length;
}

/* NULL for what is no such file, or no JSON. */
static json_t *read_json(const char *path)
{
	char *text = malloc(FILE_SIZE_MAX);
	ssize_t length = text ? read_file(path, text) : -1;
	json_t *root = length < 0 ? NULL : json_loadb(text, (size_t)length, 0, NULL);

	free(text);
	return root;
}

/* A copy of the value when it looks like the name of an image: graphic ASCII, not too long. */
static char *take_name(const json_t *value)
{
	const char *s = json_string_value(value);
	size_t length = json_string_length(value);

	if (!s || length == 0 || length > IMAGE_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < length; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return NULL;
	return strdup(s);
}

/* Docker's own file: .Config.Image is what `docker run` was given. */
static char *name_of_docker(const char *root, const char *id)
{
	static const char *const folders[] = {"/var/lib/docker", "/var/snap/docker/common/var-lib-docker"};
	char path[PATH_MAX];
	char *name = NULL;

	for (unsigned i = 0; i < 2 && !name; i++) {
		_cleanup_json_ json_t *file = NULL;

		snprintf(path, sizeof(path), "%s%s/containers/%s/config.v2.json", root, folders[i], id);
		file = read_json(path);
		name = take_name(json_object_get(json_object_get(file, "Config"), "Image"));
	}
	return name;
}

/* An OCI bundle's config.json with one of these annotations. */
static char *name_in_bundle(const char *path)
{
	static const char *const keys[] = {
		"io.kubernetes.cri.image-name",  /* containerd's CRI plugin, since 1.5 */
		"io.kubernetes.cri-o.ImageName", /* CRI-O */
		"io.kubernetes.cri-o.Image",
	};
	_cleanup_json_ json_t *file = read_json(path);
	const json_t *annotations = json_object_get(file, "annotations");
	char *name = NULL;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]) && !name; i++)
		name = take_name(json_object_get(annotations, keys[i]));
	return name;
}

/* Bundles are in a folder for each namespace: k8s.io, default, moby … */
static char *name_in_namespaces(const char *folder, const char *id)
{
	DIR *namespaces = opendir(folder);
	unsigned seen = 0;
	char path[PATH_MAX];
	struct dirent *e;
	char *name = NULL;

	if (!namespaces)
		return NULL;
	while (!name && seen < NAMESPACES_MAX && (e = readdir(namespaces))) {
		if (e->d_name[0] == '.')
			continue;
		seen++;
		if (snprintf(path, sizeof(path), "%s/%s/%s/config.json", folder, e->d_name, id) < PATH_MAX)
			name = name_in_bundle(path);
	}
	closedir(namespaces);
	return name;
}

static char *name_of_containerd(const char *root, const char *id)
{
	static const char *const folders[] = {"/run/containerd", "/run/k3s/containerd"};
	char path[PATH_MAX - 512];
	char *name = NULL;

	for (unsigned i = 0; i < 2 && !name; i++) {
		snprintf(path, sizeof(path), "%s%s/io.containerd.runtime.v2.task", root, folders[i]);
		name = name_in_namespaces(path, id);
	}
	return name;
}

/* containers/storage keeps a list; what podman notes of a container is JSON in a string. */
static char *name_in_list(const char *path, const char *id)
{
	_cleanup_json_ json_t *list = read_json(path), *metadata = NULL;
	const char *text;
	const json_t *c;
	size_t i;

	json_array_foreach(list, i, c)
	{
		const char *its = json_string_value(json_object_get(c, "id"));

		if (!its || strcmp(its, id) != 0)
			continue;
		text = json_string_value(json_object_get(c, "metadata"));
		metadata = text ? json_loads(text, 0, NULL) : NULL;
		return take_name(json_object_get(metadata, "image-name"));
	}
	return NULL;
}

/* CRI-O and podman share containers/storage. */
static char *name_in_storage(const char *root, const char *id)
{
	static const char *const folders[] = {"/var/lib/containers/storage", "/run/containers/storage"};
	static const char *const lists[] = {"containers.json", "volatile-containers.json"};
	char path[PATH_MAX];
	char *name = NULL;

	for (unsigned i = 0; i < 2 && !name; i++) {
		snprintf(path, sizeof(path), "%s%s/overlay-containers/%s/userdata/config.json", root, folders[i], id);
		name = name_in_bundle(path);
	}
	for (unsigned i = 0; i < 2 && !name; i++) {
		snprintf(path, sizeof(path), "%s%s/overlay-containers/%s", root, folders[0], lists[i]);
		name = name_in_list(path, id);
	}
	return name;
}

static char *look_up(const char *root, const char *runtime, const char *id)
{
	static const struct {
		const char *runtime;
		char *(*name)(const char *root, const char *id);
	} sources[] = {
		{"docker", name_of_docker},
		{"containerd", name_of_containerd},
		{"cri-o", name_in_storage},
		{"podman", name_in_storage},
	};
	char *name = NULL;

	for (unsigned i = 0; i < sizeof(sources) / sizeof(sources[0]) && !name; i++)
		if (!runtime || strcmp(runtime, sources[i].runtime) == 0)
			name = sources[i].name(root, id);
	return name;
}

/* Hexadecimal digits, and the dash of ECS: nothing that leads out of a folder. */
static bool is_id(const char *id)
{
	size_t length = strspn(id, "0123456789abcdef-");

	return id[length] == '\0' && length >= ID_MIN && length <= ID_MAX;
}

/* The entry of `id`, or the one to give up for it. */
static struct entry *find(struct images *i, const char *id)
{
	struct entry *oldest = &i->entries[0];

	for (unsigned n = 0; n < ENTRIES; n++) {
		struct entry *e = &i->entries[n];

		if (strcmp(e->id, id) == 0)
			return e;
		if (e->touched < oldest->touched)
			oldest = e;
	}
	return oldest;
}

static uint64_t monotonic(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

const char *images_name(struct images *i, const char *runtime, const char *id)
{
	struct entry *e;
	bool known;

	if (!i || !id || !is_id(id))
		return NULL;
	e = find(i, id);
	known = strcmp(e->id, id) == 0;
	e->touched = ++i->clock;
	if (known && (e->name || monotonic() < e->retry_at))
		return e->name;
	free(e->name);
	snprintf(e->id, sizeof(e->id), "%s", id);
	e->name = look_up(i->root, runtime, id);
	e->retry_at = monotonic() + ABSENT_TIME;
	return e->name;
}
