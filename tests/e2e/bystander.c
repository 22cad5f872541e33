// SPDX-License-Identifier: Apache-2.0
/*
 * bystander CGROUP ADDRESS FILE [alone]: somebody else's cgroup_skb egress program, as systemd makes one for
 * IPAddressDeny=: drops what goes to ADDRESS, until the end of the process. Makes FILE when it is attached. `alone`:
 * without BPF_F_ALLOW_MULTI, so that nothing goes beside it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#define INSTRUCTION(c, d, s, o, i)                                                                                     \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static int load(uint32_t address)
{
	const struct bpf_insn program[] = {
		INSTRUCTION(BPF_LDX | BPF_MEM | BPF_W, 0, 1, offsetof(struct __sk_buff, remote_ip4), 0),
		INSTRUCTION(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, (int)address),
		INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
		INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = BPF_CGROUP_INET_EGRESS);

	return bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "bystander", "GPL", program, sizeof(program) / sizeof(*program),
			     &o);
}

int main(int argc, char **argv)
{
	int cgroup, program, r;
	struct in_addr address;

	if (argc < 4 || inet_pton(AF_INET, argv[2], &address) != 1)
		errx(2, "expected: CGROUP ADDRESS FILE [alone]");
	cgroup = open(argv[1], O_RDONLY | O_DIRECTORY);
	program = load(address.s_addr);
	if (cgroup < 0 || program < 0)
		err(1, "%s", argv[1]);
	r = bpf_prog_attach(program, cgroup, BPF_CGROUP_INET_EGRESS, argc > 4 ? 0 : BPF_F_ALLOW_MULTI);
	if (r < 0)
		err(1, "attach");
	close(open(argv[3], O_CREAT | O_WRONLY, 0644));
	while (getppid() != 1 && access(argv[3], F_OK) == 0)
		usleep(20000);
	r = bpf_prog_detach2(program, cgroup, BPF_CGROUP_INET_EGRESS);
	return r < 0;
}
