/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/pin.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"

#define PATH_SIZE 256

/* Connect first: a socket that comes while the rest is attached has asked already, and what it sends is judged. */
const char *const pin_links[] = {
	"guard_connect4", "guard_connect6", "guard_sendmsg4", "guard_sendmsg6", "guard_sockops", "guard_egress", NULL,
};

static void pin_path(char path[static PATH_SIZE], const char *folder, const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s", folder, name);
}

int pin_put(int fd, const char *folder, const char *name, struct problem *problem)
{
	char path[PATH_SIZE];
	int r;

	pin_path(path, folder, name);
	r = bpf_obj_pin(fd, path);
	return r < 0 ? problem_set(problem, r, "%s cannot be pinned: %s", path, strerror(-r)) : 0;
}

int pin_get(const char *folder, const char *name)
{
	char path[PATH_SIZE];

	pin_path(path, folder, name);
	return bpf_obj_get(path);
}

static bool is_link(const char *name)
{
	for (const char *const *link = pin_links; *link; link++)
		if (strcmp(*link, name) == 0)
			return true;
	return false;
}

/* Without the map and its program the sockets send as they did before; their memory goes when the map is gone. */
static int release_sockets(const char *folder)
{
	_cleanup_close_ int sockets = pin_get(folder, PIN_SOCKETS);
	_cleanup_close_ int program = pin_get(folder, PIN_REQUEST);
	uint64_t key;
	int r = 0;

	if (sockets < 0)
		return sockets == -ENOENT ? 0 : sockets;
	if (program >= 0)
		r = bpf_prog_detach2(program, sockets, BPF_SK_MSG_VERDICT);
	/* The first one each time: those that end meanwhile leave by themselves. */
	for (unsigned i = 0; i < 1U << 20 && bpf_map_get_next_key(sockets, NULL, &key) == 0; i++)
		bpf_map_delete_elem(sockets, &key);
	return r == -ENOENT ? 0 : r;
}

static int detach_link(const char *folder, const char *name)
{
	_cleanup_close_ int link = pin_get(folder, name);
	int r = link < 0 ? link : bpf_link_detach(link);

	return r == -ENOENT ? 0 : r;
}

static void note(int r, const char *what, const char *name, int *first, struct problem *problem)
{
	if (r < 0 && *first == 0)
		*first = problem_set(problem, r, "%s %s: %s", what, name, strerror(-r));
}

static int unlink_all(const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	int r = 0;

	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.' && unlinkat(dirfd(directory), entry->d_name, 0) < 0 && r == 0)
			r = -errno;
	closedir(directory);
	if (rmdir(folder) < 0 && r == 0)
		r = -errno;
	return r;
}

int pin_remove(const char *folder, struct problem *problem)
{
	int first = 0;

	if (access(folder, F_OK) < 0 && errno == ENOENT)
		return 0;
	for (const char *const *link = pin_links; *link; link++)
		note(detach_link(folder, *link), "cannot detach", *link, &first, problem);
	note(release_sockets(folder), "cannot release the sockets of", folder, &first, problem);
	note(unlink_all(folder), "cannot remove", folder, &first, problem);
	return first;
}

/* Ours: the name, and a map only the guard has. */
static bool program_is_ours(uint32_t id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	uint32_t maps[16] = {0}, size = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = 16, .map_ids = (uintptr_t)maps};

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || !is_link(info.name))
		return false;
	for (unsigned i = 0; i < info.nr_map_ids && i < 16; i++) {
		_cleanup_close_ int map = bpf_map_get_fd_by_id(maps[i]);
		struct bpf_map_info of = {0};

		size = sizeof(of);
		if (map >= 0 && bpf_obj_get_info_by_fd(map, &of, &size) == 0 && strcmp(of.name, "claims") == 0)
			return true;
	}
	return false;
}

int pin_remove_strays(void)
{
	uint32_t id = 0;
	int count = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);
		struct bpf_link_info info = {0};
		uint32_t size = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.type != BPF_LINK_TYPE_CGROUP)
			continue;
		if (info.cgroup.cgroup_id && program_is_ours(info.prog_id) && bpf_link_detach(fd) == 0)
			count++;
	}
	return count;
}

int pin_check(const char *folder, struct problem *problem)
{
	static const char *const others[] = {PIN_CONTROL, PIN_TABLES, PIN_SOCKETS, PIN_REQUEST, NULL};

	for (const char *const *name = pin_links; *name; name++) {
		_cleanup_close_ int link = pin_get(folder, *name);
		struct bpf_link_info info = {0};
		uint32_t size = sizeof(info);

		if (link < 0)
			return problem_set(problem, link, "%s/%s: %s", folder, *name, strerror(-link));
		if (bpf_obj_get_info_by_fd(link, &info, &size) == 0 && info.cgroup.cgroup_id == 0)
			return problem_set(problem, -ENOLINK, "somebody has detached the program %s", *name);
	}
	for (const char *const *name = others; *name; name++) {
		_cleanup_close_ int fd = pin_get(folder, *name);

		if (fd < 0)
			return problem_set(problem, fd, "%s/%s: %s", folder, *name, strerror(-fd));
	}
	return 0;
}
