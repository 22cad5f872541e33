/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The miss path: what the stream programs cost a packet of anybody else, against a program that does nothing.
 * BPF_PROG_TEST_RUN repeats each in the kernel; the thread's processor time is taken, so that time spent in other
 * processes does not count. Both are run in turn, and each pair gives one ratio.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.h"
#include "bpf/endpoint.h"
#include "call/service.h"
#include "empty.h"
#include "probe.skel.h"

#define REPEAT 1000000
#define ROUNDS 24

struct packet {
	struct ethhdr ethernet;
	union {
		struct {
			struct iphdr ip;
			struct tcphdr tcp;
		} v4;
		struct {
			struct ip6_hdr ip;
			struct tcphdr tcp;
		} v6;
	};
} __attribute__((packed));

static void packet_v4(struct packet *p, const char *address)
{
	*p = (struct packet){.ethernet.h_proto = htons(ETH_P_IP)};
	p->v4.ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
	p->v4.ip.tot_len = htons(sizeof(p->v4));
	p->v4.tcp.doff = sizeof(struct tcphdr) / 4;
	inet_pton(AF_INET, "192.0.2.1", &p->v4.ip.saddr);
	inet_pton(AF_INET, address, &p->v4.ip.daddr);
}

static void packet_v6(struct packet *p, const char *address)
{
	*p = (struct packet){.ethernet.h_proto = htons(ETH_P_IPV6)};
	p->v6.ip.ip6_vfc = 6 << 4;
	p->v6.ip.ip6_hlim = 64;
	p->v6.ip.ip6_nxt = IPPROTO_TCP;
	p->v6.ip.ip6_plen = htons(sizeof(p->v6.tcp));
	p->v6.tcp.doff = sizeof(struct tcphdr) / 4;
	inet_pton(AF_INET6, "2001:db8::1", &p->v6.ip.ip6_src);
	inet_pton(AF_INET6, address, &p->v6.ip.ip6_dst);
}

/* As probe_new() does, with the endpoints every run has. */
static struct probe_bpf *load_probe(void)
{
	struct endpoints *endpoints = calloc(1, sizeof(*endpoints));
	struct probe_bpf *skeleton = probe_bpf__open();

	if (!skeleton || !endpoints)
		die("the programs cannot be opened");
	endpoints_init(endpoints);
	for (unsigned i = 0; i < endpoints->count; i++) {
		uint32_t word, bit;

		memcpy(&word, endpoints->list[i].address.ip + 12, sizeof(word));
		bit = endpoint_bit(word);
		skeleton->rodata->cfg_endpoint_bits[bit / 64] |= 1ULL << (bit % 64);
	}
	free(endpoints);
	if (probe_bpf__load(skeleton) < 0)
		die("the programs cannot be loaded");
	return skeleton;
}

/* ns for one run. */
static double run(int program, const struct packet *p, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = p, .data_size_in = (__u32)size, .repeat = REPEAT);
	uint64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);

	if (bpf_prog_test_run_opts(program, &o) < 0)
		die("BPF_PROG_TEST_RUN");
	if (o.retval != 1) {
		errno = 0;
		die("a program did not say 1");
	}
	return (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - began) / REPEAT;
}

static void compare(const char *name, int program, int empty, const struct packet *p, size_t size)
{
	struct samples ratios, nothing, ours;
	char label[64];

	samples_init(&ratios, ROUNDS);
	samples_init(&nothing, ROUNDS);
	samples_init(&ours, ROUNDS);
	run(program, p, size);
	run(empty, p, size);
	for (int i = 0; i < ROUNDS; i++) {
		bool first = i % 2;
		double a = run(first ? empty : program, p, size);
		double b = run(first ? program : empty, p, size);

		samples_add(&nothing, first ? a : b);
		samples_add(&ours, first ? b : a);
		samples_add(&ratios, first ? b / a : a / b);
	}
	snprintf(label, sizeof(label), "%s.ratio", name);
	samples_print(&ratios, label);
	snprintf(label, sizeof(label), "%s.ns", name);
	samples_print(&ours, label);
	snprintf(label, sizeof(label), "%s.empty_ns", name);
	samples_print(&nothing, label);
	samples_done(&ratios);
	samples_done(&nothing);
	samples_done(&ours);
}

int main(void)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct probe_bpf *skeleton;
	struct packet v4, v6;
	size_t v4_size = sizeof(v4.ethernet) + sizeof(v4.v4), v6_size = sizeof(v6.ethernet) + sizeof(v6.v6);
	int egress, ingress, empty;

	go_first();
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	packet_v4(&v4, "198.51.100.7");
	packet_v6(&v6, "2001:db8::7");
	skeleton = load_probe();
	egress = bpf_program__fd(skeleton->progs.stream_egress);
	ingress = bpf_program__fd(skeleton->progs.stream_ingress);
	empty = empty_program();
	compare("egress.v4", egress, empty, &v4, v4_size);
	compare("egress.v6", egress, empty, &v6, v6_size);
	compare("ingress.v4", ingress, empty, &v4, v4_size);
	compare("ingress.v6", ingress, empty, &v6, v6_size);
	probe_bpf__destroy(skeleton);
	return 0;
}
