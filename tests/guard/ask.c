/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask CASES CALLER: the table of tests/guard/cases, asked of the kernel. Each set of rules is put in force; for each
 * question a process with that user, these groups, that executable and that cgroup connects and sends the request. What
 * it gets, what arrives, and which rule has a hit more must be what the table says.
 *
 * Needs root, and makes a network namespace of its own: the addresses are on its lo. The guard is off afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "capture/cgroup.h"
#include "cases.h"
#include "guard/compile.h"
#include "guard/gate.h"

#define LISTENERS     16
#define CGROUPS_MADE  256
#define UNKNOWN_DEPTH 20 /* more than the kernel program climbs: CGROUP_DEPTH in src/bpf/caller.bpf.h */
#define UNKNOWN_NAME  "imdsnitch-ask"

struct listener {
	struct call_address address;
	int socket;
};

static struct asker {
	const char *caller;
	int cgroup_root;
	char *made[CGROUPS_MADE];
	unsigned made_count;
	struct listener listener[LISTENERS];
	unsigned listeners;
	struct rules *rules;
	struct table *table[2]; /* by `legacy` */
	int in_force;           /* which of them; -1: none */
	struct gate_status before, after;
	unsigned questions, wrong;
} asker = {.in_force = -1};

static void cgroups_remove(void)
{
	while (asker.made_count) {
		char *path = asker.made[--asker.made_count];

		unlinkat(asker.cgroup_root, path, AT_REMOVEDIR);
		free(path);
	}
}

static _Noreturn void broken(const char *what, const char *why)
{
	fprintf(stderr, "ask: %s: %s\n", what, why);
	cgroups_remove();
	gate_off(NULL);
	exit(1);
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		broken(command, "it failed");
}

static int listen_at(const struct call_address *a)
{
	struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	int s = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, r = -1;

	memcpy(&here.sin6_addr, a->ip, sizeof(a->ip));
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* A new address is there when a worker of the kernel has looked at it. */
	for (int i = 0; i < 500 && (r = bind(s, (void *)&here, sizeof(here))) < 0 && errno == EADDRNOTAVAIL; i++)
		usleep(10000);
	if (r < 0 || listen(s, 16) < 0)
		broken("listening", strerror(errno));
	return s;
}

/* The socket that listens there; the first question about an address brings it up. */
static int listener_of(const struct call_address *a)
{
	char text[CALL_ADDRESS_TEXT];
	struct listener *l = asker.listener;

	for (unsigned i = 0; i < asker.listeners; i++, l++)
		if (memcmp(l->address.ip, a->ip, sizeof(a->ip)) == 0 && l->address.port == a->port)
			return l->socket;
	if (asker.listeners == LISTENERS)
		broken("listening", "too many addresses");
	call_address_text(a, text);
	run("ip address replace %s/%d dev lo", text, call_address_is_ipv4(a) ? 32 : 128);
	*l = (struct listener){.address = *a, .socket = listen_at(a)};
	asker.listeners++;
	return l->socket;
}

static void cgroup_make(const char *path)
{
	char part[PATH_MAX];

	for (const char *end = path; *end;) {
		end += strcspn(end + 1, "/") + 1;
		snprintf(part, sizeof(part), ".%.*s", (int)(end - path), path);
		if (mkdirat(asker.cgroup_root, part, 0755) == 0) {
			if (asker.made_count == CGROUPS_MADE)
				broken(part, "too many cgroups");
			asker.made[asker.made_count++] = strdup(part);
		} else if (errno != EEXIST) {
			broken(part, strerror(errno));
		}
	}
}

/* "." and the path of the cgroup to be in, made first; "?" is one too deep to be known. */
static void cgroup_of(const struct question *q, char path[static PATH_MAX])
{
	size_t used = 0;

	if (q->cgroup.data) {
		snprintf(path, PATH_MAX, "%.*s", (int)q->cgroup.length, q->cgroup.data);
	} else {
		for (unsigned i = 0; i < UNKNOWN_DEPTH; i++)
			used += (size_t)snprintf(path + used, PATH_MAX - used, "/" UNKNOWN_NAME);
	}
	if (strcmp(path, "/") != 0)
		cgroup_make(path);
	memmove(path + 1, path, strlen(path) + 1);
	path[0] = '.';
}

static void cgroup_enter(const char *path)
{
	int folder = openat(asker.cgroup_root, path, O_DIRECTORY | O_CLOEXEC);
	int procs = openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (write(procs, "0", 1) != 1) {
		perror(path);
		_exit(ASK_BROKEN);
	}
}

static bool copy(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	ssize_t n = in < 0 || out < 0 ? -1 : 0;

	while (n >= 0 && (n = read(in, bytes, sizeof(bytes))) > 0)
		n = write(out, bytes, (size_t)n);
	close(in);
	close(out);
	return n == 0;
}

/* A root with nothing but the executable: its path is what the question says, for the kernel, too. */
static bool root_enter(const char *exe)
{
	char path[PATH_MAX + sizeof("/tmp")];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/tmp", "tmpfs", 0, "mode=755") < 0)
		return false;
	snprintf(path, sizeof(path), "/tmp%s", exe);
	for (char *at = path + 5; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(path, 0755);
	}
	return copy(asker.caller, path) && chdir("/tmp") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
	       umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

static bool become(const struct question *q)
{
	gid_t *groups = (gid_t *)q->groups;

	return setgroups(q->group_count - 1, groups + 1) == 0 && setresgid(groups[0], groups[0], groups[0]) == 0 &&
	       setresuid(q->uid, q->uid, q->uid) == 0;
}

static _Noreturn void be_caller(const struct question *q, const char *cgroup)
{
	char exe[PATH_MAX], ip[CALL_ADDRESS_TEXT], port[8], head[8192];
	char kind[4] = "tcp", *words[] = {exe, kind, ip, port, q->head.length ? head : NULL, NULL};

	snprintf(exe, sizeof(exe), "%.*s", q->exe.data ? (int)q->exe.length : 8,
		 q->exe.data ? q->exe.data : "/unknown");
	snprintf(port, sizeof(port), "%u", q->address.port);
	snprintf(head, sizeof(head), "%.*s", (int)q->head.length, q->head.data ? q->head.data : "");
	call_address_text(&q->address, ip);
	if (q->datagram)
		memcpy(kind, "udp", sizeof(kind));
	cgroup_enter(cgroup);
	if (root_enter(exe) && become(q) && (q->exe.data || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0))
		execv(exe, words);
	perror("ask: becoming the caller");
	_exit(ASK_BROKEN);
}

static int caller_run(const struct question *q)
{
	char cgroup[PATH_MAX + 1];
	int status;
	pid_t pid;

	cgroup_of(q, cgroup);
	pid = fork();
	if (pid == 0)
		be_caller(q, cgroup);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		broken("a caller", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : ASK_BROKEN;
}

/* What the listener received; -1: nobody connected. */
static ssize_t received(int listener)
{
	char bytes[16384];
	int s = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ssize_t sum = 0, n;

	if (s < 0)
		return -1;
	while ((n = recv(s, bytes, sizeof(bytes), 0)) > 0)
		sum += n;
	close(s);
	return sum;
}

static void no_mistake(void *context, const char *text)
{
	broken("the rules", text);
}

static void forget(void)
{
	asker.rules = rules_free(asker.rules);
	for (unsigned i = 0; i < 2; i++) {
		free(asker.table[i]);
		asker.table[i] = NULL;
	}
	asker.in_force = -1;
}

static void on_rules(void *context, const char *name, struct span text)
{
	struct problem problem = {0};

	forget();
	rules_parse(name, text, NULL, no_mistake, NULL, &asker.rules);
	asker.rules->mode = TABLE_ENFORCE;
	for (unsigned i = 0; i < 2; i++)
		if (rules_compile(asker.rules, NULL, i, &asker.table[i], &problem) < 0)
			broken(name, problem.text);
}

static void hits(struct gate_status *s)
{
	struct problem problem = {0};

	gate_status_done(s);
	if (gate_status_read(s, &problem) < 0 || !s->whole)
		broken("the state of the guard", problem.text);
}

static void put_in_force(bool legacy)
{
	struct problem problem = {0};

	if (asker.in_force == legacy)
		return;
	if (gate_apply(asker.table[legacy], &asker.rules->endpoints, NULL, &problem) < 0)
		broken("putting rules in force", problem.text);
	asker.in_force = legacy;
}

static uint64_t more_hits(unsigned rule)
{
	if (rule == TABLE_NONE)
		return asker.after.none.hits - asker.before.none.hits;
	return asker.after.rule[rule].hits - asker.before.rule[rule].hits;
}

static void wrong(const struct cases_question *c, const char *what, long got, long expected)
{
	printf("cases:%u: %s: %s: %ld, expected %ld\n", c->line, c->text, what, got, expected);
	asker.wrong++;
}

/* One hit of the rule in that line, or of none, and no other. Without a decision there is none. */
static void check_hits(const struct cases_question *c)
{
	const struct table *t = asker.table[c->legacy];

	for (unsigned i = 0; i < t->rules; i++) {
		bool mine = t->line[i] == c->rule_line && strcmp(c->verdict, "later") != 0;

		if (more_hits(i) != mine)
			wrong(c, "hits of a rule", (long)more_hits(i), mine);
	}
	if (more_hits(TABLE_NONE) != (c->rule_line == 0))
		wrong(c, "hits of no rule", (long)more_hits(TABLE_NONE), c->rule_line == 0);
}

static int expected_status(const char *verdict)
{
	if (strcmp(verdict, "eperm") == 0)
		return ASK_EPERM;
	return strcmp(verdict, "eacces") == 0 ? ASK_EACCES : ASK_ALLOW;
}

static void on_question(void *context, const struct cases_question *c)
{
	const struct question *q = &c->question;
	int listener = q->datagram ? -1 : listener_of(&q->address);
	int expected = expected_status(c->verdict), status;
	long arrives = expected == ASK_EPERM ? -1 : expected == ASK_EACCES ? 0 : (long)q->head.length;
	ssize_t arrived;

	asker.questions++;
	put_in_force(c->legacy);
	hits(&asker.before);
	status = caller_run(q);
	hits(&asker.after);
	if (status != expected)
		wrong(c, "the verdict", status, expected);
	arrived = q->datagram ? arrives : received(listener);
	if (arrived != arrives)
		wrong(c, "bytes that arrived", arrived, arrives);
	check_hits(c);
}

int main(int argc, char **argv)
{
	const struct cases_reader reader = {.rules = on_rules, .question = on_question};
	struct problem problem = {0};

	if (argc != 3) {
		fprintf(stderr, "usage: ask CASES CALLER\n");
		return 2;
	}
	asker.caller = argv[2];
	asker.cgroup_root = cgroup_root_open(&problem);
	if (asker.cgroup_root < 0 || unshare(CLONE_NEWNET) < 0)
		broken("a network namespace of its own", problem.text);
	run("ip link set lo up");
	cases_read(argv[1], &reader);
	forget();
	gate_status_done(&asker.before);
	gate_status_done(&asker.after);
	cgroups_remove();
	if (gate_off(&problem) < 0)
		broken("opening the gate", problem.text);
	printf("%u questions, %u wrong\n", asker.questions, asker.wrong);
	return asker.wrong || asker.questions < 100;
}
