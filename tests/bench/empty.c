/* SPDX-License-Identifier: Apache-2.0 */
#include "empty.h"

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "bench.h"

int empty_program(void)
{
	const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", program, 2, NULL);

	if (fd < 0)
		die("the empty program cannot be loaded");
	return fd;
}
