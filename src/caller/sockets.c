/* SPDX-License-Identifier: Apache-2.0 */
#include "caller/sockets.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#define NAMESPACES_MAX  1024
#define LINES_MAX       (1 << 18) /* over all namespaces: about 0.4 s of reading */
#define DESCRIPTORS_MAX (1 << 18)
#define SECONDS_MAX     2     /* a table costs 5 ms to walk on a host with 24 GB, however few lines it has */
#define CHUNK           16384 /* of a table: over 100 lines a read */

/* include/net/tcp_states.h: ESTABLISHED, SYN_SENT, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT */
#define STATES_OPEN     (1U << 1 | 1U << 2 | 1U << 4 | 1U << 5 | 1U << 8)

struct search {
	int proc;
	sockets_match match;
	void *data;
	struct open_sockets *out;
	time_t deadline; /* s, CLOCK_MONOTONIC */
	unsigned namespaces, lines, descriptors, unowned;
	uint32_t seen[NAMESPACES_MAX];
};

static void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static DIR *open_directory(int at, const char *name)
{
	_cleanup_close_ int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d)
		take_fd(&fd);
	return d;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly `digits` upper-case hex digits. */
static bool take_hex(struct span *s, size_t digits, uint32_t *ret)
{
	uint32_t n = 0;

	if (s->length < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int digit = hex_digit(s->data[i]);

		if (digit < 0)
			return false;
		n = n << 4 | (uint32_t)digit;
	}
	*s = (struct span){s->data + digits, s->length - digits};
	*ret = n;
	return true;
}

static bool take(struct span *s, char c)
{
	if (s->length == 0 || s->data[0] != c)
		return false;
	*s = (struct span){s->data + 1, s->length - 1};
	return true;
}

static bool skip_blanks(struct span *s)
{
	bool any = false;

	while (take(s, ' '))
		any = true;
	return any;
}

static bool skip_field(struct span *s)
{
	while (s->length && s->data[0] != ' ')
		*s = (struct span){s->data + 1, s->length - 1};
	return skip_blanks(s);
}

/* "0100007F:0050": each 32 bits of the address as a number of the host's byte order (net/ipv4/tcp_ipv4.c). */
static bool take_address(struct span *s, uint8_t ip[16], uint16_t *port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const char *colon = s->length ? memchr(s->data, ':', s->length) : NULL;
	size_t words = colon ? (size_t)(colon - s->data) / 8 : 0;
	uint32_t word;

	if (words != 1 && words != 4)
		return false;
	memcpy(ip, mapped, sizeof(mapped));
	for (size_t i = 0; i < words; i++) {
		if (!take_hex(s, 8, &word))
			return false;
		memcpy(ip + (words == 1 ? 12 : i * 4), &word, 4);
	}
	if (!take(s, ':') || !take_hex(s, 4, &word))
		return false;
	*port = (uint16_t)word;
	return skip_blanks(s);
}

/* sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode … */
bool sockets_parse_line(struct span line, struct open_socket *ret_socket)
{
	struct open_socket socket = {0};
	uint64_t number;

	skip_blanks(&line);
	if (!span_take_decimal(&line, &number) || !take(&line, ':') || !skip_blanks(&line) ||
	    !take_address(&line, socket.local, &socket.local_port) ||
	    !take_address(&line, socket.remote, &socket.remote_port) || !take_hex(&line, 2, &socket.state) ||
	    !skip_blanks(&line))
		return false;
	for (int field = 0; field < 5; field++)
		if (!skip_field(&line))
			return false;
	if (!span_take_decimal(&line, &socket.inode) || (line.length && line.data[0] != ' '))
		return false;
	*ret_socket = socket;
	return true;
}

static void note_line(struct search *s, struct span line, uint32_t netns)
{
	struct open_socket socket;

	if (!sockets_parse_line(line, &socket) || socket.state > 31 || !(STATES_OPEN & 1U << socket.state) ||
	    !s->match(socket.remote, socket.remote_port, s->data))
		return;
	s->out->count++;
	if (s->out->listed == OPEN_SOCKETS_MAX) {
		s->out->complete = false;
		return;
	}
	socket.netns = netns;
	s->unowned += socket.inode != 0;
	s->out->list[s->out->listed++] = socket;
}

/* Hands on the whole lines at the start of `text` and returns how many bytes they were. */
static size_t note_lines(struct search *s, struct span text, uint32_t netns)
{
	size_t done = 0;
	const char *end;

	while (text.length > done && (end = memchr(text.data + done, '\n', text.length - done))) {
		size_t length = (size_t)(end - text.data) - done;

		if (++s->lines > LINES_MAX)
			return 0;
		note_line(s, (struct span){text.data + done, length}, netns);
		done += length + 1;
	}
	return done;
}

/* Notes every line of a table. False when not all could be read. */
static bool read_table(struct search *s, int fd, uint32_t netns)
{
	char chunk[CHUNK];
	size_t used = 0, done;
	ssize_t n;

	while ((n = read(fd, chunk + used, sizeof(chunk) - used)) > 0) {
		used += (size_t)n;
		done = note_lines(s, (struct span){chunk, used}, netns);
		if (done == 0 && (s->lines > LINES_MAX || used == sizeof(chunk)))
			return false;
		used -= done;
		memmove(chunk, chunk + done, used);
	}
	return n == 0;
}

/* "PREFIX[INODE]" behind a link: 0, -EINVAL for any other target, or another -errno. */
static int read_inode(int at, const char *name, const char *prefix, uint64_t *ret)
{
	char target[64];
	ssize_t n = readlinkat(at, name, target, sizeof(target));
	struct span s = {target, n > 0 ? (size_t)n : 0};

	if (n < 0)
		return -errno;
	if (!span_starts(s, span_of(prefix)))
		return -EINVAL;
	s = (struct span){s.data + strlen(prefix), s.length - strlen(prefix)};
	return take(&s, '[') && span_take_decimal(&s, ret) && take(&s, ']') ? 0 : -EINVAL;
}

/* A process that ended is no gap: another one of its namespace serves, or there is none and no socket either. */
static void note_gap(struct search *s, int r)
{
	if (r != -ENOENT && r != -ESRCH)
		s->out->complete = false;
}

static time_t monotonic_seconds(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* True when this namespace was not seen before. */
static bool first_sight(struct search *s, uint32_t netns)
{
	for (unsigned i = s->namespaces; i-- > 0;)
		if (s->seen[i] == netns)
			return false;
	if (s->namespaces == NAMESPACES_MAX || monotonic_seconds() > s->deadline) {
		s->out->complete = false;
		return false;
	}
	s->seen[s->namespaces++] = netns;
	return true;
}

/*
 * Does a line "TCP: inuse N …" of sockstat or sockstat6 say that there are none? The kernel walks its whole hash for a
 * table (shared by all namespaces), but keeps this count for each: most pods' namespaces need no walk.
 */
static bool has_none(int process, const char *name, const char *line)
{
	_cleanup_close_ int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	const char *at = n > 0 ? memmem(text, (size_t)n, line, strlen(line)) : NULL;
	struct span rest;
	uint64_t count;

	if (!at)
		return false;
	rest = (struct span){at + strlen(line), (size_t)(text + n - at) - strlen(line)};
	return span_take_decimal(&rest, &count) && rest.length > 0 && count == 0;
}

/* Both tables are opened before one is read, and of a process that is still there: ENOENT then means no IPv6. */
static int read_namespace(struct search *s, int process, uint32_t netns)
{
	_cleanup_close_ int tcp = openat(process, "net/tcp", O_RDONLY | O_CLOEXEC);
	int error = tcp < 0 ? errno : 0;
	_cleanup_close_ int tcp6 = openat(process, "net/tcp6", O_RDONLY | O_CLOEXEC);
	int error6 = tcp6 < 0 ? errno : 0;
	bool none = has_none(process, "net/sockstat", "TCP: inuse "),
	     none6 = has_none(process, "net/sockstat6", "TCP6: inuse ");
	uint64_t now = 0;
	int r = read_inode(process, "ns/net", "net:", &now);

	if (r < 0)
		return r;
	if (error || now != netns)
		return error ? -error : -ESRCH;
	if ((!none && !read_table(s, tcp, netns)) || (tcp6 >= 0 && !none6 && !read_table(s, tcp6, netns)) ||
	    (error6 && error6 != ENOENT))
		s->out->complete = false;
	return 0;
}

static void search_namespace(struct search *s, const char *pid)
{
	_cleanup_close_ int process = openat(s->proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = process < 0 ? -errno : 0;
	uint64_t netns = 0;

	if (r == 0)
		r = read_inode(process, "ns/net", "net:", &netns);
	if (r == 0 && !first_sight(s, (uint32_t)netns))
		return;
	if (r == 0) {
		r = read_namespace(s, process, (uint32_t)netns);
		s->namespaces -= r < 0;
	}
	if (r < 0)
		note_gap(s, r);
}

static void note_owner(struct search *s, uint64_t inode, uint32_t pid)
{
	for (unsigned i = 0; i < s->out->listed; i++) {
		struct open_socket *socket = &s->out->list[i];

		if (socket->inode != inode || socket->pid)
			continue;
		socket->pid = pid;
		s->unowned--;
	}
}

static void search_descriptors(struct search *s, const char *pid)
{
	_cleanup_(cleanup_closedir) DIR *d = NULL;
	char name[32];
	struct dirent *entry;
	uint64_t inode;

	if (s->unowned == 0 || s->descriptors >= DESCRIPTORS_MAX)
		return;
	snprintf(name, sizeof(name), "%.10s/fd", pid);
	d = open_directory(s->proc, name);
	while (d && (entry = readdir(d)) && s->unowned && ++s->descriptors < DESCRIPTORS_MAX)
		if (read_inode(dirfd(d), entry->d_name, "socket:", &inode) == 0 && inode)
			note_owner(s, inode, (uint32_t)strtoul(pid, NULL, 10));
}

static int for_each_process(struct search *s, void (*visit)(struct search *, const char *))
{
	_cleanup_(cleanup_closedir) DIR *d = open_directory(s->proc, ".");
	struct dirent *entry;

	if (!d)
		return -errno;
	while ((entry = readdir(d)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			visit(s, entry->d_name);
	return 0;
}

int sockets_open(int proc, sockets_match match, void *data, struct open_sockets *ret_sockets)
{
	struct search s = {.proc = proc, .match = match, .data = data, .out = ret_sockets};
	int r;

	s.deadline = monotonic_seconds() + SECONDS_MAX;
	ret_sockets->count = ret_sockets->listed = 0;
	ret_sockets->complete = true;
	r = for_each_process(&s, search_namespace);
	if (r < 0 || s.unowned == 0)
		return r;
	return for_each_process(&s, search_descriptors);
}
