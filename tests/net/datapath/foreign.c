/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another agent's program: two instructions that return a verdict, at a tcx hook.
 *
 *     foreign attach IF in|out VERDICT PIN    attach at the end of the chain and pin the link
 *     foreign list IF in|out                  names of the hook's programs, first to run first
 */
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <bw/defs.h>

#define PROGS_MAX 16

static int hook_of(const char *side)
{
	return strcmp(side, "in") ? 47 : 46; /* linux/bpf.h of 6.6, BPF_TCX_EGRESS and INGRESS */
}

static int attach(int ifindex, int hook, int verdict, const char *pin)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", insns,
				 BW_ARRAY_SIZE(insns), NULL);
	int link = prog < 0 ? -1 : bpf_link_create(prog, ifindex, (enum bpf_attach_type)hook, NULL);

	return link < 0 || bpf_obj_pin(link, pin) ? 1 : 0;
}

static int list(int ifindex, int hook)
{
	uint32_t ids[PROGS_MAX];
	uint32_t n = PROGS_MAX;

	if (bpf_prog_query(ifindex, (enum bpf_attach_type)hook, 0, NULL, ids, &n))
		return 1;
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(ids[i]);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			return 1;
		(void)puts(info.name);
		(void)close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int ifindex = argc > 3 ? (int)if_nametoindex(argv[2]) : 0;

	if (ifindex && argc == 6 && !strcmp(argv[1], "attach"))
		return attach(ifindex, hook_of(argv[3]), atoi(argv[4]), argv[5]);
	if (ifindex && argc == 4 && !strcmp(argv[1], "list"))
		return list(ifindex, hook_of(argv[3]));
	return 2;
}
