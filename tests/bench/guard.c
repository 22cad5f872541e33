/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard. The miss path as bench-miss takes the probe's; and what a verdict costs with 64 rules of 16 selectors: the
 * kernel's own account of each program's time (BPF_ENABLE_STATS, its clock reads included) over requests on connections
 * to an endpoint in a network namespace of its own. The programs hang on a cgroup made for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/problem.h"
#include "bench.h"
#include "bpf/guard.h"
#include "capture/cgroup.h"
#include "empty.h"
#include "guard.skel.h"
#include "guard/compile.h"
#include "guard/slot.h"

#define REPEAT      1000000
#define ROUNDS      24
#define CONNECTIONS 200
#define REQUESTS    100
#define RULES       64

static const char request[] = "GET /latest/meta-data/iam/security-credentials/some-role HTTP/1.1\r\n"
			      "Host: 169.254.169.254\r\nUser-Agent: Boto3/1.26.27 Python/3.11.2\r\n"
			      "X-aws-ec2-metadata-token: AQAEASECRETMARKERtoken00000000==\r\nAccept: */*\r\n\r\n";

struct packet {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static void tell(void *context, const char *text)
{
	fprintf(stderr, "%s\n", text);
}

/* Rules of 16 selectors that have to be looked at all, and none of them decides; the last one allows. */
static void rules_text(struct buffer *text, int count)
{
	buffer_printf(text, "mode enforce\n");
	for (int i = 1; i < count; i++)
		buffer_printf(
			text,
			"deny user %d group %d not user %d not class token exe /opt/tool%d/bin/* not exe /opt/other%d "
			"unit tool%d.service container tool%d cgroup /tool%d.slice/ not address 10.0.0.0/8 "
			"service ec2 address 169.254.169.254 version v2 class credentials not method PUT "
			"path /latest/meta-data/iam/%d not path /latest/dynamic/%d\n",
			1000 + i, 2000 + i, 3000 + i, i, i, i, i, i, i, i);
	buffer_printf(text, "allow\n");
}

static struct table *table_new(int count, struct endpoints *ret_endpoints)
{
	struct buffer text = {0};
	struct problem problem = {0};
	struct rules *rules = NULL;
	struct table *table = NULL;

	rules_text(&text, count);
	errno = 0;
	if (rules_parse("bench", (struct span){text.data, text.length}, NULL, tell, NULL, &rules) < 0)
		die("the rules cannot be read");
	if (rules_compile(rules, "aws", false, &table, &problem) < 0) {
		fprintf(stderr, "%s\n", problem.text);
		die("the rules cannot be compiled");
	}
	*ret_endpoints = rules->endpoints;
	rules_free(rules);
	buffer_done(&text);
	return table;
}

struct guard {
	struct guard_bpf *programs;
	struct guard_slot *slots;
};

/* Puts so many rules in force. */
static void rule_with(const struct guard *g, int count)
{
	struct guard_endpoints *e = calloc(1, sizeof(*e));
	struct endpoints endpoints;
	struct problem problem = {0};
	struct table *table = table_new(count, &endpoints);

	if (!e || slot_endpoints(&endpoints, e, &problem) < 0)
		die("the table cannot be made");
	slot_swap(&g->programs->bss->control, g->slots, table, e);
	free(table);
	free(e);
}

static struct guard guard_load(void)
{
	struct guard g = {.programs = guard_bpf__open_and_load()};

	if (!g.programs)
		die("the programs cannot be loaded");
	g.slots = mmap(NULL, 2 * sizeof(*g.slots), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(g.programs->maps.tables), 0);
	if (g.slots == MAP_FAILED)
		die("the table cannot be mapped");
	rule_with(&g, RULES);
	return g;
}

/* ns for one run. */
static double run(int program, const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p, .data_size_in = sizeof(*p), .repeat = REPEAT);
	uint64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);

	if (bpf_prog_test_run_opts(program, &o) < 0 || o.retval != 1)
		die("BPF_PROG_TEST_RUN");
	return (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - began) / REPEAT;
}

static void miss(struct guard_bpf *s)
{
	struct packet p = {.ethernet.h_proto = htons(ETH_P_IP)};
	int ours = bpf_program__fd(s->progs.guard_egress), empty = empty_program();
	struct samples ratios, nothing;

	p.ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
	p.ip.tot_len = htons(sizeof(p.ip) + sizeof(p.tcp));
	p.tcp.doff = sizeof(p.tcp) / 4;
	inet_pton(AF_INET, "192.0.2.1", &p.ip.saddr);
	inet_pton(AF_INET, "198.51.100.7", &p.ip.daddr);
	samples_init(&ratios, ROUNDS);
	samples_init(&nothing, ROUNDS);
	run(ours, &p);
	for (int i = 0; i < ROUNDS; i++) {
		double a = run(i % 2 ? empty : ours, &p), b = run(i % 2 ? ours : empty, &p);

		samples_add(&ratios, i % 2 ? b / a : a / b);
		samples_add(&nothing, i % 2 ? a : b);
	}
	samples_print(&ratios, "egress.ratio");
	samples_print(&nothing, "empty.ns");
	samples_done(&ratios);
	samples_done(&nothing);
}

static int listen_on(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 || listen(fd, 64) < 0)
		die("cannot listen");
	return fd;
}

/* Sends, and reads at the other end of the same connection, both in this process. */
static void calls(const struct sockaddr_in *a, int listening)
{
	int to, from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char sink[4096];

	if (connect(from, (const struct sockaddr *)a, sizeof(*a)) < 0)
		die("cannot connect");
	to = accept(listening, NULL, NULL);
	for (int k = 0; k < REQUESTS; k++) {
		if (send(from, request, sizeof(request) - 1, 0) != sizeof(request) - 1)
			die("a request was not sent");
		for (size_t got = 0; got < sizeof(request) - 1;) {
			ssize_t n = recv(to, sink, sizeof(sink), 0);

			if (n <= 0)
				die("a request did not arrive");
			got += (size_t)n;
		}
	}
	close(from);
	close(to);
}

/* What the kernel has booked for a program since the last time. */
struct account {
	const char *name;
	int program;
	uint64_t time, runs;
	struct samples samples;
};

static void account_take(struct account *a)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(a->program, &info, &size) < 0)
		die("the kernel keeps no account");
	if (info.run_cnt > a->runs && a->runs)
		samples_add(&a->samples, (double)(info.run_time_ns - a->time) / (double)(info.run_cnt - a->runs));
	a->time = info.run_time_ns;
	a->runs = info.run_cnt;
}

static void hang(struct guard_bpf *s, int cgroup)
{
	struct bpf_program *programs[] = {s->progs.guard_connect4, s->progs.guard_sockops, s->progs.guard_egress};

	for (int i = 0; i < 3; i++)
		if (!bpf_program__attach_cgroup(programs[i], cgroup))
			die("a program cannot be attached");
	if (bpf_prog_attach(bpf_program__fd(s->progs.guard_request), bpf_map__fd(s->maps.sockets), BPF_SK_MSG_VERDICT,
			    0) < 0)
		die("sk_msg cannot be attached");
}

#define ACCOUNTS 3

/* Takes each account over CONNECTIONS connections; names end with `rules`. */
static void accounts_take(struct account accounts[static ACCOUNTS], const struct sockaddr_in *a, int listening,
			  const char *rules)
{
	char name[64];

	for (int k = 0; k < ACCOUNTS; k++) {
		samples_init(&accounts[k].samples, CONNECTIONS);
		account_take(&accounts[k]);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		calls(a, listening);
		for (int k = 0; k < ACCOUNTS; k++)
			account_take(&accounts[k]);
	}
	for (int k = 0; k < ACCOUNTS; k++) {
		snprintf(name, sizeof(name), "%s.%s", accounts[k].name, rules);
		samples_print(&accounts[k].samples, name);
		samples_done(&accounts[k].samples);
	}
}

static void verdicts(const struct guard *g, int cgroup)
{
	struct guard_bpf *s = g->programs;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
	struct account accounts[ACCOUNTS] = {
		{.name = "connect", .program = bpf_program__fd(s->progs.guard_connect4)},
		{.name = "request", .program = bpf_program__fd(s->progs.guard_request)},
		{.name = "egress", .program = bpf_program__fd(s->progs.guard_egress)},
	};
	int stats, listening;

	inet_pton(AF_INET, "169.254.169.254", &a.sin_addr);
	if (unshare(CLONE_NEWNET) < 0 ||
	    system("ip link set lo up && ip address add 169.254.169.254/32 dev lo") != 0) /* NOLINT(cert-env33-c) */
		die("no network namespace");
	hang(s, cgroup);
	listening = listen_on(&a);
	calls(&a, listening);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		die("BPF_ENABLE_STATS");
	accounts_take(accounts, &a, listening, "many");
	rule_with(g, 1);
	accounts_take(accounts, &a, listening, "one");
	close(stats);
}

/* A cgroup of our own, with us in it. */
static int cgroup_enter(const char *name)
{
	struct problem problem = {0};
	_cleanup_close_ int root = cgroup_root_open(&problem), members = -1;
	int fd;

	if (root < 0 || (mkdirat(root, name, 0755) < 0 && errno != EEXIST))
		die("no cgroup");
	fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	members = openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || members < 0 || write(members, "0", 1) != 1)
		die("no cgroup");
	return fd;
}

int main(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct problem problem = {0};
	char name[64];
	int root = cgroup_root_open(&problem), status = 2;
	pid_t child;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	snprintf(name, sizeof(name), "imdsnitch-bench-%d", (int)getpid());
	child = fork();
	if (child == 0) {
		int cgroup = cgroup_enter(name);
		struct guard g = guard_load();

		go_first();
		miss(g.programs);
		verdicts(&g, cgroup);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	unlinkat(root, name, AT_REMOVEDIR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
